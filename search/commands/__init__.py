"""The command line: one file per command, option groups, signals."""
