"""A running trial: a job of the search."""

from dataclasses import dataclass

from optuna.trial import FrozenTrial

from search.driver.running_job import RunningJob
from search.driver.study_store import checkpoints_of
from search.records.attempts import attempts_of
from search.records.jobs import Job

__all__ = ["RunningTrial", "adopt_trial"]


@dataclass(kw_only=True)
class RunningTrial(RunningJob):
    """A trial that is waiting for a worker or on one."""

    #: Parameters to be stored because the trial was found without some of them.
    redrawn: dict[str, float] | None = None
    #: The trials that had ended when its parameters were drawn.
    seen: frozenset[int] = frozenset()


def adopt_trial(trial: FrozenTrial, redrawn: dict[str, float] | None) -> RunningTrial:
    """A stored RUNNING trial as a live one.

    Args:
        trial: The trial as PostgreSQL holds it.
        redrawn: All its parameters, drawn anew, where it was found without some of them.
    """
    return RunningTrial(
        job=Job("trial", trial.number),
        hyper=redrawn or dict(trial.params),
        history=attempts_of(trial),
        redrawn=redrawn,
        stored=checkpoints_of(trial),
    )
