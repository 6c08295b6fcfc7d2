"""The command line: one file per command, and the flags that they share."""
