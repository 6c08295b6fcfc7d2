"""The texts of docs/reliability.md, from the available results."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import exact, outage, soak
from benchmarks.markdown import markdown_table
from benchmarks.records import RESULTS
from tests.chaos.results import RESULTS as CHAOS_RESULTS
from tests.chaos.results import read_records
from tests.chaos.summary import faults_table, runs_table, work_table

__all__ = ["TEXTS"]

HOSTS_RESULTS = RESULTS / "hosts.jsonl"
NOT_MEASURED = "Not measured yet: run the command above."
#: Measurements that have other names on the page.
HOSTS_LABELS = {
    "finished_at_cut": "finished before the cut",
    "silent_before_takeover_s": "from its last write to the takeover, s",
    "cut_to_next_trials_s": "from the cut to the next finished trials, s",
    "cut_to_end_s": "from the cut to the end, s",
    "adopted": "trials adopted",
    "exit_of_the_driver_cut_off": "exit code of the old driver",
    "writes_of_the_driver_cut_off_after_takeover": "writes of the old driver after the takeover",
    "workers_on_it": "workers on the host",
    "went_on_elsewhere": "trials resumed elsewhere",
    "on": "resumed on",
}


def _chaos(table: Callable[[list[Any]], str]) -> str:
    records = list(read_records(CHAOS_RESULTS).values())
    return table(records) if records else NOT_MEASURED


def _of(name: str, table: Callable[[Any], str]) -> str:
    path: Path = RESULTS / f"{name}.json"
    return table(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else NOT_MEASURED


def _hosts() -> str:
    """The measurements of the last run of each case."""
    if not HOSTS_RESULTS.exists():
        return NOT_MEASURED
    lines = HOSTS_RESULTS.read_text(encoding="utf-8").splitlines()
    last = {record["case"]: record for record in map(json.loads, lines)}
    rows = [
        (case, HOSTS_LABELS.get(name, name.replace("_", " ")), value)
        for case, record in last.items()
        for name, value in record.items()
        if name not in ("case", "at", "revision")
    ]
    return markdown_table(("case", "measured", ""), rows)


#: By the name used in the document.
TEXTS: dict[str, Callable[[], str]] = {
    "chaos runs": partial(_chaos, runs_table),
    "chaos faults": partial(_chaos, faults_table),
    "chaos work": partial(_chaos, work_table),
    "hosts": _hosts,
    "outage": partial(_of, "outage", outage.text_of),
    "exact": partial(_of, "exact", exact.text),
    "soak": partial(_of, "soak", soak.text_of),
}
