"""What both command lines print with: sizes, durations, progress lines, quoting, closed streams."""
