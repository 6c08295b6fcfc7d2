"""A slot before its first step: parameters, probes and buffers drawn from the run's seed.

Letters of shapes: ``docs/architecture.md``.
"""

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.engine.batches import Batches
from trainer.engine.slot_layouts import SlotLayouts
from trainer.methods.base import Method
from trainer.nn.parameters import Views
from trainer.scoring.clustering import spherical_kmeans
from trainer.scoring.probes import CENTRES
from trainer.seeds import torch_generator

__all__ = ["InitialRows", "initial_rows"]


@dataclass(frozen=True, kw_only=True)
class InitialRows:
    """One slot's rows, each with shape (1, O), on the CPU."""

    parameters: Tensor
    probes: Tensor
    buffers: Tensor


def initial_rows(seed: int, method: Method, layouts: SlotLayouts, batches: Batches) -> InitialRows:
    """Draw a run's parameters, and let the method start them from features.

    Args:
        seed: Seed of the run.
        method: The method that is trained.
        layouts: Places of its tensors.
        batches: Where the features come from.
    """
    rows = {
        purpose: layout.initial_row(torch_generator(seed, purpose))[None]
        for purpose, layout in layouts.by_purpose().items()
    }
    parameters: Views = layouts.parameters.views(rows["parameters"])
    buffers: Views = layouts.buffers.views(rows["buffers"])
    sample = functools.cache(batches.sample)  # tens of megabytes, wanted up to three times
    with torch.no_grad():
        parameters, buffers = method.start(parameters, buffers, sample)
        if method.needs.clustered_start:
            code_IK = method.encode(parameters, buffers, sample()).flatten(0, 2)
            probes = layouts.probes.views(rows["probes"])
            centres = _clustered(code_IK, probes[CENTRES].shape[1], seed)
            rows["probes"] = layouts.probes.leaf({**probes, CENTRES: centres})
    if parameters:
        rows["parameters"] = layouts.parameters.leaf(parameters)
    if buffers:
        rows["buffers"] = layouts.buffers.leaf(buffers)
    return InitialRows(**rows)


def _clustered(code_IK: Tensor, count: int, seed: int) -> Tensor:
    """Cluster centres of the first code: (1, Z, K), as long as random ones."""
    length = math.sqrt(code_IK.shape[1])
    return length * spherical_kmeans(code_IK, count, torch_generator(seed, "clusters"))[None]
