"""The runs of a stored study, calibrated and printed."""

import dataclasses
import io
import math

import pytest
from rich.console import Console

from search.quality.calibration import Calibration, NotCalibrated
from search.records.confirmation import Confirmation, ConfirmedRun, StoredConfirmation
from search.records.jobs import DEFAULTS, KMEANS, Job
from search.reporting.calibrating import calibrate_study
from search.reporting.calibration_text import (
    calibration_json,
    calibration_lines,
    calibration_rows,
    calibration_table,
)
from search.reporting.study_details import StudyDetails
from tests.fakes.output_schema import check_output
from tests.unit.search.builders import make_report
from tests.unit.search.reporting.studies import NOT_CONFIRMED, details_of, healthy_trials
from trainer.records import Report, Scores


def report(evaluation: int, miou: float, **criteria: float) -> Report:
    scores = Scores(miou=miou, miou_all=miou, accuracy=2 * miou)
    return dataclasses.replace(make_report(evaluation), cluster=scores, criteria=criteria)


def calibrated(found: Calibration | NotCalibrated) -> Calibration:
    assert isinstance(found, Calibration), found
    return found


def labelled(confirmation: Confirmation = NOT_CONFIRMED) -> StudyDetails:
    """The healthy study, with reports whose label-free score follows the mIoU."""
    trials = healthy_trials()
    reports = {
        trial.number: tuple(
            report(step, trial.value or 0.0, label_free=2 * (trial.value or 0.0))
            for step in (1, 2, 3)
        )
        for trial in trials
    }
    return details_of(trials, reports=reports, view={"confirmation": confirmation})


def fresh(numbers: dict[int, float]) -> Confirmation:
    """Two fresh runs of each trial or reference."""
    jobs = {
        Job("reference" if number < 0 else "confirm", number, seed): miou + 0.1 * seed
        for number, miou in numbers.items()
        for seed in (1, 2)
    }
    runs = {
        job: ConfirmedRun(value=miou, figures={"miou": miou, "label_free": 2 * miou})
        for job, miou in jobs.items()
    }
    finalists = tuple(number for number in numbers if number >= 0)
    plan = StoredConfirmation(trials=finalists, seeds=2, chosen_by="model")
    return Confirmation(plan=plan, runs=runs, test=None)


def test_only_full_runs_count_and_trial_0_is_the_defaults() -> None:
    found = calibrated(calibrate_study(labelled()))
    assert found.runs == found.settings == 36  # four of forty collapsed
    assert found.references == {"defaults": 22.0}
    assert found.reliability is None and (found.rounds, found.held_out) == (1, False)


def test_fresh_runs_give_the_ceiling_and_the_references() -> None:
    known = fresh({25: 31.0, 7: 30.0, 3: 28.0, 11: 26.0, DEFAULTS: 22.0, KMEANS: 20.0})
    found = calibrated(calibrate_study(labelled(known)))
    assert found.references == pytest.approx({"defaults": 22.15, "kmeans": 20.15})
    assert found.repeated == 5 and found.seeds == 2  # K-means is no setting of the search
    assert found.reliability is not None and found.reliability > 0.99
    rows = {row["criterion"]: row for row in calibration_rows(found)}
    assert rows["label_free"]["rho of means"] == "1.00"
    assert rows["label_free"]["floor rule"] == "silent"
    assert "ceiling    rho 1.00 for one run" in "\n".join(calibration_lines(found))


def test_a_study_without_reports_or_labels_is_refused() -> None:
    assert isinstance(calibrate_study(details_of()), NotCalibrated)
    details = labelled()
    without = {
        number: tuple(report(each.evaluation, math.nan) for each in reports)
        for number, reports in details.reports.items()
    }
    found = calibrate_study(dataclasses.replace(details, reports=without))
    assert isinstance(found, NotCalibrated) and "no labels" in found.reason


def test_every_printer_shows_every_criterion() -> None:
    found = calibrated(calibrate_study(labelled()))
    names = {each.name for each in found.criteria}
    assert {"miou", "label_free", "largest_share", "loss"} <= names
    check_output("calibrate", {"study": "rooms-3", **calibration_json(found)})
    stream = io.StringIO()
    Console(file=stream, width=200).print(calibration_table(found))
    assert all(name in stream.getvalue() for name in names)
    assert "labelled pick 32.00" in stream.getvalue()
