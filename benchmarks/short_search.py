"""A search inside this process, trial by trial: no worker, no database, records in a file.

It samples, judges and values trials with the parts of a real search, so a block of it costs
nothing but its training. What ended is a record; another call, also on another machine, reads the
records and continues with the next trial.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
import torch

from search.config.configuration import LaunchConfig
from search.driver.in_memory_study import InMemoryStudy
from search.records.outcome import Prune
from search.records.stored_trial import COLLAPSE_ATTRIBUTE
from search.samplers import find_sampler
from trainer.config.configuration import TrainConfig
from trainer.engine.run import Run
from trainer.features import DatasetFeatures
from trainer.records import Report, Scores
from trainer.seeds import derive_seed

__all__ = ["ShortSearch", "fresh_run"]

Record = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ShortSearch:
    """Trials of one configuration, one after the other."""

    config: LaunchConfig
    dataset_features: DatasetFeatures
    #: Records of trials that have ended, by number from 0, as :meth:`trial` returns them.
    ended: Sequence[Record]

    def memory(self) -> InMemoryStudy:
        """The study as its records tell it."""
        memory = InMemoryStudy("short")
        for record in self.ended:
            memory.add(self._stored(record))
        return memory

    def trial(self) -> dict[str, Any]:
        """Sample and train the next trial; returns its record."""
        number, seed = len(self.ended), self.config.search.seed
        sampler = find_sampler(self.config.search.sampler)
        params = sampler(self.memory().study, self.config.space(), number, seed)
        train = self.config.train.with_trial(hyper=params, seed=derive_seed(seed, number, "run"))
        began = time.process_time()
        run = Run.start(train, self.dataset_features, torch.device("cpu"))
        found = self._until_decided(run)
        return {
            "number": number,
            "params": dict(params),
            **found,
            "cpu": time.process_time() - began,
        }

    def _until_decided(self, run: Run) -> dict[str, Any]:
        """Train until a collapse rule stops the run, or to its end."""
        objective, stopped = self.config.objective(), None
        while not run.finished and stopped is None:
            run.advance()
            verdict = self.config.search.collapse.verdict(run.reports, run.evaluations, objective)
            stopped = verdict if isinstance(verdict, Prune) else None
        return {
            "outcome": "complete" if stopped is None else stopped.kind,
            "reason": "" if stopped is None else stopped.reason,
            "value": objective.value(run.reports) if stopped is None else None,
            "scores": [objective.score(report) for report in run.reports],
            "mIoU": [report.cluster.miou for report in run.reports],
        }

    def _stored(self, record: Record) -> optuna.trial.FrozenTrial:
        complete = record["outcome"] == "complete"
        state = optuna.trial.TrialState
        return optuna.create_trial(
            state=state.COMPLETE if complete else state.PRUNED,
            value=record["value"] if complete else record["scores"][-1],
            params=dict(record["params"]),
            distributions=self.config.space().distributions,
            intermediate_values=dict(enumerate(record["scores"], start=1)),
            system_attrs={COLLAPSE_ATTRIBUTE: 0.0 if complete else 1.0},
        )


def fresh_run(
    train: TrainConfig,
    dataset_features: DatasetFeatures,
    *,
    params: Mapping[str, float],
    seed: int,
    value: Callable[[Sequence[Report]], float],
) -> dict[str, Any]:
    """Train with fixed parameters and a fresh seed to the end, and score the test split once.

    Args:
        train: The run.
        dataset_features: Its features.
        params: Parameters of the chosen trial; empty for a method without any.
        seed: Seed of the run.
        value: Value of a run from its reports.
    """
    began = time.process_time()
    run = Run.start(
        train.with_trial(hyper=params, seed=seed), dataset_features, torch.device("cpu")
    )
    while not run.finished:
        run.advance()
    on_test = run.evaluate(dataset_features.test)
    return {
        "value": value(run.reports),
        "mIoU": [report.cluster.miou for report in run.reports],
        "test": _table(on_test.cluster),
        "test linear": _table(on_test.linear),
        "cpu": time.process_time() - began,
    }


def _table(scores: Scores) -> dict[str, float]:
    return dataclasses.asdict(scores)
