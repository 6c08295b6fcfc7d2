"""Where the pictures of an exported study stay, which no file of a study holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from search.records.stored_picture import places_of

__all__ = ["artifact_folder", "picture_lines"]


def picture_lines(attributes: Mapping[str, Any]) -> Sequence[str]:
    """One line for a study with pictures.

    Args:
        attributes: System attributes of the study.
    """
    places = places_of(attributes)
    if not places:
        return ()
    return (f"its pictures stay in {' and '.join(places)}: copy them, too, to see them elsewhere",)


def artifact_folder(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """The flag with which stock optuna-dashboard shows the pictures, if they are in a folder."""
    folders = [place for place in places_of(attributes) if "://" not in place]
    return ("--artifact-dir", folders[0]) if folders else ()
