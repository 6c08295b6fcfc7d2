"""Records of a search: read from its database, stored as JSON."""

import dataclasses
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measuring import RESULTS
from search.config.configuration import LaunchConfig
from search.reporting.reading import read_study
from search.reporting.study_view import StudyView
from storage.address import parse_address
from storage.database import Database, open_database
from storage.reports import reports_of
from trainer.records import Report

__all__ = [
    "RESULTS",
    "RecordedRun",
    "read_kept_runs",
    "read_result",
    "read_runs",
    "read_searches",
    "write_result",
    "write_runs",
]


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """One trial of a search."""

    number: int
    #: Value of each searched hyper-parameter.
    parameters: Mapping[str, float]
    #: The objective's value, percent; None for a trial that was stopped.
    value: float | None
    reports: tuple[Report, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers with four significant digits."""
        table = dataclasses.asdict(self) | {
            "reports": [report.to_json() for report in self.reports]
        }
        rounded: dict[str, Any] = _rounded(table)
        return rounded

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> "RecordedRun":
        """The inverse of :meth:`to_json`."""
        reports = tuple(Report.from_json(report) for report in table["reports"])
        return cls(**{**table, "reports": reports})


def read_runs(database: Database, study: str) -> list[RecordedRun]:
    """All trials of a study with their reports, by number."""
    reports: dict[int, list[Report]] = {}
    for record in reports_of(database.engine, study=study):
        reports.setdefault(record.trial, []).append(Report.from_json(dict(record.payload)))
    return [
        RecordedRun(
            number=trial.number,
            parameters=trial.params,
            value=trial.value,
            reports=tuple(reports.get(trial.number, ())),
        )
        for trial in read_study(database, study).trials
    ]


def read_searches(
    storage: str, studies: Sequence[str]
) -> dict[str, tuple[StudyView, LaunchConfig, list[RecordedRun]]]:
    """Each study in its current state, its configuration, and its runs."""
    found = {}
    with open_database(parse_address(storage, password_file=None)) as database:
        for study in studies:
            view = read_study(database, study)
            config = LaunchConfig.from_table(view.config)
            found[study] = (view, config, read_runs(database, study))
    return found


def write_result(name: str, table: Mapping[str, Any]) -> Path:
    """Save a result as ``results/NAME.json``."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(_rounded(table), indent=1) + "\n", encoding="utf-8")
    return path


def read_result(name: str) -> dict[str, Any]:
    """The result in ``results/NAME.json``; empty if there is none."""
    path = RESULTS / f"{name}.json"
    table: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return table


def write_runs(name: str, searches: Mapping[str, Sequence[RecordedRun]]) -> Path:
    """Keep the runs of searches as ``results/NAME.jsonl.gz``, one run per line."""
    lines = [
        json.dumps({"search": search, **run.to_json()}) + "\n"
        for search, runs in searches.items()
        for run in runs
    ]
    path = RESULTS / f"{name}.jsonl.gz"
    path.write_bytes(gzip.compress("".join(lines).encode(), mtime=0))
    return path


def read_kept_runs(name: str, search: str) -> list[RecordedRun]:
    """The runs of one search in ``results/NAME.jsonl.gz``."""
    with gzip.open(RESULTS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        tables = [json.loads(line) for line in lines]
    return [RecordedRun.from_json(each) for each in tables if each.pop("search") == search]


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
