"""Records of runs: kept as lines, the last of a seed counts; lost work is counted from notes."""

import dataclasses
import json
from pathlib import Path

from tests.chaos.results import FaultRecord, RunRecord, append_record, read_records
from tests.chaos.summary import FAULTS, summary
from tests.chaos.work import WORK_FILE, Work, read_work

RECORD = RunRecord(
    seed=3,
    engine="light",
    workers=1,
    study_seed=3,
    at="2026-01-01T00:00:00+00:00",
    revision="abc",
    seconds=30.5,
    faults=(
        FaultRecord(kind="outage", after=3.0, seconds=60.0, recovery=1.25),
        FaultRecord(kind="outage", after=9.0, seconds=0.5, recovery=0.5),
        FaultRecord(kind="kill_driver", after=12.0, seconds=0.0, recovery=None),
    ),
    failing_every=200,
    broken=(),
    stumbling=(7,),
    exits=(-9, 0, 0),
    states={"COMPLETE": 38, "PRUNED": 2},
    attempts={"adopted": 2, "error": 1},
    intervals=150,
    repeated=1,
    cut_off=2,
    compared=True,
    violations=(),
)


def test_the_last_record_of_a_seed_counts(tmp_path: Path) -> None:
    path = tmp_path / "results" / "chaos.jsonl"
    assert read_records(path) == {}
    dirty = dataclasses.replace(RECORD, violations=("trial 3 is left RUNNING",))
    for record in (dirty, dataclasses.replace(RECORD, seed=1), RECORD):
        append_record(record, path)
    assert read_records(path) == {1: dataclasses.replace(RECORD, seed=1), 3: RECORD}
    assert not dirty.clean and RECORD.clean


def test_the_tables_show_runs_faults_and_lost_work() -> None:
    text = summary([RECORD, dataclasses.replace(RECORD, seed=9, engine="ray", violations=("x",))])
    assert "| processes of the test suite | 1 | 1 | 1 | 40 | 0 | 3 |" in text
    assert "| total | 2 | 1 | 2 | 80 | 0 | 6 |" in text
    assert f"| {FAULTS['outage']} for 60 s | 2 | 1.2 |" in text
    assert f"| {FAULTS['kill_driver']} | 2 |  |" in text
    assert "| interrupted | 4 |" in text and "| further attempts of a trial: adopted | 4 |" in text


Line = tuple[str, int, int, int | None]  # what, trial, attempt, evaluation


def work_of(folder: Path, lines: list[Line]) -> Work:
    notes = [
        {"at": at, "what": what, "trial": trial, "attempt": attempt, "evaluation": evaluation}
        for at, (what, trial, attempt, evaluation) in enumerate(lines)
    ]
    (folder / WORK_FILE).write_text("".join(json.dumps(note) + "\n" for note in notes))
    return read_work(folder)


def test_lost_intervals_are_counted_from_the_notes_of_the_workers(tmp_path: Path) -> None:
    lines: list[Line] = [
        ("begin", 0, 1, None), ("end", 0, 1, 1), ("begin", 0, 1, None),  # killed
        ("begin", 0, 2, None), ("end", 0, 2, 2), ("begin", 1, 1, None), ("end", 1, 1, 1),
        ("begin", 1, 2, None), ("end", 1, 2, 1),  # its checkpoint was not written
    ]  # fmt: skip
    work = work_of(tmp_path, lines)
    assert (work.intervals, work.repeated, work.cut_off) == (3, 1, 1)
    assert (work.begun, work.trained) == ({0: 3, 1: 2}, {0: 2, 1: 1})


def test_work_of_a_replaced_driver_does_not_count_as_lost(tmp_path: Path) -> None:
    lines: list[Line] = [
        ("begin", 0, 1, None), ("end", 0, 1, 1), ("begin", 0, 1, None),  # frozen, and awake again
        ("begin", 0, 2, None), ("end", 0, 1, 2), ("begin", 0, 1, None), ("end", 0, 1, 3),
        ("end", 0, 2, 2),
    ]  # fmt: skip
    work = work_of(tmp_path, lines)
    assert (work.begun, work.trained) == ({0: 3}, {0: 2}), "the interval in hand is lost, no more"
    assert (work.intervals, work.repeated, work.cut_off) == (3, 1, 0)
