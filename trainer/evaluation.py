"""Scoring a split: predictions of both probes at full resolution, counted, matched, scored.

Shape letters: M modalities, N images, T tokens (H*W), C feature channels, K code channels,
Y classes, h w label pixels.

The class score of a pixel is the inner product of the bilinearly upsampled raw code with a
unit centre. Dividing it by the code's norm would not change which is largest, and upsampling
is linear, so the Y inner products are upsampled and never the K code channels: the same
predictions for a fraction of the work (specification, note after section 7).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.batches import to_tokens
from trainer.features.material import IGNORE, TestSplit, ValSplit
from trainer.interpolation import upsample
from trainer.methods.base import Method
from trainer.metrics import UNDEFINED, match_clusters, scores_of
from trainer.parameters import Views
from trainer.probes import EPSILON, unit_centres
from trainer.records import Scores, Signals
from trainer.signals import signals_of
from trainer.unit import unit

__all__ = ["Evaluation", "Scored", "evaluate"]


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One slot's model and probes: what predictions depend on. Every view has one slot."""

    method: Method
    parameters: Views
    buffers: Views
    probes: Views
    #: Whether the linear probe was trained.
    linear: bool


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What one pass over a split tells."""

    #: Scores of the cluster probe after Hungarian matching.
    cluster: Scores
    #: Scores of the linear probe.
    linear: Scores
    #: Label-free signs; ``finite`` speaks of the codes alone.
    signals: Signals


@torch.no_grad()
def evaluate(
    scored: Scored,
    split: ValSplit | TestSplit,
    *,
    modalities: tuple[str, ...],
    batch_size: int,
    device: torch.device,
) -> Evaluation:
    """Score one slot on a split.

    Args:
        scored: Model and probes.
        split: Images and, where it has them, labels; without any, scores are NaN.
        modalities: Order of the modalities.
        batch_size: Images encoded together.
        device: Where to compute.
    """
    classes, width = scored.probes["cluster.centres"].shape[1:]
    tally = _Tally(classes=classes, width=width, device=device)
    for start in range(0, len(split), batch_size):
        part = slice(start, start + batch_size)
        maps = [split.features[modality][part] for modality in modalities]
        tokens_1MNTC = to_tokens(maps, device)
        codes_NTK = scored.method.encode(scored.parameters, scored.buffers, tokens_1MNTC)[0]
        labels = None if split.labels is None else _to_tensor(split.labels[part], device)
        tally.add(codes_NTK, labels, scored, grid=maps[0].shape[1:3])
    return tally.result(labelled=split.labels is not None, linear=scored.linear)


class _Tally:
    """Counts over the batches of a split, kept on the device."""

    def __init__(self, *, classes: int, width: int, device: torch.device) -> None:
        self._classes = classes
        self._codes = 0
        self._unit_sum_K = torch.zeros(width, dtype=torch.float64, device=device)
        self._use_Y = torch.zeros(classes, dtype=torch.int64, device=device)
        self._cluster_YY = torch.zeros(classes, classes, dtype=torch.int64, device=device)
        self._linear_YY = torch.zeros_like(self._cluster_YY)
        self._finite = torch.ones((), dtype=torch.bool, device=device)

    def add(
        self, codes_NTK: Tensor, labels_Nhw: Tensor | None, scored: Scored, grid: tuple[int, int]
    ) -> None:
        """Count one batch; without labels, predictions are made at token size."""
        size = grid if labels_Nhw is None else (labels_Nhw.shape[1], labels_Nhw.shape[2])
        clusters_NTY = codes_NTK @ unit_centres(scored.probes)[0].mT
        predictions = _predict(clusters_NTY, grid, size)
        self._codes += codes_NTK.shape[0] * codes_NTK.shape[1]
        units = unit(codes_NTK, epsilon=EPSILON)
        self._unit_sum_K += units.sum(dim=(0, 1), dtype=torch.float64)
        self._finite &= codes_NTK.isfinite().all()
        self._use_Y += torch.bincount(predictions.flatten(), minlength=self._classes)
        if labels_Nhw is None:
            return
        self._cluster_YY += self._count(predictions, labels_Nhw)
        if scored.linear:
            logits_NTY = codes_NTK @ scored.probes["linear.weight"][0].mT
            logits_NTY = logits_NTY + scored.probes["linear.bias"][0]
            self._linear_YY += self._count(_predict(logits_NTY, grid, size), labels_Nhw)

    def _count(self, predictions_Nhw: Tensor, labels_Nhw: Tensor) -> Tensor:
        """Pixels of each class in each prediction; those without a label have rows beyond Y."""
        cells = labels_Nhw.int() * self._classes + predictions_Nhw.int()
        counts = torch.bincount(cells.flatten(), minlength=(IGNORE + 1) * self._classes)
        return counts.view(-1, self._classes)[: self._classes]

    def result(self, *, labelled: bool, linear: bool) -> Evaluation:
        """Scores and signs of all that was counted."""
        counts = self._cluster_YY.cpu().numpy()
        return Evaluation(
            cluster=scores_of(match_clusters(counts)) if labelled else UNDEFINED,
            linear=scores_of(self._linear_YY.cpu().numpy()) if linear else UNDEFINED,
            signals=signals_of(
                use_Z=self._use_Y.cpu().numpy(),
                unit_sum_K=self._unit_sum_K.cpu().numpy(),
                codes=self._codes,
                finite=bool(self._finite),
            ),
        )


def _predict(scores_NTY: Tensor, grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """The best class of every pixel with shape (N, h, w)."""
    maps_NYHW = torch.unflatten(scores_NTY, 1, grid).permute(0, 3, 1, 2)
    # max gives the same indices as argmax, several times faster on a CPU
    return upsample(maps_NYHW, size).max(dim=1).indices


def _to_tensor(labels: NDArray[np.uint8], device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(labels)).to(device)
