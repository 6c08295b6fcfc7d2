"""Paths given by users: ``~`` is their home in files, flags and environment variables."""

from pathlib import Path
from typing import Annotated

__all__ = ["USER_PATH", "PathText", "expanded_text", "user_path"]

USER_PATH = "path"  # marks a setting that holds a path as text

#: The text of a path, or one of a few words instead of it; read by ``build_record``.
PathText = Annotated[str, USER_PATH]


def user_path(text: str | Path) -> Path:
    """The path, with ``~`` and ``~NAME`` expanded.

    A shell does not expand them in ``--cache=~/x`` or between quotes, nor does anything in a TOML
    file or a service's environment. The name of a user who does not exist is left as it is.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user, or no home
        return Path(text)


def expanded_text(text: str) -> str:
    """The same for a path given as text; text without ``~`` stays as it is."""
    return str(user_path(text)) if text.startswith("~") else text
