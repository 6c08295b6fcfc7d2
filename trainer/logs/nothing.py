"""No log, so that callers need not check for one."""

from trainer.records import Report

__all__ = ["NoLog"]


class NoLog:
    """Ignores all reports."""

    def write(self, report: Report) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
