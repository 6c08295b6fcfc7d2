"""What a table would cost at most: whole trials, since none is spread over workers."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from search.planning.dry_run import DryRun
from search.planning.table_plan import PlannedRow
from tests.unit.search.reporting.comparison_table.tables import make_table


@pytest.mark.parametrize(
    ("at_once", "seconds"),
    [(1, (1 + 5) * 10.0), (2, (1 + 3) * 10.0), (8, (1 + 1) * 10.0)],
)
def test_a_trial_and_five_fresh_runs_take_whole_turns(
    tmp_path: Path, at_once: int, seconds: float
) -> None:
    row, measured = make_table(tmp_path).measured[0]
    assert measured.trials == 1
    measuring = cast(DryRun, SimpleNamespace(at_once=at_once, trial_seconds=10.0))
    planned = PlannedRow(row=row, measured=measured, runs=5, dry_run=measuring)
    assert planned.seconds == seconds
    assert dataclasses.replace(planned, runs=0).seconds == 10.0
