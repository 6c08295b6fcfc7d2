"""The work that the workers noted: intervals, and those that were trained in vain."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ALL_STRUCK", "WORK_FILE", "Work", "read_work"]

#: In the folder of the run: a line when an interval begins, and one when it is trained.
WORK_FILE = "work.jsonl"
#: In the folder of the run: exists once all faults of its schedule have struck.
ALL_STRUCK = "all-struck"

Note = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Work:
    """Evaluation intervals of a run."""

    #: Different ones that were trained.
    intervals: int
    #: Trained once more.
    repeated: int
    #: Begun and never ended.
    cut_off: int
    #: Begun by the newest attempt of the time, by trial. When a frozen driver wakes, its workers
    #: may train for a moment longer: that is of no use, and nothing is lost.
    begun: dict[int, int]
    #: Different ones trained, by trial, likewise.
    trained: dict[int, int]


def read_work(folder: Path) -> Work:
    """The work of all workers of a run."""
    path = folder / WORK_FILE
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    begins = [line for line in lines if line["what"] == "begin"]
    ends = [line for line in lines if line["what"] == "end"]
    different = {_interval(line) for line in ends}
    lasting = {_interval(line) for line in ends if not _is_replaced(line, begins)}
    return Work(
        intervals=len(different),
        repeated=len(ends) - len(different),
        cut_off=len(begins) - len(ends),
        begun=dict(Counter(line["trial"] for line in begins if not _is_replaced(line, begins))),
        trained=dict(Counter(trial for trial, _ in lasting)),
    )


def _interval(end: Note) -> tuple[int, int]:
    return end["trial"], end["evaluation"]


def _is_replaced(note: Note, begins: list[Note]) -> bool:
    """Whether a later attempt at the trial had begun at the time of the note."""
    return any(
        other["trial"] == note["trial"]
        and other["attempt"] > note["attempt"]
        and other["at"] < note["at"]
        for other in begins
    )
