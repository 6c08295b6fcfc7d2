"""Paths as people write them: ``~`` is their home, in files, flags and variables alike."""

from pathlib import Path
from typing import Annotated

__all__ = ["USER_PATH", "PathText", "expanded_text", "user_path"]

USER_PATH = "path"  # marks a setting that holds a path as text

#: The text of a path, or one of a few words instead of it; read by ``build_record``.
PathText = Annotated[str, USER_PATH]


def user_path(text: str | Path) -> Path:
    """The path, with ``~`` and ``~NAME`` expanded.

    A shell leaves them as they are in ``--cache=~/x`` and between quotes; a TOML file and a
    variable of a service never had a shell. A user who does not exist stays as written.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user, or no home
        return Path(text)


def expanded_text(text: str) -> str:
    """The same for a path that stays text; a word without ``~`` stays as it is."""
    return str(user_path(text)) if text.startswith("~") else text
