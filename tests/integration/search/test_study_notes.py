"""A study in the dashboard: its note, and the name of its value."""

import contextlib
import json
from pathlib import Path

from optuna_dashboard import get_note, save_note
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects

from search.driver import claiming
from search.driver.driver import Ending
from search.driver.writes import StorePlot
from search.launch.study_note import note_maker
from search.records.study_note import NOTE_LINE, PLOT
from storage.database import Database
from storage.lease import Lease
from tests.fakes.pool import InlinePool
from tests.fakes.search_process import STUDY, claim, session_of
from tests.fakes.store import SilentProgress
from tests.fakes.stored_trials import others_study

TRIALS = 3


def drive(database: Database, folder: Path) -> Ending:
    claim(database, TRIALS, 1)
    with Lease.acquire(database, STUDY) as lease:
        session = session_of(database, lease, folder, make_note=note_maker)
        with contextlib.closing(session):
            return session.drive(InlinePool(1), SilentProgress())


def test_a_search_keeps_the_note_current(database: Database, tmp_path: Path) -> None:
    assert drive(database, tmp_path) is Ending.FINISHED
    with others_study(database, STUDY) as study:
        note = get_note(study)
        assert study.metric_names == ["0.75 mIoU + 0.25 accuracy (%)"]
        assert f"**Best trial {study.best_trial.number}: {study.best_value:.2f}**" in note
    assert NOTE_LINE in note and f"Finished. {TRIALS} of {TRIALS} trials" in note
    assert f"`python -m search report {STUDY}`" in note


def test_a_search_keeps_the_map_of_collapse_current(database: Database, tmp_path: Path) -> None:
    assert drive(database, tmp_path) is Ending.FINISHED
    with others_study(database, STUDY) as study:
        attributes = study._storage.get_study_system_attrs(study._study_id)
        plot = json.loads(get_plotly_graph_objects(attributes)[PLOT])
        ended = len(study.trials)
    of_first = [trace for trace in plot["data"] if trace["xaxis"] == "x"]
    assert sum(len(trace["x"]) for trace in of_first) == ended == TRIALS


def test_a_shorter_plot_leaves_nothing_of_a_longer_one(database: Database, tmp_path: Path) -> None:
    claim(database, TRIALS, 1)
    with Lease.acquire(database, STUDY) as lease:
        with contextlib.closing(session_of(database, lease, tmp_path)) as session:
            for text in ("long" * 1000, "short"):
                session._study_store.apply(StorePlot(text=text), possibly_applied=False)
    with others_study(database, STUDY) as study:
        study._storage.set_study_system_attr(study._study_id, "dashboard:plot_data:own:0", "{}")
        attributes = study._storage.get_study_system_attrs(study._study_id)
    assert get_plotly_graph_objects(attributes) == {PLOT: "short", "own": "{}"}


def test_notes_of_others_stay(database: Database, tmp_path: Path) -> None:
    claiming.claim(database, claim(database, TRIALS, 1))
    with others_study(database, STUDY) as study:
        save_note(study, "my own words")
    assert drive(database, tmp_path) is Ending.FINISHED
    with others_study(database, STUDY) as study:
        assert get_note(study) == "my own words"
