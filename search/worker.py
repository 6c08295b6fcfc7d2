"""The worker: hosts the trainer, one run at a time, and knows nothing of any database."""

from dataclasses import dataclass
from pathlib import Path

import torch

from search.messages import Begin, Continue, Order, Reported, Task
from trainer.checkpoint import read_record
from trainer.config import TrainConfig
from trainer.errors import CheckpointError
from trainer.features import Material, open_material
from trainer.records import Report, Scores
from trainer.run import Run, config_of

__all__ = ["Worker", "WorkerSetup"]


@dataclass(frozen=True, kw_only=True)
class WorkerSetup:
    """What a worker needs to know, none of it secret."""

    #: The configuration that all trials share.
    config: TrainConfig
    #: Folder of the feature bank.
    bank: str
    #: Torch device, e.g. ``cpu`` or ``cuda``.
    device: str
    #: Threads torch may use on the CPU.
    threads: int = 1


class Worker:
    """Trains what it is told to, from one evaluation to the next."""

    def __init__(self, setup: WorkerSetup) -> None:
        torch.set_num_threads(setup.threads)
        self._config = setup.config
        self._device = torch.device(setup.device)
        self._material: Material = open_material(Path(setup.bank))
        self._task: Task | None = None
        self._run: Run | None = None
        self._iteration = 0

    def advance(self, order: Order) -> Reported:
        """Obey the order and tell of the evaluation that it leads to.

        A task that goes on from a checkpoint answers with the checkpoint's reports at once,
        untrained, so that the decision after the last of them is taken again.
        """
        match order:
            case Begin(task=task):
                reports, notes = self._take_up(task)
                if not reports:
                    reports = (self._train(),)
                return self._tell(reports, notes)
            case Continue():
                return self._tell((self._train(),))

    def iteration(self) -> int:
        """True iterations of the present run; may be asked while it trains."""
        return self._iteration

    def test_scores(self, folder: str) -> tuple[Scores, Scores]:
        """Cluster and linear scores on test of the iterate of a checkpoint that counts."""
        path = Path(folder)
        run = Run.restore(path, config_of(path), self._material, self._device)
        run.take_counted()
        evaluation = run.evaluate(self._material.test)
        return evaluation.cluster, evaluation.linear

    def _take_up(self, task: Task) -> tuple[tuple[Report, ...], tuple[str, ...]]:
        config = self._config.with_trial(hyper=task.hyper, seed=task.seed)
        folders, notes = _furthest_first(task.earlier)
        self._task, self._run = task, None
        for folder in folders:
            try:
                self._run = Run.restore(folder, config, self._material, self._device)
                break
            except CheckpointError as error:
                notes.append(str(error))
        if self._run is None:
            self._run = Run.start(config, self._material, self._device)
        self._iteration = self._run.iteration
        told = tuple(f"trial {task.trial}: a checkpoint was passed over: {note}" for note in notes)
        return self._run.reports, told

    def _train(self) -> Report:
        assert self._run is not None and self._task is not None
        report = self._run.advance(self._count)
        self._run.save(Path(self._task.folder))
        return report

    def _count(self, iteration: int) -> None:
        self._iteration = iteration

    def _tell(self, reports: tuple[Report, ...], notes: tuple[str, ...] = ()) -> Reported:
        assert self._task is not None
        return Reported(
            trial=self._task.trial, attempt=self._task.attempt, reports=reports, notes=notes
        )


def _furthest_first(folders: tuple[str, ...]) -> tuple[list[Path], list[str]]:
    """Checkpoints by the evaluations in them, most first; and what is wrong with the others."""
    found: list[tuple[int, Path]] = []
    notes: list[str] = []
    for folder in map(Path, folders):
        if not folder.exists():
            continue  # the attempt ended before its first evaluation
        try:
            found.append((len(read_record(folder)["reports"]), folder))
        except CheckpointError as error:
            notes.append(str(error))
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [folder for _, folder in found], notes
