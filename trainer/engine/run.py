"""One training run: it trains from one evaluation to the next and writes checkpoints.

A :class:`Run` is in a slot of :class:`trainer.engine.slots.Slots`, alone there or beside others,
and has counters, reports and checkpoints of its own. Iterations count batches. On the CPU, a run
that was saved and restored continues bit for bit as if it had never stopped, whether it was and is
alone or not.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainer.config.configuration import TrainConfig
from trainer.config.toml_records import build_record
from trainer.engine.checkpoint import read_checkpoint, read_record, write_checkpoint
from trainer.engine.config_differences import config_table, differences, without_paths
from trainer.engine.slots import Slots
from trainer.errors import CheckpointError, ConfigError
from trainer.features.dataset_features import DatasetFeatures, TestSplit, ValSplit
from trainer.records import Report
from trainer.scoring.evaluation import Evaluation, Scored
from trainer.scoring.metrics import class_iou, match_clusters

__all__ = ["Run", "best_report", "config_of", "imported_record", "require_trainable"]

#: Key under which a checkpoint's record holds the origin of an imported checkpoint.
IMPORTED = "imported"
#: Prefix of the names of tensors in a checkpoint that hold the best weights so far.
BEST = "best."


class Run:
    """A run in progress. :meth:`start` and :meth:`restore` make one with slots of its own."""

    def __init__(self, config: TrainConfig, slots: Slots, slot: int) -> None:
        """Begin in a slot; this replaces its previous run.

        Raises:
            ConfigError: If a hyper-parameter is unknown or out of range, the configuration has
                another structure than the slots, the run would never be evaluated, or
                ``evaluation.report`` needs labels that the val split lacks.
        """
        self._config, self._slots = config, slots
        #: The slot that it trains in.
        self.slot = slot
        self._points = config.evaluate_at(crops=len(slots.dataset_features.train))
        _check_selection(config, slots.dataset_features)
        slots.begin(slot, config)
        self._best: dict[str, Tensor] = {}
        self._reports: list[Report] = []
        self._iteration = 0
        self._reported_at = 0
        #: Of the last report; None before the first one, and after a restore.
        self._evaluation: Evaluation | None = None

    @classmethod
    def start(
        cls, config: TrainConfig, dataset_features: DatasetFeatures, device: torch.device
    ) -> "Run":
        """A new run.

        Raises:
            ConfigError: As for the constructor, or if the method is unknown or the
                configuration's modalities differ from those of the features.
        """
        return cls(config, Slots(config, dataset_features, device, count=1), 0)

    @classmethod
    def restore(
        cls,
        folder: Path,
        config: TrainConfig,
        dataset_features: DatasetFeatures,
        device: torch.device,
    ) -> "Run":
        """A run that continues from a checkpoint.

        Raises:
            CheckpointError: If the checkpoint is missing or damaged, or was made with another
                configuration or other data. Moved files count as the same data.
        """
        checkpoint = _read_same(folder, config, dataset_features)
        run = cls.start(config, dataset_features, device)
        run._continue_from(*checkpoint)
        return run

    @classmethod
    def restore_in(cls, folder: Path, config: TrainConfig, slots: Slots, slot: int) -> "Run":
        """A run that continues from a checkpoint in a slot; it replaces the previous one.

        Raises:
            CheckpointError: As for :meth:`restore`; the slot does not change.
            ConfigError: As for the constructor.
        """
        checkpoint = _read_same(folder, config, slots.dataset_features)
        run = cls(config, slots, slot)
        run._continue_from(*checkpoint)
        return run

    def _continue_from(self, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
        best = {name for name in tensors if name.startswith(BEST)}
        self._best = {name.removeprefix(BEST): tensors[name] for name in best}
        self._slots.restore(self.slot, {name: tensors[name] for name in tensors.keys() - best})
        self._reports = [Report.from_json(report) for report in record["reports"]]
        self._iteration = record["iteration"]
        self._reported_at = record["reported_at"]

    @property
    def config(self) -> TrainConfig:
        """The run's configuration."""
        return self._config

    @property
    def iteration(self) -> int:
        """Iterations (batches) trained so far."""
        return self._iteration

    @property
    def reports(self) -> tuple[Report, ...]:
        """One report per evaluation so far."""
        return tuple(self._reports)

    @property
    def evaluations(self) -> int:
        """Number of evaluations of a whole run."""
        return len(self._points)

    @property
    def iterations(self) -> int:
        """Number of iterations of a whole run, which ends at its last evaluation."""
        return self._points[-1]

    @property
    def finished(self) -> bool:
        """Whether every evaluation is done."""
        return len(self._reports) == len(self._points)

    def advance(self, on_iteration: Callable[[int], None] | None = None) -> Report:
        """Train to the next evaluation point and score the val split.

        Args:
            on_iteration: Called after each iteration with the number of iterations so far.
        """
        while not self.due:
            self._slots.step((self.slot,))
            self.count_iteration()
            if on_iteration is not None:
                on_iteration(self._iteration)
        return self.report()

    @property
    def due(self) -> bool:
        """Whether the next evaluation is to be made before another iteration."""
        assert not self.finished, "a finished run cannot advance"
        return self._iteration >= self._points[len(self._reports)]

    def count_iteration(self) -> None:
        """Note that the slot made a step."""
        self._iteration += 1

    def report(self) -> Report:
        """Score the val split at an evaluation point, and keep the report."""
        report = self._made_report()
        self._reports.append(report)
        self._reported_at = self._iteration
        if self._config.evaluation.report == "best" and best_report(self._reports) is report:
            self._best = self._slots.weights(self.slot)
        return report

    def load_selected(self) -> int:
        """Load the weights that ``evaluation.report`` selects, only to score them.

        Returns:
            The iteration at which they were trained.
        """
        if not self._best:
            return self._iteration
        self._slots.load_weights(self.slot, self._best)
        return best_report(self._reports).iteration

    def _made_report(self) -> Report:
        loss_sum, finite = self._slots.take_loss(self.slot)
        steps = self._iteration - self._reported_at
        terms = {name: total / steps for name, total in self._slots.take_terms(self.slot).items()}
        evaluation = self._evaluation = self.evaluate(self._slots.dataset_features.val)
        signals = evaluation.signals
        return Report(
            evaluation=len(self._reports) + 1,
            iteration=self._iteration,
            loss=loss_sum / steps,
            cluster=evaluation.cluster,
            linear=evaluation.linear,
            signals=dataclasses.replace(signals, finite=finite and signals.finite),
            terms=terms,
            criteria=evaluation.criteria,
            class_iou=self._class_iou(evaluation),
        )

    def _class_iou(self, evaluation: Evaluation) -> dict[str, float]:
        """The IoU of each class, if this is the last evaluation and there are labels."""
        counts_YZ = evaluation.cluster_counts_YZ
        if len(self._reports) + 1 < len(self._points) or not counts_YZ.any():
            return {}
        names = self._slots.dataset_features.classes
        return dict(zip(names, class_iou(match_clusters(counts_YZ)), strict=True))

    def evaluate(self, split: ValSplit | TestSplit) -> Evaluation:
        """Score the current weights on a split."""
        return self._slots.evaluate(self.slot, split)

    def evaluate_selected(self) -> Evaluation:
        """The evaluation on val of the weights that ``evaluation.report`` selects.

        They are loaded, so the run is not to be trained further. The last evaluation is repeated
        only if the run was restored after it.
        """
        if self._best:
            self.load_selected()
            return self.evaluate(self._slots.dataset_features.val)
        return self._evaluation or self.evaluate(self._slots.dataset_features.val)

    def scored(self) -> Scored:
        """The model and probes with the current weights."""
        return self._slots.scored(self.slot)

    def save(self, folder: Path) -> None:
        """Write a checkpoint, completely or not at all; it replaces an older one.

        Raises:
            CheckpointError: If it cannot be written.
        """
        record = {
            "config": config_table(self._config),
            "fingerprints": dict(self._slots.dataset_features.fingerprints),
            "iteration": self._iteration,
            "reported_at": self._reported_at,
            "reports": [report.to_json() for report in self._reports],
        }
        best = {f"{BEST}{name}": tensor for name, tensor in self._best.items()}
        write_checkpoint(folder, self._slots.state(self.slot) | best, record)


def config_of(folder: Path) -> TrainConfig:
    """The configuration with which a checkpoint was trained.

    Raises:
        CheckpointError: If the checkpoint is missing or damaged.
    """
    return build_record(TrainConfig, read_record(folder)["config"])


def imported_record(
    config: TrainConfig, *, iteration: int, fingerprints: Mapping[str, str], origin: dict[str, Any]
) -> dict[str, Any]:
    """The record of a checkpoint that another program trained, to be scored but not continued.

    Args:
        config: The settings it was trained with, translated into ours.
        iteration: Number of iterations it was trained for.
        fingerprints: The known fingerprints; only these are compared when it is restored.
        origin: Where it comes from, as plain JSON.
    """
    return {
        "config": config_table(config),
        "fingerprints": dict(fingerprints),
        "iteration": iteration,
        "reported_at": iteration,
        "reports": [],
        IMPORTED: origin,
    }


def require_trainable(folder: Path) -> None:
    """Refuse a checkpoint from which training cannot continue.

    Raises:
        CheckpointError: If it was imported: it lacks the states of the optimisers and generators.
    """
    origin = read_record(folder).get(IMPORTED)
    if origin is not None:
        raise CheckpointError(
            f"{folder} was imported from {origin['file']}, without the state needed to continue"
            " training: evaluate it, or give another --out to start a new run"
        )


def best_report(reports: Sequence[Report]) -> Report:
    """The first report with the highest cluster mIoU on val; the first if none is defined."""
    return max(reports, key=lambda report: (_number(report.cluster.miou), -report.evaluation))


def _number(score: float) -> float:
    return score if math.isfinite(score) else -math.inf


def _check_selection(config: TrainConfig, dataset_features: DatasetFeatures) -> None:
    if config.evaluation.report == "best" and dataset_features.val.labels is None:
        raise ConfigError(
            "evaluation.report = 'best' selects by the mIoU on val, which has no labels: set it"
            " to 'last' or add label files"
        )


def _read_same(
    folder: Path, config: TrainConfig, dataset_features: DatasetFeatures
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and record of a checkpoint of the same configuration and data."""
    tensors, record = read_checkpoint(folder)
    _check_same(folder, record, config, dataset_features)
    return tensors, record


def _check_same(
    folder: Path, record: dict[str, Any], config: TrainConfig, dataset_features: DatasetFeatures
) -> None:
    # built as a record first, so that settings added since then compare with their defaults
    stored = config_table(build_record(TrainConfig, record["config"]))
    changed = differences(without_paths(stored), without_paths(config_table(config)))
    if changed:
        raise CheckpointError(
            f"{folder} was made with another configuration: {'; '.join(changed)}; start again"
            " in another folder or use the checkpoint's configuration"
        )
    known = record["fingerprints"]  # an imported checkpoint may have only some
    given = {name: dataset_features.fingerprints.get(name) for name in known}
    changed = differences(known, given)
    if changed:
        raise CheckpointError(
            f"{folder} was trained on other features: {'; '.join(changed)}; use the data and"
            " weights it was trained with, or start again"
        )
