"""Keeps Optuna's own messages off the terminal."""

__all__ = ["quiet_optuna"]


def quiet_optuna() -> None:
    """Let Optuna print only warnings."""
    import optuna  # lazily: commands that only read do not use it

    optuna.logging.set_verbosity(optuna.logging.WARNING)
