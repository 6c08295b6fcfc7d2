"""The one process that decides for a study, and what it decides with."""
