"""A progress display whose commands name the study's database."""

from types import TracebackType
from typing import Self

from search.commands.ending import with_storage
from search.progress.progress import Progress
from search.progress.snapshot import Snapshot

__all__ = ["NamingProgress"]


class NamingProgress:
    """Adds the flags of a database to the commands in events; implements ``Progress``."""

    def __init__(self, progress: Progress, flags: tuple[str, ...]) -> None:
        """Wrap a display.

        Args:
            progress: The display.
            flags: The flags that name the database; none for the default one.
        """
        self._progress, self._flags = progress, flags

    def update(self, snapshot: Snapshot) -> None:
        """Show the current state of the search."""
        self._progress.update(snapshot)

    def event(self, text: str) -> None:
        """Show one line about an event."""
        self._progress.event(with_storage(text, self._flags))

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
