"""Scoring a split: full-resolution predictions of both probes, counted, matched and scored.

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.features.dataset_features import IGNORE, Features, TestSplit, ValSplit
from trainer.nn.unit import unit
from trainer.records import CollapseIndicators, Scores
from trainer.scoring.criteria import Evidence, compute_criteria
from trainer.scoring.label_free.judge import Judge, JudgedLabelling
from trainer.scoring.metrics import UNDEFINED, match_clusters, scores_of
from trainer.scoring.prediction import (
    ClassMaps,
    Scored,
    TestTimeOptions,
    codes_of,
    mirror_tokens,
    predict,
)
from trainer.scoring.probes import CENTRES, EPSILON, unit_centres

__all__ = ["Evaluation", "Scored", "evaluate"]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The result of one pass over a split."""

    #: Scores of the cluster probe after Hungarian matching.
    cluster: Scores
    #: Scores of the linear probe.
    linear: Scores
    #: Collapse indicators; ``finite`` only considers the codes.
    signals: CollapseIndicators
    #: Every criterion by name.
    criteria: Mapping[str, float]
    #: Labelled pixels of each class (row) in each cluster (column, before matching): (Y, Z).
    cluster_counts_YZ: NDArray[np.int64] = field(compare=False, repr=False)
    #: Labelled pixels of each class (row) in each class of the linear probe (column): (Y, Y).
    linear_counts_YY: NDArray[np.int64] = field(compare=False, repr=False)


@torch.no_grad()
def evaluate(
    scored: Scored,
    split: ValSplit | TestSplit,
    *,
    modalities: tuple[str, ...],
    batch_size: int,
    device: torch.device,
    options: TestTimeOptions | None = None,
    on_images: Callable[[int], None] | None = None,
    judge: Judge | None = None,
) -> Evaluation:
    """Score one slot on a split.

    Args:
        scored: Model and probes.
        split: Images and, if available, labels; without labels, scores are NaN.
        modalities: Order of the modalities.
        batch_size: Images encoded together.
        device: Where to compute.
        options: Test-time options; plain predictions if None. The collapse indicators are those
            of the resulting codes and clusters.
        on_images: Called with the number of images done after each batch.
        judge: Judges the clusters without labels, for the same split; if None, they are not
            judged, and criteria that need it are NaN.
    """
    given = options or TestTimeOptions()
    clusters, width = scored.probes[CENTRES].shape[1:]
    classes = scored.probes["linear.weight"].shape[1]
    tally = _Tally(classes=classes, clusters=clusters, width=width, device=device)
    labelling = None if judge is None else judge.tally(unit_centres(scored.probes)[0])
    grid = split.features[modalities[0]].shape[1:3]
    size = grid if split.labels is None else split.labels.shape[1:3]
    for start in range(0, len(split), batch_size):
        part = slice(start, start + batch_size)
        codes_NTK = codes_of(scored, _cut(split.features, part), modalities, device)
        if given.mirrored is not None:
            other_NTK = codes_of(scored, _cut(given.mirrored, part), modalities, device)
            codes_NTK = (codes_NTK + mirror_tokens(other_NTK, grid)) / 2
        guides = None if given.guides is None else given.guides(part).to(device)
        made = predict(codes_NTK, scored, grid=grid, size=size, guides_N3hw=guides)
        labels = None if split.labels is None else _to_tensor(split.labels[part], device)
        tally.add(codes_NTK, made, labels)
        if labelling is not None:
            labelling.add(start, codes_NTK)
        if on_images is not None:
            on_images(min(part.stop, len(split)))
    judged = None
    if judge is not None and labelling is not None:
        judged = judge.judge(labelling.result())
    return tally.result(labelled=split.labels is not None, linear=scored.linear, judged=judged)


class _Tally:
    """Counts over the batches of a split, stored on the device."""

    def __init__(self, *, classes: int, clusters: int, width: int, device: torch.device) -> None:
        self._classes = classes
        self._codes = 0
        self._unit_sum_K = torch.zeros(width, dtype=torch.float64, device=device)
        self._use_Z = torch.zeros(clusters, dtype=torch.int64, device=device)
        self._cluster_YZ = torch.zeros(classes, clusters, dtype=torch.int64, device=device)
        self._linear_YY = torch.zeros(classes, classes, dtype=torch.int64, device=device)
        self._finite = torch.ones((), dtype=torch.bool, device=device)

    def add(self, codes_NTK: Tensor, made: ClassMaps, labels_Nhw: Tensor | None) -> None:
        """Count one batch."""
        self._codes += codes_NTK.shape[0] * codes_NTK.shape[1]
        units = unit(codes_NTK, epsilon=EPSILON)
        self._unit_sum_K += units.sum(dim=(0, 1), dtype=torch.float64)
        self._finite &= codes_NTK.isfinite().all()
        self._use_Z += torch.bincount(made.clusters_Nhw.flatten(), minlength=len(self._use_Z))
        if labels_Nhw is None:
            return
        self._cluster_YZ += self._count(made.clusters_Nhw, labels_Nhw, kinds=len(self._use_Z))
        if made.linear_Nhw is not None:
            self._linear_YY += self._count(made.linear_Nhw, labels_Nhw, kinds=self._classes)

    def _count(self, predictions_Nhw: Tensor, labels_Nhw: Tensor, *, kinds: int) -> Tensor:
        """Pixels of each class in each prediction; pixels without a label have rows beyond Y."""
        # 16 bits if they suffice: a quarter of the time
        fits = (IGNORE + 1) * kinds <= torch.iinfo(torch.int16).max
        cells = labels_Nhw.to(torch.int16 if fits else torch.int32)
        cells.mul_(kinds).add_(predictions_Nhw)
        counts = torch.bincount(cells.flatten(), minlength=(IGNORE + 1) * kinds)
        return counts.view(-1, kinds)[: self._classes]

    def result(
        self, *, labelled: bool, linear: bool, judged: JudgedLabelling | None
    ) -> Evaluation:
        """Scores and collapse indicators of all batches."""
        clusters_YZ, linear_YY = self._cluster_YZ.cpu().numpy(), self._linear_YY.cpu().numpy()
        evidence = Evidence(
            cluster=scores_of(match_clusters(clusters_YZ)) if labelled else UNDEFINED,
            linear=scores_of(linear_YY) if linear else UNDEFINED,
            use_Z=self._use_Z.cpu().numpy(),
            unit_sum_K=self._unit_sum_K.cpu().numpy(),
            codes=self._codes,
            judged=judged,
        )
        criteria = compute_criteria(evidence)
        return Evaluation(
            cluster=evidence.cluster,
            linear=evidence.linear,
            signals=CollapseIndicators(
                cluster_entropy=criteria["cluster_entropy"],
                largest_share=criteria["largest_share"],
                mean_cosine=criteria["mean_cosine"],
                finite=bool(self._finite),
            ),
            criteria=criteria,
            cluster_counts_YZ=clusters_YZ,
            linear_counts_YY=linear_YY,
        )


def _cut(features: Mapping[str, Features], part: slice) -> dict[str, Features]:
    return {modality: maps[part] for modality, maps in features.items()}


def _to_tensor(labels: NDArray[np.uint8], device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(labels)).to(device)
