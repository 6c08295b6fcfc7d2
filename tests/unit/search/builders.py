"""Reports, spaces and in-memory studies for the tests of this folder."""

from collections.abc import Mapping, Sequence

from optuna.trial import FrozenTrial, TrialState, create_trial

from search.driver.in_memory_study import InMemoryStudy
from search.objectives import Objective
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.records.outcome import Completed, Outcome, trial_end
from search.records.stored_trial import END_ATTRIBUTE, IMPORTED
from search.spaces import Space
from trainer.hyper_parameters import HyperParameter
from trainer.records import CollapseIndicators, Report, Scores
from trainer.seeds import numpy_generator

#: Rewards even use of clusters; needs no labels.
EVENNESS = Objective(
    name="evenness",
    label="entropy",
    unit="",
    sentence="Entropy of cluster use.",
    criteria=("cluster_entropy",),
    formula=lambda criteria: criteria["cluster_entropy"],
)
SPACE = Space(
    hyper_parameters=(
        HyperParameter(name="lambda_self", low=0.0, high=1.0, default=0.7939),
        HyperParameter(name="b_self", low=0.0, high=1.0, default=0.8975),
        HyperParameter(name="lambda_cmcs.depth", low=0.05, high=20.0, default=1.0, log=True),
    )
)


def make_report(
    evaluation: int = 1,
    *,
    miou: float = 30.0,
    accuracy: float = 50.0,
    loss: float = 0.1,
    entropy: float = 0.8,
    share: float = 0.3,
    cosine: float = 0.2,
    finite: bool = True,
    label_free: float = 60.0,
) -> Report:
    return Report(
        evaluation=evaluation,
        iteration=100 * evaluation,
        loss=loss,
        cluster=Scores(miou=miou, miou_all=miou, accuracy=accuracy),
        linear=Scores(miou=miou, miou_all=miou, accuracy=accuracy),
        signals=CollapseIndicators(
            cluster_entropy=entropy, largest_share=share, mean_cosine=cosine, finite=finite
        ),
        criteria={"label_free": label_free},
    )


def curves(memory: InMemoryStudy) -> dict[int, dict[int, float]]:
    """The reported scores of every trial: ``{number: {evaluation: score}}``."""
    return {trial.number: dict(trial.intermediate_values) for trial in memory.trials()}


def running(params: Mapping[str, float] | None = None, space: Space = SPACE) -> FrozenTrial:
    return create_trial(
        state=TrialState.RUNNING,
        params=dict(params or space.defaults),
        distributions=space.distributions,
    )


def imported(
    value: float, scores: Sequence[float] = (), params: Mapping[str, float] | None = None
) -> FrozenTrial:
    """A complete trial that comes from a file."""
    return create_trial(
        value=value,
        params=dict(params or SPACE.defaults),
        distributions=SPACE.distributions,
        intermediate_values=dict(enumerate(scores, start=1)),
        system_attrs={END_ATTRIBUTE: IMPORTED},
    )


def random_params(number: int, seed: int = 0, space: Space = SPACE) -> dict[str, float]:
    shares = numpy_generator(seed, number, "test").random(len(space.hyper_parameters))
    return {
        parameter.name: parameter.low + share * (parameter.high - parameter.low)
        for parameter, share in zip(space.hyper_parameters, shares.tolist(), strict=True)
    }


def add_finished(
    memory: InMemoryStudy,
    scores: Sequence[float],
    outcome: Outcome | None = None,
    params: Mapping[str, float] | None = None,
) -> int:
    """Add a trial with these scores; without an outcome it completes with the last one."""
    number = memory.add(running(params))
    for evaluation, score in enumerate(scores, start=1):
        memory.report(number, evaluation, score)
    reports = [make_report(index, miou=s, accuracy=s) for index, s in enumerate(scores, start=1)]
    memory.finish(
        number, trial_end(outcome or Completed(value=scores[-1]), reports, MIOU_ACCURACY)
    )
    return number
