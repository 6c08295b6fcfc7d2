"""The worker: trains one run per slot; it has no access to the database.

It takes orders, trains one iteration of all slots that have work, and evaluates those that are
due, one after the other. A slot that waits for its next order delays no other slot.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from search.checkpoints.artifact_store import ArtifactCheckpointPlace
from search.checkpoints.resume_points import furthest_first, restore_first
from search.records.jobs import KMEANS, Job
from search.records.messages import (
    Begin,
    Continue,
    DrawPictures,
    Event,
    OnTest,
    Order,
    PicturesDrawn,
    Reported,
    Task,
)
from search.records.stored_checkpoint import StoredCheckpoint
from search.workers.failures import failure_event
from search.workers.picture_maker import PictureMaker, PicturePlace
from storage.errors import ArtifactFailure
from trainer.config.configuration import MethodConfig, TrainConfig
from trainer.engine.run import Run, config_of
from trainer.engine.shared_runs import Attempt, SharedRuns
from trainer.errors import CheckpointError
from trainer.features import DatasetFeatures, open_dataset_features
from trainer.records import Report

__all__ = ["Worker", "WorkerSetup"]


@dataclass(frozen=True, kw_only=True)
class WorkerSetup:
    """What a worker needs to know; holds no secret."""

    #: The configuration that all trials share.
    config: TrainConfig
    #: Folder of the feature cache.
    feature_cache: str
    #: Torch device, e.g. ``cpu`` or ``cuda``.
    device: str
    #: Number of runs that it can train at the same time.
    slots: int = 1
    #: Threads torch may use on the CPU.
    threads: int = 1
    #: Where checkpoints are kept for other nodes; None for no such place.
    artifact_store: ArtifactCheckpointPlace | None = None
    #: Where pictures of trials are kept; None for no pictures.
    pictures: PicturePlace | None = None


@dataclass(kw_only=True)
class _Training:
    """The run that a slot trains."""

    task: Task
    run: Run
    #: Warnings for the next report.
    notes: tuple[str, ...] = ()


class Worker:
    """Trains the runs that it is ordered to, each from one evaluation to the next."""

    def __init__(self, setup: WorkerSetup) -> None:
        torch.set_num_threads(setup.threads)
        self._setup = setup
        self._dataset_features: DatasetFeatures = open_dataset_features(Path(setup.feature_cache))
        self._runs: SharedRuns | None = None
        self._orders: dict[int, Order] = {}
        self._begun: dict[int, _Training] = {}
        self._training: set[int] = set()
        self._artifact_store = (
            None if setup.artifact_store is None else setup.artifact_store.open()
        )
        self._keeps = True
        self._pictures = None
        if setup.pictures is not None:
            self._pictures = PictureMaker(
                setup.pictures, self._dataset_features, torch.device(setup.device)
            )

    @property
    def busy(self) -> bool:
        """Whether any slot has work."""
        return bool(self._orders or self._training)

    def take(self, slot: int, order: Order) -> None:
        """Accept an order for a free slot."""
        assert slot not in self._orders and slot not in self._training, "the slot is not free"
        self._orders[slot] = order

    def iterations(self) -> tuple[int, ...]:
        """Iterations that each slot's current run has completed; may be called while it trains."""
        if self._runs is None:
            return (0,) * self._setup.slots
        return tuple(map(self._runs.iteration, range(self._setup.slots)))

    def work(self) -> dict[int, Event]:
        """Execute new orders, and train one iteration of every slot that has work.

        A task that resumes from a checkpoint first answers with the checkpoint's reports, without
        training, so that the driver repeats the decision after the last of them.

        Returns:
            The results of the orders that this completed, by slot.
        """
        events: dict[int, Event] = {}
        while self._orders:
            slot, order = self._orders.popitem()
            events |= self._tried(slot, partial(self._execute, slot, order))
        return events | self._train()

    def _execute(self, slot: int, order: Order) -> Reported | PicturesDrawn | None:
        """Execute an order as far as possible without training."""
        match order:
            case Begin(task=Task(job=Job(kind="test")) as task):
                return self._score_on_test(slot, task)
            case Begin(task=task) if task.trial == KMEANS:
                return self._cluster_frozen(task)
            case Begin(task=task):
                training = self._begun[slot] = self._resume_or_start(slot, task)
                if training.run.reports:
                    return self._reported(training, training.run.reports)
            case DrawPictures():
                return self._draw_pictures(self._begun[slot])
            case Continue():
                pass
        self._training.add(slot)
        return None

    def _train(self) -> dict[int, Event]:
        """Train one iteration of every slot that has work; make the evaluations that are due."""
        events: dict[int, Event] = {}
        if self._training:
            for slot, error in self._shared().step(sorted(self._training)).items():
                events[slot] = failure_event(error)
        for slot in sorted(self._training - events.keys()):
            if self._begun[slot].run.due:
                events |= self._tried(slot, partial(self._evaluate, self._begun[slot]))
        self._training -= events.keys()
        return events

    def _tried(
        self, slot: int, action: Callable[[], Reported | PicturesDrawn | None]
    ) -> dict[int, Event]:
        """The event of an action for one slot, if it has one; an error concerns that slot only."""
        event: Event | None = None
        with Attempt() as attempt:
            event = action()
        if attempt.error is not None:
            event = failure_event(attempt.error)
        return {} if event is None else {slot: event}

    def _shared(self) -> SharedRuns:
        """The slots, made for the first run, so that a lack of memory for them is an event."""
        if self._runs is None:
            self._runs = SharedRuns(
                self._setup.config,
                self._dataset_features,
                torch.device(self._setup.device),
                count=self._setup.slots,
            )
        return self._runs

    def _score_on_test(self, slot: int, task: Task) -> Reported:
        """Score the selected weights of a finished run on the test split.

        Raises:
            CheckpointError: If no sound checkpoint is left, or none of its last evaluation.
        """
        sources, notes = furthest_first(task.earlier, task.stored, self._artifact_store)
        run, more = restore_first(
            sources, lambda path: self._shared().restore(slot, path, config_of(path))
        )
        if run is None:
            raise CheckpointError("; ".join(notes + more) or "its checkpoint is missing")
        if not run.finished:
            raise CheckpointError(
                f"its checkpoints end at evaluation {len(run.reports)} of {run.evaluations}"
            )
        run.load_selected()
        found = run.evaluate(self._dataset_features.test)
        on_test = OnTest(cluster=found.cluster, linear=found.linear)
        return Reported(job=task.job, attempt=task.attempt, reports=(), on_test=on_test)

    def _cluster_frozen(self, task: Task) -> Reported:
        """Run K-means on the frozen features, with its probes, from beginning to end.

        It has another structure than the slots, and next to nothing to train, so it is a run of
        its own without checkpoints.

        Raises:
            ConfigError: If the features of the study's method have no tokens to cluster.
        """
        method = MethodConfig(name="kmeans")
        config = dataclasses.replace(self._setup.config, method=method, hyper={}, seed=task.seed)
        run = Run.start(config, self._dataset_features, torch.device(self._setup.device))
        while not run.finished:
            run.advance()
        return Reported(job=task.job, attempt=task.attempt, reports=run.reports)

    def _resume_or_start(self, slot: int, task: Task) -> _Training:
        """Resume the task's run from its latest sound checkpoint, or start it."""
        config = self._setup.config.with_trial(hyper=task.params, seed=task.seed)
        runs = self._shared()
        sources, notes = furthest_first(task.earlier, task.stored, self._artifact_store)
        run, more = restore_first(sources, lambda path: runs.restore(slot, path, config))
        skipped = f"{task.job.title}: skipped a checkpoint"
        return _Training(
            task=task,
            run=run or runs.start(slot, config),
            notes=tuple(f"{skipped}: {note}" for note in notes + more),
        )

    def _evaluate(self, training: _Training) -> Reported:
        """Make the evaluation that is due, and save a checkpoint."""
        report = training.run.report()
        checkpoint, notes = self._keep(training, report.evaluation)
        training.notes += notes
        return self._reported(training, (report,), checkpoint)

    def _draw_pictures(self, training: _Training) -> PicturesDrawn:
        """Draw the pictures of a run that is decided."""
        assert self._pictures is not None, "pictures need a place"
        return self._pictures.make(training.run, training.task.trial)

    def _keep(
        self, training: _Training, evaluation: int
    ) -> tuple[StoredCheckpoint | None, tuple[str, ...]]:
        """Save a checkpoint; on failure the trial continues, and the earlier checkpoint stays.

        Returns:
            The checkpoint in the artifact store, or None; and a warning for the first failure
            of several in a row.
        """
        task, checkpoint = training.task, None
        folder = Path(task.folder)
        try:
            training.run.save(folder)
            if self._artifact_store is not None:
                checkpoint = self._artifact_store.put(
                    folder, attempt=task.place, evaluation=evaluation
                )
        except (CheckpointError, ArtifactFailure) as error:
            warned, self._keeps = not self._keeps, False
            text = f"{task.job.title}: no checkpoint of evaluation {evaluation}: {error}"
            return None, () if warned else (f"{text}; the previous one is kept",)
        self._keeps = True
        return checkpoint, ()

    def _reported(
        self,
        training: _Training,
        reports: tuple[Report, ...],
        checkpoint: StoredCheckpoint | None = None,
    ) -> Reported:
        notes, training.notes = training.notes, ()
        return Reported(
            job=training.task.job,
            attempt=training.task.attempt,
            reports=reports,
            notes=notes,
            checkpoint=checkpoint,
        )
