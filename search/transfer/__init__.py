"""Export and import of studies and trials."""
