"""Figures of runs. Modules that need Matplotlib import it when they draw."""
