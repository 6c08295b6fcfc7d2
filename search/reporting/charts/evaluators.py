"""Importance of each hyper-parameter, by Optuna's evaluators, over the full runs of a study."""

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from search.reporting.measures import full_runs, value_of
from search.reporting.study_details import StudyDetails
from search.reporting.study_view import TrialView

if TYPE_CHECKING:
    from optuna import Study

__all__ = ["LEAST_RUNS", "MOST_FOREST_RUNS", "importances", "most_important"]

#: Full runs below which importances are noise.
LEAST_RUNS = 10
#: Full runs from which fANOVA learns, spread evenly over the search: its time grows with the
#: square of their number.
MOST_FOREST_RUNS = 150
TREES = 32
PED_ANOVA, FANOVA = "PED-ANOVA", "fANOVA"


def importances(details: StudyDetails) -> Mapping[str, Mapping[str, float]]:
    """Importances by evaluator, then by hyper-parameter, the most important one first.

    PED-ANOVA (Watanabe et al. 2023, https://arxiv.org/abs/2304.10255) tells what separates the
    best runs from the others; fANOVA (Hutter et al. 2014) what explains the variance over the
    whole space. Each adds up to 1.
    """
    # lazily: Optuna is slow to import
    from optuna.exceptions import ExperimentalWarning
    from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator

    runs = sorted(full_runs(details.view), key=lambda trial: trial.number)
    if len(runs) < LEAST_RUNS or not details.hyper_parameters:
        return {}
    if len({value_of(trial) for trial in runs}) == 1:
        return {}
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        found[PED_ANOVA] = _shares(PedAnovaImportanceEvaluator().evaluate(_study(details, runs)))
        evaluator = FanovaImportanceEvaluator(n_trees=TREES, seed=0)
        found[FANOVA] = _shares(evaluator.evaluate(_study(details, _thinned(runs))))
    return found


def most_important(
    details: StudyDetails, found: Mapping[str, Mapping[str, float]], count: int
) -> tuple[str, ...]:
    """Names of the most important hyper-parameters; the first of the space without importances."""
    names = [parameter.name for parameter in details.hyper_parameters]
    ranked = found.get(FANOVA) or found.get(PED_ANOVA) or {}
    return tuple(sorted(names, key=lambda name: -ranked.get(name, 0.0)))[:count]


def _study(details: StudyDetails, runs: Sequence[TrialView]) -> "Study":
    """An Optuna study in memory that holds these runs."""
    from optuna.trial import FrozenTrial, create_trial  # lazily: Optuna is slow to import

    from search.driver.in_memory_study import InMemoryStudy
    from search.spaces import Space

    distributions = Space(details.hyper_parameters).distributions
    trials: list[FrozenTrial] = []
    for run in runs:
        if distributions.keys() <= run.params.keys():
            trial = create_trial(
                params={name: run.params[name] for name in distributions},
                distributions=distributions,
                value=value_of(run),
            )
            trial.number = len(trials)
            trials.append(trial)
    return InMemoryStudy(details.view.name, trials).study


def _thinned(runs: Sequence[TrialView]) -> list[TrialView]:
    step = max(1, -(-len(runs) // MOST_FOREST_RUNS))
    return list(runs[::step])


def _shares(found: Mapping[str, float]) -> dict[str, float]:
    total = sum(found.values())
    return {name: float(value / total) if total else 0.0 for name, value in found.items()}
