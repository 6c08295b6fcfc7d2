"""Serve optuna-dashboard for the studies of a database."""
