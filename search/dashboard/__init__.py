"""optuna-dashboard, served by this program on the database of the studies."""
