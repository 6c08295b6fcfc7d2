"""Studies as files, to move between databases."""
