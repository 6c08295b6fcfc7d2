"""A progress display whose commands name the study's database."""

from search.commands.ending import with_storage
from search.progress.progress import Progress
from search.progress.wrapping import WrappedProgress

__all__ = ["NamingProgress"]


class NamingProgress(WrappedProgress):
    """Adds the flags of a database to the commands in events."""

    def __init__(self, progress: Progress, flags: tuple[str, ...]) -> None:
        """Wrap a display.

        Args:
            progress: The display.
            flags: The flags that name the database; none for the default one.
        """
        super().__init__(progress)
        self._flags = flags

    def event(self, text: str) -> None:
        """Show one line about an event."""
        super().event(with_storage(text, self._flags))
