"""Base of displays that change what another display shows."""

from types import TracebackType
from typing import Self

from search.progress.progress import Progress
from search.progress.snapshot import Snapshot

__all__ = ["WrappedProgress"]


class WrappedProgress:
    """Passes everything on unchanged; implements :class:`~search.progress.progress.Progress`."""

    def __init__(self, progress: Progress) -> None:
        """Wrap a display."""
        self._progress = progress

    def update(self, snapshot: Snapshot) -> None:
        """Show the current state of the search."""
        self._progress.update(snapshot)

    def event(self, text: str) -> None:
        """Show one line about an event."""
        self._progress.event(text)

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.__exit__(kind, error, traceback)
