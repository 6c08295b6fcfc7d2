"""What both command lines print with: sizes, durations, progress, quoting, closed streams."""
