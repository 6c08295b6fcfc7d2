"""The number of a study's trials in each state."""

from dataclasses import dataclass

__all__ = ["Counts"]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Number of trials in each state."""

    complete: int = 0
    #: Pruned because they collapsed.
    collapsed: int = 0
    #: Pruned because they were underperforming.
    behind: int = 0
    failed: int = 0
    #: Ended by somebody else, or added as ended: not counted, and replaced like failed ones.
    foreign: int = 0
    #: Imported from a file: not counted; samplers learn from them.
    imported: int = 0
    running: int = 0
    waiting: int = 0

    @property
    def pruned(self) -> int:
        """Trials that a rule stopped."""
        return self.collapsed + self.behind

    @property
    def finished(self) -> int:
        """Trials that count towards the target: complete or pruned."""
        return self.complete + self.pruned

    @property
    def lost(self) -> int:
        """Trials that are each replaced by an additional one."""
        return self.failed + self.foreign

    @property
    def uncounted(self) -> int:
        """Ended trials that have a number but do not count towards the target."""
        return self.lost + self.imported
