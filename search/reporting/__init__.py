"""What a study looks like: read in one place, printed as tables or JSON."""
