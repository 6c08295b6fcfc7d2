"""Checks of the pruners' settings."""

from search.errors import SettingsError

__all__ = ["check_count", "check_share"]


def check_share(name: str, value: float) -> None:
    """Refuse a share that is not between 0 and 1.

    Raises:
        SettingsError: If it is not.
    """
    if not 0 <= value <= 1:
        raise SettingsError(f"search.pruner_options.{name} = {value}: give a share from 0 to 1")


def check_count(name: str, value: int, *, least: int) -> None:
    """Refuse a number that is too small.

    Raises:
        SettingsError: If it is less than ``least``.
    """
    if value < least:
        raise SettingsError(f"search.pruner_options.{name} = {value}: give {least} or more")
