"""How many trials of a study stand how."""

from dataclasses import dataclass

__all__ = ["Counts"]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Trials by how they stand."""

    complete: int = 0
    collapsed: int = 0
    behind: int = 0
    failed: int = 0
    #: Ended by somebody else, or added so: not counted, and replaced like failed ones.
    foreign: int = 0
    running: int = 0
    waiting: int = 0

    @property
    def pruned(self) -> int:
        """Trials stopped by a rule."""
        return self.collapsed + self.behind

    @property
    def finished(self) -> int:
        """Trials that count towards the target: complete or pruned."""
        return self.complete + self.pruned

    @property
    def lost(self) -> int:
        """Trials that are replaced by one more number each."""
        return self.failed + self.foreign
