"""``table --dry-run``: which studies a comparison table would run, and what they would cost."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from search.config.comparison_table import ComparisonTable, Measured, TableRow
from search.machine.run_options import RunOptions
from search.planning.dry_run import DryRun, dry_run
from storage.address import Address

__all__ = ["PlannedRow", "TablePlan", "plan_table"]


@dataclass(frozen=True, kw_only=True)
class PlannedRow:
    """A row that would run."""

    row: TableRow
    measured: Measured
    #: Fresh runs.
    runs: int
    dry_run: DryRun

    @property
    def seconds(self) -> float:
        """Duration of search and fresh runs without pruning, and without computing features."""
        at_once = self.dry_run.at_once
        turns = math.ceil(self.measured.trials / at_once) + math.ceil(self.runs / at_once)
        return turns * self.dry_run.trial_seconds

    @property
    def iterations(self) -> int:
        """Iterations without pruning."""
        each = self.measured.config.train.training.iterations
        return (self.measured.trials + self.runs) * each


@dataclass(frozen=True, kw_only=True)
class TablePlan:
    """What a table would run."""

    table: ComparisonTable
    rows: tuple[PlannedRow, ...]

    @property
    def seconds(self) -> float:
        """Duration of all rows, one after the other."""
        return sum(each.seconds for each in self.rows)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain data."""
        return {
            "name": self.table.name,
            "trials": self.table.trials,
            "seeds": self.table.seeds,
            "finalists": self.table.finalists,
            "seconds": self.seconds,
            "rows": [
                {
                    "label": each.row.texts.label,
                    "study": each.measured.study,
                    "trials": each.measured.trials,
                    "fresh_runs": each.runs,
                    "searched": each.measured.searched,
                    "dimensions": each.measured.dimensions,
                    "iterations": each.iterations,
                    "seconds": each.seconds,
                    "config": each.measured.config.to_table(),
                }
                for each in self.rows
            ],
            "published_only": [row.texts.label for row in self.table.rows if row.measured is None],
        }


def plan_table(
    table: ComparisonTable,
    *,
    options: RunOptions,
    address: Address,
    show: Callable[[str], None],
) -> TablePlan:
    """Measure a few steps of each row; nothing is written, and no database is opened.

    Args:
        table: The table.
        options: Where it would run.
        address: The database that would store it.
        show: Prints a line before each row.

    Raises:
        ConfigError, DataError, WeightsError: If a row could not run.
    """
    rows = []
    for number, (row, measured) in enumerate(table.measured, start=1):
        show(f"measuring row {number} of {len(table.measured)}: {row.texts.title}")
        found = dry_run(measured.layers, study=measured.study, options=options, address=address)
        # Where too few trials are complete, fewer finalists run.
        finalists = min(table.finalists, measured.trials)
        rows.append(
            PlannedRow(row=row, measured=measured, runs=finalists * table.seeds, dry_run=found)
        )
    return TablePlan(table=table, rows=tuple(rows))
