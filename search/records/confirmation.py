"""Confirmations: fresh runs of a search's finalists and of references, as a study stores them.

The plan, each run's result and the scores on test are user attributes of the study. A result is
stored under the key of its job, once.
"""

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from search.records.jobs import DEFAULTS, KMEANS, REFERENCES, Job, JobKind
from search.records.stored_checkpoint import StoredCheckpoint

__all__ = [
    "ALL_REFERENCES",
    "CONFIRMED_TEST_ATTRIBUTE",
    "FINALISTS",
    "PLAN_ATTRIBUTE",
    "SEEDS",
    "ChosenBy",
    "Confirmation",
    "ConfirmationPlan",
    "ConfirmedRun",
    "StoredConfirmation",
    "readings_of_test",
]

#: User attributes of the study.
PLAN_ATTRIBUTE = "confirmation"
CONFIRMED_TEST_ATTRIBUTE = "confirmed_test"
#: Every reference, by name, in the order in which they run.
ALL_REFERENCES = tuple(REFERENCES.values())
RESULT_KEY = re.compile(r"(confirm|reference)/(\w+)/seed-(\d+)")
SCORES_KEY = re.compile(r"test/(\d+)/seed-(\d+)")

#: How many finalists are confirmed, and how often each, unless the user says otherwise.
FINALISTS, SEEDS = 5, 5
#: What ranked the finalists: the model of all trials, or their values.
ChosenBy = Literal["model", "value"]


@dataclass(frozen=True, kw_only=True)
class StoredConfirmation:
    """Which trials are confirmed, and how often."""

    #: Numbers of the finalists, the preferred one first.
    trials: tuple[int, ...]
    #: Runs of each finalist and of each reference.
    seeds: int
    chosen_by: ChosenBy
    #: The references that run with the same seeds, of :data:`REFERENCES`.
    references: tuple[str, ...] = ALL_REFERENCES

    def jobs(self) -> tuple[Job, ...]:
        """Every run, in the order in which they begin."""
        numbers = range(1, self.seeds + 1)
        subjects: list[tuple[JobKind, int]] = [("confirm", trial) for trial in self.trials]
        subjects += [
            ("reference", number) for number, name in REFERENCES.items() if name in self.references
        ]
        return tuple(Job(kind, trial, seed) for kind, trial in subjects for seed in numbers)

    def to_json(self) -> dict[str, Any]:
        """As it is stored; with all references, as versions that know no others store it."""
        stored = {**dataclasses.asdict(self), "trials": list(self.trials)}
        references = list(stored.pop("references"))
        return (
            stored if self.references == ALL_REFERENCES else {**stored, "references": references}
        )

    @classmethod
    def from_json(cls, stored: object) -> "StoredConfirmation | None":
        """The inverse; None for anything else, which somebody else may have stored."""
        if not isinstance(stored, dict):
            return None
        if stored.keys() - {"references"} != {"trials", "seeds", "chosen_by"}:
            return None
        return cls(
            trials=tuple(stored["trials"]),
            seeds=stored["seeds"],
            chosen_by=stored["chosen_by"],
            references=tuple(stored.get("references", ALL_REFERENCES)),
        )


@dataclass(frozen=True, kw_only=True)
class ConfirmationPlan(StoredConfirmation):
    """The same with everything that the runs need."""

    #: Parameters of each finalist, by number.
    params: Mapping[int, Mapping[str, float]]
    #: Parameters of an untuned run.
    defaults: Mapping[str, float]

    def stored(self) -> StoredConfirmation:
        """The part that is stored."""
        return StoredConfirmation(
            trials=self.trials,
            seeds=self.seeds,
            chosen_by=self.chosen_by,
            references=self.references,
        )

    def params_of(self, job: Job) -> dict[str, float]:
        """Parameters of a run."""
        if job.trial == DEFAULTS:
            return dict(self.defaults)
        return {} if job.trial == KMEANS else dict(self.params[job.trial])


@dataclass(frozen=True, kw_only=True)
class ConfirmedRun:
    """The result of one run."""

    #: The objective's value; None if the run failed or its value is not finite.
    value: float | None
    #: Why there is no value; empty if there is one.
    failure: str = ""
    #: Whether a collapse rule would have stopped it. It was trained to its end all the same.
    collapsed: bool = False
    #: Criteria of the last report, such as ``miou``.
    figures: Mapping[str, float] = field(default_factory=dict)
    #: Its checkpoints in the artifact store, the newest first.
    checkpoints: tuple[StoredCheckpoint, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it is stored; without checkpoints, as versions that know none store it."""
        stored = dataclasses.asdict(self)
        del stored["checkpoints"]
        kept = [checkpoint.to_json() for checkpoint in self.checkpoints]
        return {**stored, "checkpoints": kept} if kept else stored

    @classmethod
    def from_json(cls, stored: object) -> "ConfirmedRun | None":
        """The inverse; None for anything else."""
        if not isinstance(stored, dict):
            return None
        try:
            kept = map(StoredCheckpoint.from_json, stored.get("checkpoints", ()))
            run = cls(**{**stored, "checkpoints": tuple(kept)})
        except (TypeError, ValueError):
            return None
        sound = run.value is None or (isinstance(run.value, float) and math.isfinite(run.value))
        return run if sound else None


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """What a study stores about its confirmation."""

    #: The latest plan; None if there never was one.
    plan: StoredConfirmation | None
    #: Every result, also of earlier plans.
    runs: Mapping[Job, ConfirmedRun]
    #: Scores of the confirmed trial on test: ``trial``, ``seeds`` that have a score, ``planned``
    #: seeds that were to get one, ``miou``, ``accuracy`` and ``reading``, which counts how often
    #: the test split was scored.
    test: Mapping[str, Any] | None
    #: ``miou`` and ``accuracy`` on test of each run that was scored, by its job of the kind
    #: ``test``; studies of earlier versions have only :attr:`test`.
    scores: Mapping[Job, Mapping[str, float]] = field(default_factory=dict)

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> "Confirmation":
        """From the study's user attributes; those of another form are ignored."""
        runs, scores = {}, {}
        for key, stored in attributes.items():
            job, run = _job(key), ConfirmedRun.from_json(stored)
            if job is not None and run is not None:
                runs[job] = run
            found = SCORES_KEY.fullmatch(key)
            if found is not None and isinstance(stored, dict):
                scores[Job("test", int(found[1]), int(found[2]))] = _finite(stored)
        test = attributes.get(CONFIRMED_TEST_ATTRIBUTE)
        return cls(
            plan=StoredConfirmation.from_json(attributes.get(PLAN_ATTRIBUTE)),
            runs=runs,
            test=test if isinstance(test, dict) and isinstance(test.get("trial"), int) else None,
            scores=scores,
        )


def readings_of_test(scored: Mapping[str, Any] | None, confirmed: Mapping[str, Any] | None) -> int:
    """How often the study's test split was scored.

    Args:
        scored: The scores at the end of the search, as stored; None before.
        confirmed: Those of the confirmed trial; None before.
    """
    first = int(scored is not None and "cluster" in scored)
    counted = [(each or {}).get("reading") for each in (scored, confirmed)]
    return max(first, *(count if isinstance(count, int) else 0 for count in counted))


def _finite(stored: Mapping[str, Any]) -> dict[str, float]:
    """The scores among what is stored."""
    return {
        name: float(number)
        for name, number in stored.items()
        if isinstance(number, int | float) and math.isfinite(number)
    }


def _job(key: str) -> Job | None:
    """The job with that key; None if it is not a key of a confirmation."""
    found = RESULT_KEY.fullmatch(key)
    if found is None:
        return None
    seed = int(found[3])
    if found[1] == "reference":
        numbers = [number for number, name in REFERENCES.items() if name == found[2]]
        return Job("reference", numbers[0], seed) if numbers else None
    return Job("confirm", int(found[2]), seed) if found[2].isdecimal() else None
