"""The study's note in the dashboard, made from what the driver has in memory."""

import dataclasses
import datetime
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial

from search.driver.note_keeper import MakeNote, NoteState
from search.records.study_note import StudyNote
from search.reporting.collapse_plot import collapse_plot
from search.reporting.markdown import study_note
from search.reporting.reading import view_study
from storage.studies import StudyRecord

__all__ = ["note_maker"]


def note_maker(
    record: StudyRecord,
    *,
    storage: tuple[str, ...] = (),
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
) -> MakeNote:
    """What makes the note of a study that this process drives from now on.

    Args:
        record: The study's row.
        storage: The flags that name the database in a command.
        now: The time.
    """
    began = now()
    driver = f"driven by pid {os.getpid()} on {socket.gethostname()} since {began:%Y-%m-%d %H:%M}"

    def make(
        trials: Sequence[FrozenTrial],
        state: NoteState,
        test: Mapping[str, Any] | None,
        target: int,
    ) -> StudyNote:
        view = view_study(
            dataclasses.replace(record, trials=target),
            trials,
            driver=f"{driver} UTC" if state == "running" else None,
            test=test,
            storage=storage,
        )
        text = study_note(view, state=state, now=now())
        return StudyNote(text=text, plot=collapse_plot(view))

    return make
