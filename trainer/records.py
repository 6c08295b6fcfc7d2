"""Reports of a training run: one per evaluation."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CollapseIndicators", "Report", "Scores"]

#: Criteria that a report also stores in one of its records, for readers that are older than the
#: mapping of criteria: the record and its field.
RECORDED: Mapping[str, tuple[str, str]] = {
    "miou": ("cluster", "miou"),
    "accuracy": ("cluster", "accuracy"),
    "linear_miou": ("linear", "miou"),
    "cluster_entropy": ("signals", "cluster_entropy"),
    "largest_share": ("signals", "largest_share"),
    "mean_cosine": ("signals", "mean_cosine"),
}


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of one probe on one split, in percent."""

    #: Mean IoU over the classes that occur in the labels or the predictions.
    miou: float
    #: Mean IoU over all classes; a class that neither occurs nor is predicted counts as 0.
    miou_all: float
    #: Share of labelled pixels that are classified correctly.
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class CollapseIndicators:
    """Label-free collapse indicators, computed on the evaluated split."""

    #: Entropy of cluster use divided by log n, from 0 (one cluster) to 1 (even use).
    cluster_entropy: float
    #: Share of pixels in the largest cluster, from 0 to 1.
    largest_share: float
    #: Mean cosine between pairs of codes drawn from the whole split, from -1 to 1.
    mean_cosine: float
    #: Whether all losses since the last evaluation and all codes were finite.
    finite: bool


@dataclass(frozen=True, kw_only=True)
class Report:
    """One evaluation of a run. Numbers are plain Python floats; undefined ones are NaN."""

    #: Evaluation number, 1 to E.
    evaluation: int
    #: Iterations (batches) trained so far.
    iteration: int
    #: Mean training loss since the last evaluation.
    loss: float
    #: Scores of the cluster probe (Hungarian matching).
    cluster: Scores
    #: Scores of the linear probe.
    linear: Scores
    #: Label-free collapse indicators.
    signals: CollapseIndicators
    #: Mean of each term of the loss since the last evaluation, such as one per modality; they add
    #: up to the loss. Empty in reports of earlier versions.
    terms: Mapping[str, float] = field(default_factory=dict)
    #: Every criterion by name (``trainer/scoring/criteria``), including those of other versions.
    #: Those of :data:`RECORDED` are always present.
    criteria: Mapping[str, float] = field(default_factory=dict)
    #: IoU of the cluster probe by class, in percent, at a run's last evaluation; NaN for a class
    #: that is neither in the labels nor predicted. Empty at all others, and without labels.
    class_iou: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        recorded = {
            name: getattr(getattr(self, record), key) for name, (record, key) in RECORDED.items()
        }
        object.__setattr__(self, "criteria", {**self.criteria, **recorded})

    def further_criteria(self) -> dict[str, float]:
        """The criteria that are not in any of the report's records."""
        return {name: number for name, number in self.criteria.items() if name not in RECORDED}

    def to_json(self) -> dict[str, Any]:
        """A nested dict of numbers that JSON can hold (non-finite numbers become None)."""
        table: dict[str, Any] = _finite_or_none(dataclasses.asdict(self))
        return table

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Report":
        """The inverse of :meth:`to_json`; None becomes NaN."""
        plain = _none_to_nan(data)
        return cls(
            evaluation=plain["evaluation"],
            iteration=plain["iteration"],
            loss=plain["loss"],
            cluster=Scores(**plain["cluster"]),
            linear=Scores(**plain["linear"]),
            signals=CollapseIndicators(**plain["signals"]),
            terms=plain.get("terms", {}),
            criteria=plain.get("criteria", {}),
            class_iou=plain.get("class_iou", {}),
        )


def _finite_or_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite_or_none(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _none_to_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _none_to_nan(item) for key, item in value.items()}
    return math.nan if value is None else value
