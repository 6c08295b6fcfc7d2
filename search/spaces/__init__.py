"""Search spaces by name. A new one is one file and one line in the table."""

from collections.abc import Callable, Mapping

from search.errors import SettingsError
from search.spaces.paper import paper_space
from search.spaces.space import Space
from trainer.knobs import Knob

__all__ = ["SPACES", "Space", "build_space"]

#: Each builds a space from the knobs that the configured method declares.
SPACES: Mapping[str, Callable[[tuple[Knob, ...]], Space]] = {"paper": paper_space}


def build_space(name: str, knobs: tuple[Knob, ...]) -> Space:
    """Build the named space.

    Raises:
        SettingsError: If there is no such space.
    """
    if name not in SPACES:
        raise SettingsError(f"unknown search space {name!r}: choose one of {', '.join(SPACES)}")
    return SPACES[name](knobs)
