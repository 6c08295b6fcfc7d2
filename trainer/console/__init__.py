"""Output of both command lines: sizes, durations, progress, quoting, closed streams."""
