"""Recorded runs that nothing stopped: their settings, curves, and where collapse rules apply."""

import hashlib
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.search_quality.public_table import RUNS, SETS_FILE, TableRun, read_sets, read_table
from search.objectives import DEFAULT_OBJECTIVE, find_objective
from search.objectives.objective import LAST_EVALUATIONS
from search.pruners import CollapseRules
from search.records.outcome import Prune
from search.spaces import Space
from trainer.config.toml_records import build_record
from trainer.hyper_parameters import HyperParameter

__all__ = ["Recorded", "RecordedCurve", "read_recorded", "value_of"]


@dataclass(frozen=True, kw_only=True)
class RecordedCurve:
    """A run from its beginning to its end."""

    setting: int
    seed: int
    params: Mapping[str, float]
    #: The default objective after each evaluation; NaN where it is undefined.
    scores: tuple[float, ...]
    #: Evaluation after which the collapse rules stop the run; None for a healthy one.
    collapsed: int | None

    @property
    def value(self) -> float:
        """The value of the run; NaN if a score that counts is undefined."""
        return value_of(self.scores)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The runs of one data set."""

    name: str
    space: Space
    evaluations: int
    runs: tuple[RecordedCurve, ...]
    #: Changes with the runs, so that results of other runs are recognised.
    digest: str

    def text(self) -> str:
        """What was recorded, in one phrase."""
        settings = {run.setting for run in self.runs}
        seeds = len(self.runs) / len(settings)
        return f"{self.name}: {len(settings)} settings, {seeds:.3g} seeds each"


def value_of(scores: Sequence[float]) -> float:
    """The value of a run, as a search computes it."""
    counted = scores[-LAST_EVALUATIONS:]
    return statistics.median(counted) if all(map(math.isfinite, counted)) else math.nan


def read_recorded(
    names: Sequence[str], *, runs: Path = RUNS, sets: Path = SETS_FILE
) -> tuple[Recorded, ...]:
    """The runs of some sets of the public table, without its references.

    Args:
        names: The sets.
        runs: The table.
        sets: What is common to the runs of a set.

    Raises:
        SystemExit: If the table lacks one of them.
    """
    table, heads = read_table(runs), read_sets(sets)
    if missing := [name for name in names if name not in heads]:
        raise SystemExit(
            f"--sets {missing[0]} is not in the table: choose from {', '.join(heads)}"
        )
    return tuple(
        _recorded(
            name,
            Space(tuple(build_record(HyperParameter, each) for each in heads[name]["space"])),
            [run for run in table if run.set == name and run.kind == "run"],
        )
        for name in names
    )


def _recorded(name: str, space: Space, runs: Sequence[TableRun]) -> Recorded:
    curves = tuple(_curve(run) for run in runs)
    (evaluations,) = {len(curve.scores) for curve in curves}
    digest = hashlib.blake2b(repr(curves).encode(), digest_size=8).hexdigest()
    return Recorded(name=name, space=space, evaluations=evaluations, runs=curves, digest=digest)


def _curve(run: TableRun) -> RecordedCurve:
    objective, rules, reports = find_objective(DEFAULT_OBJECTIVE), CollapseRules(), run.reports()
    verdicts = (
        rules.verdict(reports[:seen], len(reports), objective)
        for seen in range(1, len(reports) + 1)
    )
    stopped = [seen for seen, verdict in enumerate(verdicts, 1) if isinstance(verdict, Prune)]
    return RecordedCurve(
        setting=run.setting,
        seed=run.seed,
        params=run.params,
        scores=tuple(objective.score(report) for report in reports),
        collapsed=stopped[0] if stopped else None,
    )
