"""Calibrate the criteria of a stored study: the runs that it holds, and what they say."""

from collections.abc import Iterator, Sequence

from search.quality.calibration import (
    Calibration,
    CalibrationRun,
    NotCalibrated,
    calibrate,
    last_numbers,
)
from search.records.jobs import DEFAULTS, KMEANS, REFERENCES
from search.reporting.study_details import StudyDetails
from trainer.records import Report

__all__ = ["calibrate_study"]


def calibrate_study(details: StudyDetails) -> Calibration | NotCalibrated:
    """Compare the criteria of a study's full runs with their mIoU.

    The trials are runs that were picked from. Confirmation runs have several seeds per setting,
    and are the references; without them, trial 0 is a reference if it has the default values.
    Nothing but what is stored is read.
    """
    trials = {
        trial.number: trial
        for trial in details.view.trials
        if trial.state == "complete" and trial.counted and details.reports.get(trial.number)
    }
    runs = [
        CalibrationRun(setting=number, seed=0, numbers=_numbers(details.reports[number]))
        for number in trials
    ]
    fresh = list(_fresh(details))
    references: dict[str, Sequence[CalibrationRun]] = {
        name: [run for run in fresh if run.setting == number]
        for number, name in REFERENCES.items()
    }
    defaults = REFERENCES[DEFAULTS]
    if not references[defaults] and 0 in trials and trials[0].params == details.view.defaults:
        references[defaults] = [run for run in runs if run.setting == 0]
    repeats = [run for run in fresh if run.setting != KMEANS]  # no setting of the search
    return calibrate(
        runs, repeats=repeats, references={name: each for name, each in references.items() if each}
    )


def _numbers(reports: Sequence[Report]) -> dict[str, float]:
    """The criteria of a run, its loss among them."""
    return last_numbers([{**each.criteria, "loss": each.loss} for each in reports])


def _fresh(details: StudyDetails) -> Iterator[CalibrationRun]:
    """The confirmation runs; only their last evaluation is stored."""
    for job, run in details.view.confirmation.runs.items():
        if job.seed is not None and run.figures:
            yield CalibrationRun(setting=job.trial, seed=job.seed, numbers=run.figures)
