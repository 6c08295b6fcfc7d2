"""Stored studies as plain data: a healthy one, and changes that make it unhealthy."""

import dataclasses
import datetime
from collections.abc import Callable, Mapping
from typing import Any

from search.config.configuration import resolve
from search.records.confirmation import Confirmation, ConfirmedRun, StoredConfirmation
from search.records.counts import Counts
from search.records.jobs import DEFAULTS, KMEANS, Job
from search.reporting.study_details import Session, StudyDetails
from search.reporting.study_view import StudyView, TrialView
from search.spaces import Space
from trainer.hyper_parameters import HyperParameter
from trainer.records import Report

CREATED = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)
BEGAN = datetime.datetime(2026, 1, 2, 3, 5)
EVALUATIONS, TRIALS, BEST = 10, 40, 25
PEAK = 0.45  # the best value of lambda_self
MINUTE = datetime.timedelta(minutes=1)
SPACE = (
    HyperParameter(name="lambda_self", low=0.0, high=1.0, default=0.5),
    HyperParameter(name="b_self", low=0.1, high=1.0, default=0.5),
    HyperParameter(name="learning_rate", low=1e-4, high=1e-1, default=1e-2, log=True),
)


def full_run(number: int, level: float, **changes: Any) -> TrialView:
    """A complete trial whose last scores are around a level."""
    scores = {
        step: level * min(1.0, 0.6 + 0.1 * step) + 0.1 * (-1) ** step
        for step in range(1, EVALUATIONS + 1)
    }
    made = TrialView(
        number=number,
        state="complete",
        value=level,
        params=params_of(number),
        scores=scores,
        attempts=("new",),
        figures={"miou": level, "iteration": 100.0, "evaluation": float(EVALUATIONS)},
        started_at=BEGAN + number * MINUTE,
        ended_at=BEGAN + (number + 1) * MINUTE,
    )
    return dataclasses.replace(made, **changes)


def params_of(number: int) -> dict[str, float]:
    """The defaults, then places that fill the space; the best one in its middle."""
    if number == 0:
        return {each.name: each.default for each in SPACE}
    place = (0.37 * number) % 1
    if abs(place - PEAK) < 0.1:
        place += 0.2
    if number == BEST:
        place = PEAK
    return {
        "lambda_self": place,
        "b_self": 0.1 + 0.9 * ((place * 7.3) % 1),
        "learning_rate": 1e-4 * 1000 ** ((place * 3.1) % 1),
    }


def collapsed(number: int, **changes: Any) -> TrialView:
    """A trial that a collapse rule stopped."""
    run = full_run(number, 10.0)
    stopped = {
        "state": "pruned",
        "kind": "collapsed",
        "reason": "one cluster has over 98 % of the pixels",
        "scores": {step: run.scores[step] for step in (1, 2, 3)},
        "figures": {"miou": 10.0, "iteration": 30.0, "evaluation": 3.0},
    }
    return dataclasses.replace(run, **{**stopped, **changes})


def healthy_trials() -> list[TrialView]:
    """Full runs, a few collapsed ones, and one that leads clearly."""
    trials = []
    for number in range(TRIALS):
        if number % 10 == 9:
            trials.append(collapsed(number))
        else:
            place = params_of(number)["lambda_self"]
            level = 32.0 - 40.0 * (place - PEAK) ** 2
            trials.append(full_run(number, 22.0 if number == 0 else level))
    return trials


def details_of(
    trials: list[TrialView] | None = None,
    *,
    config: Mapping[str, Any] | None = None,
    view: Mapping[str, Any] | None = None,
    counts: Mapping[str, int] | None = None,
    reports: Mapping[int, tuple[Report, ...]] | None = None,
    **changes: Any,
) -> StudyDetails:
    """A study with these trials, by default the healthy ones."""
    found = healthy_trials() if trials is None else trials
    table = resolve("rooms", None, dict(config or {})).to_table()
    table["evaluation"]["evaluations"] = EVALUATIONS
    table["training"]["iterations"] = 100
    complete = [trial for trial in found if trial.state == "complete" and trial.counted]
    best = max(complete, key=lambda trial: trial.value or 0.0, default=None)
    made = StudyView(
        name="rooms-3",
        state="finished",
        driver=None,
        target=len(found),
        created_at=CREATED,
        seed=0,
        config=table,
        protocol="held-out: median of the last 5 scores on val",
        objective="miou",
        objective_title="mIoU (%)",
        space=Space(SPACE),
        counts=dataclasses.replace(_counts(found), **(counts or {})),
        trials=tuple(found),
        best=best,
        test=None if best is None else scored(best.number),
        confirmation=confirmation({} if best is None else {BEST: 31.0}),
    )
    details = StudyDetails(
        view=dataclasses.replace(made, **(view or {})),
        in_flight=2,
        finished_at=CREATED,
        versions={"torch": "2.11"},
        revision="0" * 40,
        fingerprints={"weights": "abc"},
        attributes={},
        reports=reports or {},
        sessions=(Session(host="node", pid=7, began=CREATED, ended=None),),
    )
    return dataclasses.replace(details, **changes)


def confirmation(
    means: Mapping[int, float], *, kmeans: float | None = 20.0, planned: int = 3
) -> Confirmation:
    """Three fresh runs of each trial around a mean, and of the references."""
    plan = StoredConfirmation(trials=tuple(means), seeds=planned, chosen_by="model")
    values = {Job("confirm", trial): mean for trial, mean in means.items()}
    values[Job("reference", DEFAULTS)] = 22.0
    if kmeans is not None:
        values[Job("reference", KMEANS)] = kmeans
    runs = {
        dataclasses.replace(job, seed=seed): ConfirmedRun(value=mean + 0.1 * seed - 0.2)
        for job, mean in values.items()
        for seed in (1, 2, 3)
    }
    return Confirmation(plan=plan if means else None, runs=runs, test=None)


NOT_CONFIRMED = Confirmation(plan=None, runs={}, test=None)


def scored(number: int) -> dict[str, Any]:
    return {
        "trial": number,
        "cluster": {"miou": 31.0, "accuracy": 61.0},
        "linear": {"miou": 40.0, "iou": {"wall": 50.0, "chair": 30.0}},
    }


def _counts(trials: list[TrialView]) -> Counts:
    def count(wanted: Callable[[TrialView], bool]) -> int:
        return sum(wanted(trial) for trial in trials)

    return Counts(
        complete=count(lambda trial: trial.state == "complete"),
        collapsed=count(lambda trial: trial.kind == "collapsed"),
        behind=count(lambda trial: trial.kind == "behind"),
        failed=count(lambda trial: trial.state == "failed"),
        running=count(lambda trial: trial.state == "running"),
        waiting=count(lambda trial: trial.state == "waiting"),
    )
