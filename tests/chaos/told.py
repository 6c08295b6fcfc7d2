"""What a driver was told to be stored, noted by itself: the list that the checker holds it to."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.journal.entries import AddTrial, EndTrial, Entry, NewAttempt, StoreReport
from search.journal.ledger import Ledger

__all__ = ["TOLD_FILE", "NotingLedger", "Told", "ended_in_log", "read_told", "told_in_log"]

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


class NotingLedger(Ledger):
    """The ledger of a driver, which notes what PostgreSQL has acknowledged."""

    #: Where to, and for whom: set once a process.
    folder: Path
    epoch: int = 0

    def apply(self, entry: Entry, *, in_doubt: bool) -> None:
        """Store the entry, then note it."""
        super().apply(entry, in_doubt=in_doubt)
        match entry:
            case AddTrial(trial=trial, parameters=parameters, epoch=epoch):
                NotingLedger.epoch = epoch
                self._note("add", trial, parameters=parameters)
            case NewAttempt(epoch=epoch):
                NotingLedger.epoch = epoch
            case StoreReport(trial=trial, report=report, score=score):
                self._note("report", trial, evaluation=report.evaluation, value=score)
            case EndTrial(trial=trial, end=end):
                self._note("end", trial, state=end.state.name, value=end.value)
            case _:
                pass

    def _note(self, what: str, trial: int, **more: Any) -> None:
        line = {"what": what, "trial": trial, "epoch": self.epoch, "pid": os.getpid(), **more}
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        file = os.open(self.folder / TOLD_FILE, flags, 0o644)
        os.write(file, (json.dumps(line) + "\n").encode())
        os.close(file)


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
