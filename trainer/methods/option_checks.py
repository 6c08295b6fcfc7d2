"""Checks of the methods' options, whose messages name the setting."""

from trainer.errors import ConfigError

__all__ = ["check_at_least", "check_below_one", "check_positive"]


def check_at_least(options: object, least: int, *names: str) -> None:
    """Refuse counts that are too small.

    Raises:
        ConfigError: If one of the named options is less than ``least``.
    """
    for name in names:
        value = getattr(options, name)
        if value < least:
            raise ConfigError(
                f"method.options.{name} = {value} is too small: give {least} or more"
            )


def check_below_one(options: object, *names: str) -> None:
    """Refuse shares that are not from 0 to below 1.

    Raises:
        ConfigError: If one of the named options is out of range.
    """
    for name in names:
        value = getattr(options, name)
        if not 0 <= value < 1:
            raise ConfigError(
                f"method.options.{name} = {value:g} is out of range: give 0 or more, below 1"
            )


def check_positive(options: object, *names: str) -> None:
    """Refuse numbers that are not positive.

    Raises:
        ConfigError: If one of the named options is 0, negative or not a number.
    """
    for name in names:
        value = getattr(options, name)
        if not value > 0:
            raise ConfigError(
                f"method.options.{name} = {value:g} is out of range: give a positive number"
            )
