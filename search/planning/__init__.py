"""Dry runs: what a search would do and cost, before it starts."""
