"""A study store that notes the entries that PostgreSQL has acknowledged, for the checker."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from search.driver.study_store import StudyStore
from search.driver.writes import (
    AddTrial,
    Batchable,
    EndTrial,
    NewAttempt,
    StartQueued,
    StoreReport,
    Write,
)
from tests.chaos.acknowledged import ACKNOWLEDGED_FILE

__all__ = ["NotingStudyStore"]


class NotingStudyStore(StudyStore):
    """The study store of a driver, which notes acknowledged entries."""

    def __init__(self, *, folder: Path, **study: Any) -> None:
        """Note in that folder; the other arguments are those of the study store."""
        super().__init__(**study)
        self._folder, self._epoch = folder, 0

    def apply(self, entry: Write, *, possibly_applied: bool) -> None:
        """Store the entry, then note it."""
        super().apply(entry, possibly_applied=possibly_applied)
        self._note_stored(entry)

    def apply_batch(self, entries: Sequence[Batchable], *, possibly_applied: bool) -> bool:
        """Store the entries, then note each of them."""
        stored = super().apply_batch(entries, possibly_applied=possibly_applied)
        if stored:
            for entry in entries:
                self._note_stored(entry)
        return stored

    def _note_stored(self, entry: Write) -> None:
        match entry:
            case AddTrial() | StartQueued():
                self._epoch = entry.epoch
                self._write_line("add", entry.trial, parameters=entry.parameters)
            case NewAttempt(epoch=epoch):
                self._epoch = epoch
            case StoreReport(trial=trial, report=report, score=score):
                self._write_line("report", trial, evaluation=report.evaluation, value=score)
            case EndTrial(trial=trial, end=end):
                self._write_line("end", trial, state=end.state.name, value=end.value)
            case _:
                pass

    def _write_line(self, what: str, trial: int, **more: Any) -> None:
        line = {"what": what, "trial": trial, "epoch": self._epoch, "pid": os.getpid(), **more}
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        file = os.open(self._folder / ACKNOWLEDGED_FILE, flags, 0o644)
        os.write(file, (json.dumps(line) + "\n").encode())
        os.close(file)
