"""What a driver was told to be stored, noted by itself: the list that the checker holds it to."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["TOLD_FILE", "Told", "ended_in_log", "read_told", "told_in_log"]

#: In the folder of the run: one line for each entry that PostgreSQL acknowledged.
TOLD_FILE = "told.jsonl"
ENDED = re.compile(
    r"^trial (\d+) (?:(complete): (-?[\d.]+)|(pruned), |(failed): )", flags=re.MULTILINE
)
STATES = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}


@dataclass(frozen=True, kw_only=True)
class Told:
    """One thing that a driver knows to be stored."""

    #: ``add``, ``report`` or ``end``; ``line`` for the end of a trial in a plain log.
    what: str
    trial: int
    #: Epoch of the driver; 0 in a plain log.
    epoch: int
    #: Process number of the driver; 0 in a plain log.
    pid: int
    parameters: dict[str, float] | None = None
    evaluation: int | None = None
    #: Score of a report, or value of a trial.
    value: float | None = None
    state: str | None = None


def read_told(folder: Path) -> list[Told]:
    """Everything that the drivers of a run noted, in order."""
    path = folder / TOLD_FILE
    if not path.exists():
        return []
    return [Told(**json.loads(line)) for line in path.read_text().splitlines()]


def told_in_log(log: str) -> list[Told]:
    """The end of each trial as the plain output has it; of a trial that ended twice, the last.

    A driver prints an end when it decides it; killed before it is stored, the next one decides
    again.
    """
    last = {found.trial: found for found in _ends(log)}
    return [last[trial] for trial in sorted(last)]


def ended_in_log(log: str) -> int:
    """How many trials have ended, as the plain output has it."""
    return len({found.trial for found in _ends(log)})


def _ends(log: str) -> Iterator[Told]:
    for number, complete, value, pruned, failed in ENDED.findall(log):
        yield Told(
            what="line",
            trial=int(number),
            epoch=0,
            pid=0,
            value=float(value) if value else None,
            state=STATES[complete or pruned or failed],
        )
