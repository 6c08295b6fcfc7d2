"""Counts what a program sends to a database."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

__all__ = ["StatementCounts", "count_statements"]


@dataclass(kw_only=True)
class StatementCounts:
    """Statements and commits so far."""

    statements: int = 0
    commits: int = 0


def count_statements(engine: Engine) -> StatementCounts:
    """Count the statements and commits of an engine from now on."""
    counts = StatementCounts()

    @event.listens_for(engine, "before_cursor_execute")
    def _statement(*arguments: Any) -> None:
        counts.statements += 1

    @event.listens_for(engine, "commit")
    def _commit(*arguments: Any) -> None:
        counts.commits += 1

    return counts
