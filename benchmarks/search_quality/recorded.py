"""Recorded runs that nothing stopped: their settings, curves, and where collapse rules apply.

Two kinds of files are read: those of `benchmarks.search_quality.record`, and the runs that
`benchmarks.collapse` kept.
"""

import gzip
import hashlib
import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.records import RESULTS
from search.config.configuration import resolve
from search.objectives import DEFAULT_OBJECTIVE, find_objective
from search.objectives.objective import LAST_EVALUATIONS
from search.pruners import CollapseRules
from search.records.outcome import Prune
from search.spaces import Space
from trainer.config.toml_records import build_record
from trainer.hyper_parameters import HyperParameter
from trainer.records import Report

__all__ = ["KEPT", "Recorded", "RecordedCurve", "read_recorded", "value_of"]

#: The runs of `benchmarks.collapse` whose settings were drawn evenly, one seed each.
KEPT = RESULTS / "collapse-runs.jsonl.gz"
KEPT_SET, KEPT_SEARCHES = "rooms", "collapse-rooms-"


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


def read_recorded(path: Path) -> Recorded:
    """Read a file of either kind.

    Raises:
        SystemExit: If it holds no whole runs.
    """
    opened = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = [json.loads(line) for line in opened.decode().splitlines(keepends=True) if _ends(line)]
    digest = hashlib.blake2b(opened, digest_size=8).hexdigest()
    heads = [line for line in lines if line.get("kind") == "set"]
    if heads:
        found = _of_recorder(heads[-1], [line for line in lines if line.get("kind") == "run"])
    else:
        found = _of_searches(lines)
    name, space, runs = found
    whole = {len(run.scores) for run in runs}
    if len(whole) != 1:
        raise SystemExit(f"{path} holds no runs of equal length: give a file of whole runs")
    return Recorded(
        name=name, space=space, evaluations=whole.pop(), runs=tuple(runs), digest=digest
    )


def _ends(line: str) -> bool:
    """Whether a line was written to its end."""
    return line.endswith("\n")


def _of_recorder(
    head: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]
) -> tuple[str, Space, list[RecordedCurve]]:
    space = Space(tuple(build_record(HyperParameter, each) for each in head["space"]))
    runs = [
        _curve(
            [_report(number, look) for number, look in enumerate(line["looks"], start=1)],
            setting=line["setting"],
            seed=line["seed"],
            params=line["params"],
        )
        for line in lines
    ]
    return str(head["set"]), space, runs


def _of_searches(
    lines: Iterable[Mapping[str, Any]],
) -> tuple[str, Space, list[RecordedCurve]]:
    """The kept runs; they train at the learning rate of the preset's search."""
    space = resolve(KEPT_SET, None, {}).space()
    chosen = [line for line in lines if line["search"].startswith(KEPT_SEARCHES)]
    runs = [
        _curve(
            [Report.from_json(report) for report in line["reports"]],
            setting=setting,
            seed=1,
            params=line["parameters"],
        )
        for setting, line in enumerate(chosen, start=1)
    ]
    return KEPT_SET, space, runs


def _report(number: int, look: Mapping[str, Any]) -> Report:
    """The report that a look was made of, without what the collapse rules do not read."""
    numbers = {
        name: math.nan if value is None else value
        for name, value in look.items()
        if name not in ("iteration", "loss", "finite")
    }
    miou, accuracy = numbers["miou"], numbers["accuracy"]
    linear = numbers.get("linear_miou", math.nan)
    return Report.from_json(
        {
            "evaluation": number,
            "iteration": look["iteration"],
            "loss": math.nan if look["loss"] is None else look["loss"],
            "cluster": {"miou": miou, "miou_all": miou, "accuracy": accuracy},
            "linear": {"miou": linear, "miou_all": linear, "accuracy": math.nan},
            "signals": {
                "cluster_entropy": numbers["cluster_entropy"],
                "largest_share": numbers["largest_share"],
                "mean_cosine": numbers["mean_cosine"],
                "finite": look["finite"],
            },
            "criteria": numbers,
        }
    )


def _curve(
    reports: Sequence[Report], *, setting: int, seed: int, params: Mapping[str, float]
) -> RecordedCurve:
    objective, rules = find_objective(DEFAULT_OBJECTIVE), CollapseRules()
    verdicts = (
        rules.verdict(reports[:seen], len(reports), objective)
        for seen in range(1, len(reports) + 1)
    )
    stopped = [seen for seen, verdict in enumerate(verdicts, 1) if isinstance(verdict, Prune)]
    return RecordedCurve(
        setting=setting,
        seed=seed,
        params=params,
        scores=tuple(objective.score(report) for report in reports),
        collapsed=stopped[0] if stopped else None,
    )
