"""The entries that PostgreSQL acknowledged to a driver, which the checker then looks for."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ACKNOWLEDGED_FILE", "Acknowledged", "ended_in_log", "ends_in_log", "read_acknowledged"]

#: In the folder of the run: one line for each entry that PostgreSQL acknowledged.
ACKNOWLEDGED_FILE = "acknowledged.jsonl"
ENDED = re.compile(
    r"^trial (\d+) (?:(complete): (-?[\d.]+)|(pruned), |(failed): )", flags=re.MULTILINE
)
STATES = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """An entry that a driver knows to be stored."""

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


def read_acknowledged(folder: Path) -> list[Acknowledged]:
    """Everything that the drivers of a run noted, in order."""
    path = folder / ACKNOWLEDGED_FILE
    if not path.exists():
        return []
    return [Acknowledged(**json.loads(line)) for line in path.read_text().splitlines()]


def ends_in_log(log: str) -> list[Acknowledged]:
    """The end of each trial as the plain output shows it; of a trial that ended twice, the last.

    A driver prints an end when it decides it; killed before it is stored, the next one decides
    again.
    """
    last = {found.trial: found for found in _ends(log)}
    return [last[trial] for trial in sorted(last)]


def ended_in_log(log: str) -> int:
    """Number of trials that have ended according to the plain output."""
    return len({found.trial for found in _ends(log)})


def _ends(log: str) -> Iterator[Acknowledged]:
    for number, complete, value, pruned, failed in ENDED.findall(log):
        yield Acknowledged(
            what="line",
            trial=int(number),
            epoch=0,
            pid=0,
            value=float(value) if value else None,
            state=STATES[complete or pruned or failed],
        )
