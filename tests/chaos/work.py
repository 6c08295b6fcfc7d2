"""What the workers trained, as they noted it: intervals, and those trained for nothing."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

__all__ = ["WORK_FILE", "Work", "read_work"]

#: In the folder of the run: one line an interval, when it begins and when it is trained.
WORK_FILE = "work.jsonl"


@dataclass(frozen=True, kw_only=True)
class Work:
    """Evaluation intervals of a run."""

    #: Different ones that were trained.
    intervals: int
    #: Trained once more.
    repeated: int
    #: Begun and never ended.
    cut_off: int
    #: Begun, by trial.
    begun: dict[int, int]
    #: Different ones trained, by trial.
    trained: dict[int, int]


def read_work(folder: Path) -> Work:
    """The work of all workers of a run."""
    path = folder / WORK_FILE
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    begun = Counter(line["trial"] for line in lines if line["what"] == "begin")
    ended = Counter((line["trial"], line["evaluation"]) for line in lines if line["what"] == "end")
    return Work(
        intervals=len(ended),
        repeated=ended.total() - len(ended),
        cut_off=begun.total() - ended.total(),
        begun=dict(begun),
        trained=dict(Counter(trial for trial, _ in ended)),
    )
