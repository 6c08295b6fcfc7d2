"""No log: whoever writes need not ask whether there is one."""

from trainer.records import Report

__all__ = ["NoLog"]


class NoLog:
    """Drops what it is told."""

    def write(self, report: Report) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
