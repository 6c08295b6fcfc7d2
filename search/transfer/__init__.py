"""Export and import of studies, to move them between databases."""
