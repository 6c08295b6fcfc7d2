"""The two probes, cluster and linear: they read the code and do not influence it.

Letters of shapes: ``docs/architecture.md``.

Both are trained on the detached code of the queries with dropout (``docs/method.md``). The
cluster probe is spherical online K-means on all tokens, labelled or not. The linear probe is a
classifier trained by cross-entropy on labelled positions; its loss is 0 for a batch without any.
"""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trainer.errors import ConfigError
from trainer.features.dataset_features import IGNORE
from trainer.nn.alignment import each_slot
from trainer.nn.linear import linear
from trainer.nn.parameters import Entry, Layout, Views, linear_entries
from trainer.nn.unit import unit
from trainer.scoring.pixel_loss import pixel_losses

__all__ = ["CENTRES", "ProbeKind", "cluster_loss", "linear_loss", "probe_layout", "token_labels"]

EPSILON = 1e-12  # of the cosines
MOST_CLUSTERS = 255  # of predictions of 8 bits, in which 255 itself stands for no class
CENTRES = "cluster.centres"  # name of the cluster probe's parameters

#: Where the linear probe's loss is computed: at every label pixel, or at each token's centre.
ProbeKind = Literal["pixel", "token"]


def probe_layout(*, code_dim: int, classes: int, extra_clusters: int = 0) -> Layout:
    """Cluster centres, N(0, 1), and the linear classifier K to Y.

    Args:
        code_dim: Number K of code channels.
        classes: Number Y of classes.
        extra_clusters: Number of centres in addition to one for each class.

    Raises:
        ConfigError: If there are more clusters than predictions can tell apart.
    """
    clusters = classes + extra_clusters
    if clusters > MOST_CLUSTERS:
        raise ConfigError(
            f"{classes} classes and method.options.extra_clusters = {extra_clusters} are"
            f" {clusters} clusters, but predictions tell {MOST_CLUSTERS} apart: give at most"
            f" {max(MOST_CLUSTERS - classes, 0)} extra clusters"
        )
    shape = (clusters, code_dim)
    centres = Entry(name=CENTRES, shape=shape, initial="normal", scale=1.0)
    return Layout(entries=(centres, *linear_entries("linear", inputs=code_dim, outputs=classes)))


def unit_centres(views: Views) -> Tensor:
    """Cluster centres of unit length with shape (S, Z, K)."""
    return unit(views[CENTRES], epsilon=EPSILON)


def cluster_loss(codes_SBTK: Tensor, views: Views, sample_weight_SB: Tensor) -> Tensor:
    """Minus the mean cosine between each token's code and its nearest centre.

    Args:
        codes_SBTK: Detached codes with shape (S, B, T, K).
        views: Parameters of :func:`probe_layout`.
        sample_weight_SB: Weight of each crop in its slot's batch.

    Returns:
        Tensor with shape (S,).
    """

    def of_slots(codes_SBTK: Tensor, centres_SYK: Tensor, sample_weight_SB: Tensor) -> Tensor:
        codes = unit(codes_SBTK, epsilon=EPSILON).flatten(1, 2)
        cosines = torch.bmm(codes, unit(centres_SYK, epsilon=EPSILON).mT)
        nearest_SB = cosines.max(dim=-1).values.view(codes_SBTK.shape[:3]).mean(dim=-1)
        return -(nearest_SB * sample_weight_SB).sum(dim=1)

    centres = views[CENTRES]
    return each_slot(of_slots, codes_SBTK, centres, sample_weight_SB, slots=len(centres))


def linear_loss(
    codes_SBTK: Tensor,
    views: Views,
    labels_SBhw: Tensor,
    *,
    grid: tuple[int, int],
    present_SB: Tensor,
) -> Tensor:
    """Mean cross-entropy over the labelled positions of a slot's batch, 0 if there are none.

    Args:
        codes_SBTK: Detached codes with shape (S, B, T, K).
        views: Parameters of :func:`probe_layout`.
        labels_SBhw: Classes with shape (S, B, h, w), uint8, 255 for no class; the logits are
            upsampled to them, or stay at token size.
        grid: Tokens down and across (H, W).
        present_SB: Whether a crop is not padding.

    Returns:
        Tensor with shape (S,).
    """

    def of_slots(
        codes_SBTK: Tensor, weight: Tensor, bias: Tensor, labels_SBhw: Tensor, present_SB: Tensor
    ) -> Tensor:
        slots, batch = codes_SBTK.shape[:2]
        logits = linear(codes_SBTK, {"linear.weight": weight, "linear.bias": bias}, "linear")
        maps = logits.view(slots * batch, *grid, -1).permute(0, 3, 1, 2)
        labels = labels_SBhw.masked_fill(~present_SB[:, :, None, None], IGNORE)
        if labels.shape[-2:] == grid:
            losses = functional.cross_entropy(
                maps, labels.flatten(0, 1).long(), ignore_index=IGNORE, reduction="none"
            )
        else:
            losses = pixel_losses(maps, labels.flatten(0, 1))
        labelled_S = (labels != IGNORE).flatten(1).sum(dim=1)
        return losses.view(slots, -1).sum(dim=1) / labelled_S.clamp(min=1)

    weight, bias = views["linear.weight"], views["linear.bias"]
    tensors = (codes_SBTK, weight, bias, labels_SBhw, present_SB)
    return each_slot(of_slots, *tensors, slots=len(weight))


def token_labels(labels_Nhw: NDArray[np.uint8], grid: tuple[int, int]) -> NDArray[np.uint8]:
    """The label at each token's centre.

    Args:
        labels_Nhw: Classes with shape (N, h, w).
        grid: Tokens down and across (H, W).

    Returns:
        Array with shape (N, H, W).
    """
    rows, columns = (
        ((np.arange(tokens) + 0.5) * size / tokens).astype(np.int64)
        for tokens, size in zip(grid, labels_Nhw.shape[1:], strict=True)
    )
    return np.ascontiguousarray(labels_Nhw[:, rows][:, :, columns])
