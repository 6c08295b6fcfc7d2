"""A study as a search would leave it, made up from a seed: for reports of any size."""

import datetime
import math
from collections.abc import Mapping

from numpy.random import Generator
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.config.configuration import LaunchConfig, resolve
from search.records.attempts import first_attempt
from search.records.outcome import Completed, Failed, Outcome, Pruned, end_attributes, trial_end
from search.records.stored_trial import end_mark
from search.reporting.reading import view_details, view_study
from search.reporting.study_details import StudyDetails
from search.reporting.study_view import StudyView
from storage.studies import StudyRecord
from trainer.records import CollapseIndicators, Report, Scores
from trainer.seeds import numpy_generator

__all__ = ["simulated_study", "simulated_trials", "study_record"]

CREATED = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)
BEGAN = datetime.datetime(2026, 1, 2, 3, 5)  # local time, as Optuna stores it
SECONDS_PER_EVALUATION = 12.0
SEATS = 4
NAME, SEED = "simulated", 0
NOISE = 0.4  # of a score


def study_record(config: LaunchConfig, name: str, *, trials: int, finished: bool) -> StudyRecord:
    """The record of a study that this program created."""
    return StudyRecord(
        name=name,
        config=config.to_table(),
        space=config.space().to_json(),
        seed=config.search.seed,
        trials=trials,
        versions={"unim2-search": "0.1.0"},
        revision=None,
        fingerprints={},
        lag=SEATS + 1,
        created_at=CREATED,
        stop_requested=False,
        finished_at=CREATED + datetime.timedelta(hours=9) if finished else None,
    )


def simulated_study(trials: int) -> StudyDetails:
    """A finished study with complete, collapsed, underperforming and failed trials."""
    config = resolve("rooms", None, {"search": {"trials": trials, "seed": SEED}})
    record = study_record(config, NAME, trials=trials, finished=True)
    stored, reports = simulated_trials(config, NAME, trials)
    test = {"trial": -1}
    view: StudyView = view_study(record, stored, driver=None, test=test)
    return view_details(record, view, attributes={"test": test}, reports=reports)


def simulated_trials(
    config: LaunchConfig, name: str, trials: int
) -> tuple[list[FrozenTrial], Mapping[int, tuple[Report, ...]]]:
    """Ended trials by number, and their reports."""
    found, reports = [], {}
    free = [BEGAN] * SEATS
    for number in range(trials):
        generator = numpy_generator(SEED, number, "simulated")
        params = _params(config, number, generator)
        made, outcome = _run(config, params, generator)
        seat = min(range(SEATS), key=free.__getitem__)
        began = free[seat]
        free[seat] = began + datetime.timedelta(seconds=SECONDS_PER_EVALUATION * len(made) + 1)
        reports[number] = made
        found.append(_trial(config, name, number, params, made, outcome, (began, free[seat])))
    return found, reports


def _params(config: LaunchConfig, number: int, generator: Generator) -> dict[str, float]:
    space = config.space()
    if number == 0:
        return space.defaults
    params = {}
    for each in space.hyper_parameters:
        share = float(generator.random())
        params[each.name] = (
            each.low * (each.high / each.low) ** share
            if each.log
            else each.low + share * (each.high - each.low)
        )
    return params


def _run(
    config: LaunchConfig, params: Mapping[str, float], generator: Generator
) -> tuple[tuple[Report, ...], Outcome]:
    """Reports of a run whose quality depends on two hyper-parameters, and how it ended."""
    evaluations = config.train.evaluation.evaluations
    places = [
        (params[each.name] - each.low) / (each.high - each.low)
        for each in config.space().hyper_parameters
    ]
    level = 32.0 - 14.0 * (places[0] - 0.6) ** 2 - 9.0 * (places[1] - 0.4) ** 2
    collapses = places[0] + places[1] > 1.35
    late = generator.random() < 0.02
    reports: list[Report] = []
    for evaluation in range(1, evaluations + 1):
        rise = 1 - math.exp(-4.0 * evaluation / evaluations)
        score = level * rise * (0.5 if collapses else 1.0) + float(generator.normal()) * NOISE
        reports.append(_report(config, evaluation, score, collapses=collapses))
        if collapses and evaluation == max(3, evaluations // 4):
            return tuple(reports), Pruned(kind="collapsed", reason="one cluster has over 98 %")
        if late and evaluation == evaluations // 3:
            return tuple(reports), Failed(reason="RuntimeError: simulated", traceback="")
        if level < 27.0 and evaluation == evaluations // 2:
            reason = f"mean of the last 3 scores is {score:.2f}"
            return tuple(reports), Pruned(kind="behind", reason=reason)
    return tuple(reports), Completed(value=config.objective().value(reports))


def _report(config: LaunchConfig, evaluation: int, score: float, *, collapses: bool) -> Report:
    iterations = config.train.training.iterations
    scores = Scores(miou=score, miou_all=score, accuracy=score + 20.0)
    return Report(
        evaluation=evaluation,
        iteration=iterations * evaluation // config.train.evaluation.evaluations,
        loss=0.1,
        cluster=scores,
        linear=scores,
        signals=CollapseIndicators(
            cluster_entropy=0.01 if collapses else 0.8,
            largest_share=0.99 if collapses else 0.3,
            mean_cosine=0.2,
            finite=True,
        ),
    )


def _trial(
    config: LaunchConfig,
    name: str,
    number: int,
    params: Mapping[str, float],
    reports: tuple[Report, ...],
    outcome: Outcome,
    times: tuple[datetime.datetime, datetime.datetime],
) -> FrozenTrial:
    """The trial as Optuna's tables hold it."""
    objective = config.objective()
    end = trial_end(outcome, reports, objective)
    user, system = end_attributes(end, end_mark(name, number, end.state, end.value))
    trial = create_trial(
        state=TrialState.COMPLETE,
        value=0.0,
        params=dict(params),
        distributions=config.space().distributions,
        intermediate_values={each.evaluation: objective.score(each) for each in reports},
        user_attrs=dict(user),
        system_attrs={**first_attempt(1, "new"), **system},
    )
    trial.number, trial.state = number, end.state
    trial.values = None if end.value is None else [end.value]
    trial.datetime_start, trial.datetime_complete = times
    return trial
