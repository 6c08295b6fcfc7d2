"""The driver: the one process that makes every decision about a study, and its parts."""
