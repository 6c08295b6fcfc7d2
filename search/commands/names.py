"""Flags with several names: given with commas between them, or listed in a help text."""

from collections.abc import Iterable

from search.errors import SettingsError

__all__ = ["one_of", "split_names"]


def split_names(flag: str, text: str) -> list[str]:
    """The names, without spaces around them.

    Args:
        flag: The flag, for the message.
        text: What was given for it, such as ``rgb,depth`` or ``rgb, depth``.

    Raises:
        SettingsError: If there is no name before, between or after commas.
    """
    names = [part.strip() for part in text.split(",")]
    if not all(names):
        raise SettingsError(
            f"{flag} {text!r} has an empty name: separate names with single commas, such as"
            " one,two"
        )
    return names


def one_of(names: Iterable[str]) -> str:
    """At least two names as a choice, such as ``a, b, or c``."""
    *others, last = names
    return f"{', '.join(others)}, or {last}"
