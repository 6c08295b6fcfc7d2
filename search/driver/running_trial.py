"""A running trial: a job of the search."""

from dataclasses import dataclass

from optuna.trial import FrozenTrial

from search.driver.running_job import RunningJob
from search.driver.study_store import checkpoints_of
from search.records.attempts import attempts_of
from search.records.jobs import Job
from search.records.outcome import Outcome

__all__ = ["RunningTrial", "adopt_trial"]


@dataclass(kw_only=True)
class RunningTrial(RunningJob):
    """A trial that waits for a worker or is running on one."""

    #: Parameters to store because the stored trial lacked some of them.
    redrawn: dict[str, float] | None = None
    #: How many trials had ended when its parameters were sampled.
    seen: int = 0
    #: How it ends as soon as its pictures are drawn; None while it trains.
    outcome: Outcome | None = None


def adopt_trial(trial: FrozenTrial, redrawn: dict[str, float] | None) -> RunningTrial:
    """Continue a trial that is stored as RUNNING.

    Args:
        trial: The trial as PostgreSQL holds it.
        redrawn: All its parameters if some had to be sampled again; None if all are stored.
    """
    return RunningTrial(
        job=Job("trial", trial.number),
        params=redrawn or dict(trial.params),
        history=attempts_of(trial),
        redrawn=redrawn,
        stored=checkpoints_of(trial),
    )
