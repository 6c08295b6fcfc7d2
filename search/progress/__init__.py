"""What a running search shows: live view, plain lines, events."""
