"""The read model of a stored study, and its printers, which read nothing else."""

import ast
import dataclasses
import datetime
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial
from rich.console import Console, RenderableType

from search.config.configuration import resolve
from search.driver.in_memory_study import InMemoryStudy
from search.driver.study_store import ATTEMPTS_ATTRIBUTE
from search.objectives import find_objective
from search.quality.expected import Expected
from search.records.outcome import Completed, Failed, Outcome, Pruned, trial_end
from search.reporting import terminal
from search.reporting.as_json import assessment_json, best_json, study_json
from search.reporting.assessing import assess
from search.reporting.assessment_text import assessment_lines
from search.reporting.markdown import study_note
from search.reporting.reading import view_study
from search.reporting.study_view import StudyView
from search.samplers.startup import startup_point
from storage.studies import StudyRecord
from tests.fakes.memory_search import SPACE
from tests.unit.search.builders import make_report, running

REPORTING = Path(__file__).parents[4] / "search" / "reporting"
#: The best trial's configuration is looked up, not printed.
READERS = {"reading", "best_run", "trial_pictures"}
PRINTERS = sorted({path.stem for path in REPORTING.glob("*.py")} - READERS)
CREATED = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)
ODD = "one | cluster *has* <97 %>"


def record_of(name: str = "rooms-3", **search: Any) -> StudyRecord:
    config = resolve("rooms", None, {"search": search})
    return StudyRecord(
        name=name, config=config.to_table(), space=SPACE.to_json(), seed=0, trials=5, versions={},
        fingerprints={}, lag=2, created_at=CREATED, stop_requested=False, finished_at=None,
    )  # fmt: skip


def stored(objective: str = "miou-accuracy") -> list[FrozenTrial]:
    """A trial of every kind, and one that runs as its second attempt."""
    outcomes: list[Outcome] = [
        Completed(value=30.0),
        Completed(value=40.0),
        Pruned(kind="collapsed", reason=ODD),
        Failed(reason="RuntimeError: no", traceback="Traceback of it"),
    ]
    memory = InMemoryStudy("rooms-3")
    for outcome in outcomes:
        number = memory.add(running(space=SPACE))
        memory.report(number, 1, 25.0)
        reports = [make_report(miou=20.0, accuracy=40.0)]
        memory.finish(number, trial_end(outcome, reports, find_objective(objective)))
    memory.add(running(space=SPACE))
    trials = memory.trials()
    trials[-1].system_attrs[ATTEMPTS_ATTRIBUTE] = [[1, 1, "new"], [2, 1, "lost"]]
    return trials


TEST = {"trial": 1, "cluster": {"miou": 31.0, "accuracy": 61.0}, "linear": {}}


def view(**search: Any) -> StudyView:
    return view_study(record_of(**search), stored(), driver="driven by pid 1", test=TEST)


def printed(what: RenderableType) -> str:
    stream = io.StringIO()
    Console(file=stream, width=120).print(what)
    return stream.getvalue()


def test_a_view_is_plain_data() -> None:
    made = view()
    assert [trial.state for trial in made.trials] == [
        "complete", "complete", "pruned", "failed", "running",
    ]  # fmt: skip
    assert [trial.ended for trial in made.trials] == [True] * 4 + [False]
    assert made.best == made.trials[1]
    pruned, failed, last = made.trials[2:]
    assert (pruned.kind, pruned.reason, pruned.value) == ("collapsed", ODD, 25.0)
    assert (failed.reason, failed.traceback, failed.value) == (
        "RuntimeError: no", "Traceback of it", None,
    )  # fmt: skip
    assert last.attempts == ("new", "lost") and last.params == SPACE.defaults
    assert pruned.scores == {1: 25.0} and pruned.figures["miou"] == 20.0
    assert made.defaults == SPACE.defaults
    everything = dataclasses.asdict(made)
    assert json.loads(json.dumps(everything, default=str))["counts"]["complete"] == 2


@pytest.mark.parametrize(
    ("driver", "finished_at", "state"),
    [("pid 1", None, "running"), (None, CREATED, "finished"), (None, None, "paused")],
)
def test_a_study_is_driven_finished_or_paused(
    driver: str | None, finished_at: datetime.datetime | None, state: str
) -> None:
    record = dataclasses.replace(record_of(), finished_at=finished_at)
    assert view_study(record, [], driver=driver, test=None).state == state


def test_keys_for_scripts_are_unchanged() -> None:
    found = study_json(view())
    assert list(found) == [
        "study", "state", "driver", "target", "objective", "protocol", "created_at", "finished",
        "complete", "pruned", "failed", "foreign", "imported", "running", "waiting", "queued",
        "best", "test", "compute", "claimed", "expected", "confirmed", "audit", "warnings",
    ]  # fmt: skip
    assert found["best"] == {"trial": 1, "value": 40.0, "params": SPACE.defaults}
    assert found["pruned"] == {"collapsed": 1, "behind": 0}
    assert found["created_at"] == "2026-01-02T03:04:00+00:00"
    assert found["protocol"] == "held-out: median of the last 5 scores on val"
    json.dumps(found, allow_nan=False)


def many(count: int) -> StudyView:
    """A study with that many complete trials of different values."""
    memory = InMemoryStudy("rooms-3")
    for number in range(count):
        drawn = startup_point(SPACE, number, 0)
        memory.add(running(drawn, space=SPACE))
        value = 30.0 + 5 * drawn["b_self"] + number % 3
        memory.finish(number, trial_end(Completed(value=value), [], find_objective("miou")))
    return view_study(record_of(), memory.trials(), driver=None, test=None)


def test_claim_and_expectation_are_shown_with_the_best_trial() -> None:
    made = many(15)
    assessment = assess(made)
    assert assessment is not None and made.best is not None
    expected = assessment.expected
    assert isinstance(expected, Expected) and expected.trials == 15
    assert assessment.claimed == made.best.value and expected.mean < assessment.claimed
    claimed = f"claimed    {assessment.claimed:.2f}  trial {made.best.number}, the best of 15"
    for shown in (
        printed(terminal.best(made, assessment)),
        printed(terminal.study_status(made, assessment, failures=False)),
        printed(terminal.summary(made, 1.0, assessment=assessment)),
    ):
        assert claimed in shown
        assert (
            f"expected   {expected.mean:.2f}  [{expected.low:.1f}, {expected.high:.1f}]" in shown
        )
        assert "confirmed  not yet" in shown
    table = study_json(made, assessment)
    assert table["claimed"] == {"trial": made.best.number, "value": assessment.claimed}
    assert table["expected"]["value"] == expected.mean
    assert table["confirmed"] is None
    json.dumps(table, allow_nan=False)


def test_a_search_without_a_complete_trial_proposes_no_command_that_needs_one() -> None:
    found = view()
    counts = dataclasses.replace(found.counts, complete=found.target, running=0)
    over = dataclasses.replace(found, state="finished", counts=counts)
    assert {"confirm it", "best trial again"} <= set(re.findall(PROPOSED, printed_summary(over)))
    without = dataclasses.replace(over, best=None)
    assert not re.findall(PROPOSED, printed_summary(without))
    assert "see what should gain most" in printed_summary(without)


def printed_summary(of: StudyView) -> str:
    return printed(terminal.summary(of, 1.0))


PROPOSED = "confirm it|best trial again"


def test_without_enough_trials_the_printers_say_why_nothing_is_expected() -> None:
    made = view()
    assessment = assess(made)
    shown = printed(terminal.best(made, assessment))
    assert "expected   not computed: needs 10 complete trials, there are 2" in shown
    table = assessment_json(assessment)
    assert table["expected"] is None and "needs 10" in table["not_expected"]


def test_the_status_of_a_running_search_says_who_computes_the_expectation() -> None:
    assessment = assess(many(15), quick=True)
    assert assessment is not None
    assert "`python -m search best` computes it now" in "\n".join(assessment_lines(assessment))


def test_best_prints_confirmed_values_under_the_expected_value() -> None:
    runs = {
        f"confirm/{trial}/seed-{seed}": 30.0 - trial + seed for trial in (2, 3) for seed in (1, 2)
    }
    runs |= {f"reference/defaults/seed-{seed}": 29.0 + seed for seed in (1, 2)}
    attributes: dict[str, Any] = {
        "confirmation": {"trials": [2, 3], "seeds": 2, "chosen_by": "value"},
        "confirmed_test": {"trial": 2, "seeds": [1, 2], "miou": 25.0, "reading": 2},
        **{key: {"value": value} for key, value in runs.items()},
    }
    record = dataclasses.replace(record_of(), finished_at=CREATED)
    made = view_study(record, stored(), driver=None, test=TEST, attributes=attributes)
    assessment = assess(made)
    shown = printed(terminal.best(made, assessment)).splitlines()
    assert (
        "confirmed  29.50  [23.1, 35.9] trial 2, 2 fresh seeds; 29.50 where others chose it"
        in (shown[-8])
    )
    assert shown[-7].startswith(
        "test       mIoU 25.00, mean of 2 fresh runs; test was scored 2 times"
    )
    assert shown[-6].startswith("not worse  trials 2")
    assert shown[-5] == "references defaults 30.50  [24.1, 36.9]"
    assert shown[-4].startswith("pruning    not audited: fewer than 6 complete")
    assert shown[-3].startswith(
        "warning    no success: trial 2 (29.50) is not above defaults (30.50)"
    )
    assert shown[-2].startswith("warning    2 finalists were compared")
    assert "planned iterations trained" in shown[-1]
    table = study_json(made, assessment)["confirmed"]
    assert table["trial"] == 2 and table["values"] == {"1": 29.0, "2": 30.0}
    assert table["below"] == ["defaults"] and table["test"]["reading"] == 2
    assert table["runs"] == {"done": 6, "planned": 8}
    json.dumps(table, allow_nan=False)


def test_nothing_is_assessed_before_the_first_complete_trial() -> None:
    assert assess(view_study(record_of(), [], driver=None, test=None)) is None
    empty: dict[str, Any] = {
        "claimed": None, "expected": None, "confirmed": None, "audit": None, "warnings": [],
    }  # fmt: skip
    assert assessment_json(None) == empty


def note_of(made: StudyView) -> str:
    """Its note in the dashboard."""
    now = datetime.datetime(2026, 1, 3, tzinfo=datetime.UTC)
    return study_note(made, state=made.state, now=now)


def test_every_printer_names_the_objective() -> None:
    made = view(objective="miou")
    assert study_json(made)["objective"] == "miou"
    assert "mIoU (%); held-out: median" in printed(terminal.best(made))
    assert "mIoU (%); held-out: median" in printed(terminal.study_status(made, failures=False))
    assert "best: mIoU (%)" in printed(terminal.study_list([made]))
    assert "40.00**, mIoU (%); held-out: median" in note_of(made)


def test_a_list_of_studies_with_several_objectives_names_each() -> None:
    records = (record_of("a"), record_of("b", objective="miou"), record_of("c"))
    made = [view_study(record, [], driver=None, test=None) for record in records]
    text = printed(terminal.study_list(made))
    assert "best of a, c: 0.75 mIoU + 0.25 accuracy (%)" in text
    assert "best of b: mIoU (%)" in text


def test_a_study_of_a_later_version_is_listed_all_the_same() -> None:
    record = record_of()
    later = {**record.config, "search": {**record.config["search"], "objective": "agreement"}}
    later["features"] = {**record.config["features"], "unheard_of": 1}
    made = view_study(dataclasses.replace(record, config=later), stored(), driver=None, test=None)
    assert (made.protocol, made.objective, made.objective_title) == (
        None, "agreement", "agreement",
    )  # fmt: skip
    assert "best: agreement" in printed(terminal.study_list([made]))
    assert "agreement; computed by another version" in printed(terminal.best(made))
    assert study_json(made)["protocol"] is None


def test_failures_are_shown_where_they_are_asked_for() -> None:
    made = view()
    with_failures = printed(terminal.study_status(made, failures=True))
    assert "trial 3 failed: RuntimeError: no" in with_failures
    assert "Traceback of it" in with_failures
    assert "Traceback" not in printed(terminal.study_status(made, failures=False))
    healthy = dataclasses.replace(made, trials=made.trials[:2])
    assert "no trial failed" in printed(terminal.study_status(healthy, failures=True))


def test_markdown_shows_the_state_of_the_study() -> None:
    lines = note_of(view()).splitlines()
    assert lines[0] == "## rooms-3"
    assert (
        "Running. 3 of 5 trials: 2 complete, 1 collapsed, 0 underperforming; 1 failed, 1 running."
        in lines
    )
    assert "val mIoU 20.00, val accuracy 40.00, test mIoU 31.00, test accuracy 61.00." in lines
    assert "| lambda\\_self | 0.5000 | 0.5000 |" in lines
    assert "| collapsed | 1 | trial 2: one \\| cluster \\*has\\* \\<97 %\\> |" in lines


def test_markdown_of_a_study_with_nothing_yet() -> None:
    text = note_of(view_study(record_of(), [], driver=None, test=None))
    state, _, next_steps = text.partition("### What next")
    assert state.endswith("\n\nNo complete trial yet; score: 0.75 mIoU + 0.25 accuracy (%).\n\n")
    assert "|" not in state and "|" in next_steps


def test_a_status_with_nothing_yet_names_the_objective() -> None:
    made = view_study(record_of(objective="miou"), [], driver=None, test=None)
    shown = printed(terminal.study_status(made, failures=False))
    assert shown.splitlines()[-1].strip() == "no complete trial yet; score: mIoU (%)"


def test_the_best_trial_as_json_is_that_of_the_study() -> None:
    made = view()
    assert made.best is not None
    assert best_json(made.best) == study_json(made)["best"]


@pytest.mark.parametrize("printer", PRINTERS)
def test_nothing_that_prints_asks_the_database(printer: str) -> None:
    tree = ast.parse((REPORTING / f"{printer}.py").read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    named = {str(module).partition(".")[0] for module in imported}
    assert not named & {"storage", "optuna", "sqlalchemy"}
    assert "search.reporting.reading" not in imported


def test_a_note_says_how_to_continue() -> None:
    made = view()
    now = datetime.datetime(2026, 1, 2, 4, 5, 6, tzinfo=datetime.UTC)
    running = study_note(made, state="running", now=now)
    assert "Driven by pid 1; as of 2026-01-02 04:05:06 UTC." in running
    assert "| stop it after the running evaluations | `python -m search stop rooms-3` |" in running
    paused = study_note(dataclasses.replace(made, driver=None), state="paused", now=now)
    assert "`python -m search resume rooms-3`" in paused and "Paused. 3 of 5" in paused
    odd = study_note(dataclasses.replace(made, name="a|`b`"), state="finished", now=now)
    assert "``python -m search report 'a\\|`b`'``" in odd
