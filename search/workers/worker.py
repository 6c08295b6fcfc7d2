"""The worker: trains one run at a time; it has no access to the database."""

from dataclasses import dataclass
from pathlib import Path

import torch

from search.checkpoints.artifact_store import ArtifactCheckpointPlace
from search.checkpoints.resume_points import furthest_first, restore_first
from search.records.jobs import Job
from search.records.messages import Begin, Continue, OnTest, Order, Reported, Task
from search.records.stored_checkpoint import StoredCheckpoint
from storage.errors import ArtifactFailure
from trainer.config.configuration import TrainConfig
from trainer.engine.run import Run, config_of
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
    #: Threads torch may use on the CPU.
    threads: int = 1
    #: Where checkpoints are kept for other nodes; None for no such place.
    artifact_store: ArtifactCheckpointPlace | None = None


class Worker:
    """Trains the run that it is ordered to, from one evaluation to the next."""

    def __init__(self, setup: WorkerSetup) -> None:
        torch.set_num_threads(setup.threads)
        self._config = setup.config
        self._device = torch.device(setup.device)
        self._dataset_features: DatasetFeatures = open_dataset_features(Path(setup.feature_cache))
        self._task: Task | None = None
        self._run: Run | None = None
        self._iteration = 0
        self._artifact_store = (
            None if setup.artifact_store is None else setup.artifact_store.open()
        )
        self._keeps = True

    def advance(self, order: Order) -> Reported:
        """Execute the order, and report the evaluation that it leads to.

        A task that resumes from a checkpoint first answers with the checkpoint's reports, without
        training, so that the driver repeats the decision after the last of them.
        """
        match order:
            case Begin(task=Task(job=Job(kind="test")) as task):
                return self._score_on_test(task)
            case Begin(task=task):
                reports, notes = self._resume_or_start(task)
                return self._reported(reports, notes) if reports else self._train(notes)
            case Continue():
                return self._train()

    def iteration(self) -> int:
        """Iterations that the current run has completed; may be called while it trains."""
        return self._iteration

    def _score_on_test(self, task: Task) -> Reported:
        """Score the selected weights of the latest sound checkpoint on the test split.

        Raises:
            CheckpointError: If no sound checkpoint is left.
        """
        self._task, self._run, self._iteration = task, None, 0
        sources, notes = furthest_first(task.earlier, task.stored, self._artifact_store)
        run, more = restore_first(sources, lambda path: self._restore(path, config_of(path)))
        if run is None:
            raise CheckpointError("; ".join(notes + more) or "its checkpoint is missing")
        run.load_selected()
        found = run.evaluate(self._dataset_features.test)
        on_test = OnTest(cluster=found.cluster, linear=found.linear)
        return Reported(job=task.job, attempt=task.attempt, reports=(), on_test=on_test)

    def _restore(self, folder: Path, config: TrainConfig) -> Run:
        return Run.restore(folder, config, self._dataset_features, self._device)

    def _resume_or_start(self, task: Task) -> tuple[tuple[Report, ...], tuple[str, ...]]:
        config = self._config.with_trial(hyper=task.params, seed=task.seed)
        self._task, self._run = task, None
        sources, notes = furthest_first(task.earlier, task.stored, self._artifact_store)
        run, more = restore_first(sources, lambda folder: self._restore(folder, config))
        self._run = run or Run.start(config, self._dataset_features, self._device)
        self._iteration = self._run.iteration
        skipped = "skipped a checkpoint"
        return self._run.reports, tuple(
            f"{task.job.title}: {skipped}: {note}" for note in notes + more
        )

    def _train(self, notes: tuple[str, ...] = ()) -> Reported:
        """Train to the next evaluation, and save a checkpoint."""
        assert self._run is not None
        report = self._run.advance(self._count)
        checkpoint, more = self._keep(self._run, report.evaluation)
        return self._reported((report,), notes + more, checkpoint)

    def _keep(self, run: Run, evaluation: int) -> tuple[StoredCheckpoint | None, tuple[str, ...]]:
        """Save a checkpoint; on failure the trial continues, and the earlier checkpoint stays.

        Returns:
            The checkpoint in the artifact store, or None; and a warning for the first failure
            of several in a row.
        """
        assert self._task is not None
        folder, checkpoint = Path(self._task.folder), None
        try:
            run.save(folder)
            if self._artifact_store is not None:
                checkpoint = self._artifact_store.put(
                    folder, attempt=self._task.place, evaluation=evaluation
                )
        except (CheckpointError, ArtifactFailure) as error:
            warned, self._keeps = not self._keeps, False
            text = f"{self._task.job.title}: no checkpoint of evaluation {evaluation}: {error}"
            return None, () if warned else (f"{text}; the previous one is kept",)
        self._keeps = True
        return checkpoint, ()

    def _count(self, iteration: int) -> None:
        self._iteration = iteration

    def _reported(
        self,
        reports: tuple[Report, ...],
        notes: tuple[str, ...] = (),
        checkpoint: StoredCheckpoint | None = None,
    ) -> Reported:
        assert self._task is not None
        return Reported(
            job=self._task.job,
            attempt=self._task.attempt,
            reports=reports,
            notes=notes,
            checkpoint=checkpoint,
        )
