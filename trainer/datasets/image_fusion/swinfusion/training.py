"""Trains a fusion network on pairs of RGB and thermal images.

Published (Ma et al. 2022; Linfeng-Tang/SwinFusion at ceeec3f): 10000 iterations of 12 patches of
128 pixels, Adam with 2e-5, weights averaged with 0.999. The defaults of :class:`FusionTraining`
are ours, for a small network on two cores.

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainer.datasets.base import DataSet
from trainer.datasets.image_fusion.max_gradient import LUMA
from trainer.datasets.image_fusion.swinfusion.loss import fusion_loss
from trainer.datasets.image_fusion.swinfusion.network import Architecture, Network, fuse_planes
from trainer.errors import ConfigError
from trainer.nn.parameters import Layout
from trainer.seeds import torch_generator

__all__ = ["FusionTraining", "fresh_network", "read_pairs", "train_network"]

LEVELS = 255  # in which planes are kept in memory


@dataclass(frozen=True, kw_only=True)
class FusionTraining:
    """How a network is trained."""

    iterations: int = 800
    #: Patches of a batch, and their side in pixels.
    batch: int = 2
    patch: int = 64
    #: Learning rate of Adam; it falls linearly to 0.
    learning_rate: float = 1e-3
    #: Largest number of pairs that are kept in memory.
    pairs: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("iterations", 1), ("batch", 1), ("patch", 16), ("pairs", 1)):
            if getattr(self, name) < least:
                raise ConfigError(
                    f"{name} = {getattr(self, name)} of the image fusion's training is too small:"
                    f" give {least} or more"
                )
        if not self.learning_rate > 0:
            raise ConfigError(
                f"learning_rate = {self.learning_rate:g} of the image fusion's training is out of"
                " range: give a positive number"
            )


#: Luminance of RGB and thermal of an image, uint8: (2, h, w).
Pair = Tensor


def read_pairs(data_set: DataSet, *, count: int) -> list[Pair]:
    """Pairs of the train split, spread evenly over it.

    Args:
        data_set: Has the modalities ``rgb`` and ``thermal``.
        count: Largest number of pairs.
    """
    names = data_set.train.names
    chosen = [names[place * len(names) // count] for place in range(count)]
    if len(names) <= count:
        chosen = list(names)
    pairs = []
    for name in chosen:
        planes = [
            np.rint(LEVELS * (data_set.source.image(name, modality) @ np.asarray(LUMA)))
            for modality in ("rgb", "thermal")
        ]
        pairs.append(torch.from_numpy(np.stack(planes).astype(np.uint8)))
    return pairs


def fresh_network(architecture: Architecture, seed: int) -> Network:
    """A network before its training."""
    layout = Layout(entries=architecture.entries())
    row = layout.initial_row(torch_generator(seed, "image fusion", "weights"))
    views = layout.views(row[None])
    return Network(
        architecture=architecture, weights={name: view[0].clone() for name, view in views.items()}
    )


def train_network(
    pairs: Sequence[Pair],
    architecture: Architecture,
    training: FusionTraining,
    *,
    progress: Callable[[int, float], None] = lambda done, loss: None,
) -> Network:
    """Train a network; the same arguments give the same network on one machine.

    Args:
        pairs: What :func:`read_pairs` returns.
        architecture: Size of the network.
        training: How to train.
        progress: Called with the iterations done and the last loss.

    Raises:
        ConfigError: If an image is smaller than a patch.
    """
    smallest = min((min(pair.shape[1:]) for pair in pairs), default=0)
    if smallest < training.patch:
        raise ConfigError(
            f"patches of {training.patch} pixels do not fit into images whose shorter side is"
            f" {smallest}: give a smaller patch, 16 or more"
        )
    network = fresh_network(architecture, training.seed)
    weights = {name: each.requires_grad_() for name, each in network.weights.items()}
    network = Network(architecture=architecture, weights=weights)
    optimiser = torch.optim.Adam(list(weights.values()), lr=training.learning_rate)
    generator = torch_generator(training.seed, "image fusion", "patches")
    for done in range(training.iterations):
        left = 1 - done / training.iterations
        for group in optimiser.param_groups:
            group["lr"] = training.learning_rate * left
        rgb_Nhw, thermal_Nhw = _patches(pairs, training, generator)
        loss = fusion_loss(fuse_planes(network, rgb_Nhw, thermal_Nhw), rgb_Nhw, thermal_Nhw)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        progress(done + 1, float(loss.detach()))
    return Network(
        architecture=architecture, weights={name: each.detach() for name, each in weights.items()}
    )


def _patches(
    pairs: Sequence[Pair], training: FusionTraining, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Random patches of random pairs, half of them mirrored: luminance and thermal, (N, h, w)."""
    side, patches = training.patch, []
    for which, top, left, mirrored in torch.rand(
        training.batch, 4, generator=generator, dtype=torch.float64
    ).tolist():
        pair = pairs[int(which * len(pairs))]
        first, across = (
            int(share * (size - side + 1))
            for share, size in zip((top, left), pair.shape[1:], strict=True)
        )
        patch = pair[:, first : first + side, across : across + side]
        patches.append(patch.flip(2) if mirrored < 0.5 else patch)
    rgb_Nhw, thermal_Nhw = (torch.stack(patches).float() / LEVELS).unbind(dim=1)
    return rgb_Nhw, thermal_Nhw
