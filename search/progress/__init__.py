"""The display of a running search: live view, plain lines, events."""
