"""Which checkpoints are kept: those of live trials, and of the best one."""

from search.checkpoints import CheckpointStore
from search.mirror import Mirror

__all__ = ["KeptCheckpoints"]


class KeptCheckpoints:
    """Deletes the checkpoints that nobody needs any more."""

    def __init__(self, checkpoints: CheckpointStore, mirror: Mirror) -> None:
        self._checkpoints, self._mirror = checkpoints, mirror
        self._best: int | None = None

    def sweep(self) -> None:
        """Delete what trials left that are finished, but for the best one."""
        best = self._mirror.best()
        self._best = best.number if best else None
        for trial in self._mirror.trials():
            if trial.state.is_finished() and trial.number != self._best:
                self._checkpoints.discard(trial.number)

    def trial_stored(self, number: int) -> None:
        """The end of a trial is stored."""
        best = self._mirror.best()
        if best is None or best.number != number:
            self._checkpoints.discard(number)
            return
        if self._best is not None and self._best != number:
            self._checkpoints.discard(self._best)
        self._best = number
