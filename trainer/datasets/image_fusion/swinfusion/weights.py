"""Weights of a fusion network: reading them strictly, and writing them.

The size of a network follows from the shapes in its file, so that one reader serves small networks
and the authors' files (``.pth``, a table ``params`` or the weights themselves).
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 - only to catch what torch.load raises
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from trainer.datasets.image_fusion.swinfusion.network import Architecture, Network
from trainer.errors import WeightsError

__all__ = ["network_of", "read_weights", "write_weights"]

TABLE = "params"  # in the authors' files
#: In the authors' files, and never used: convolutions of the second image, which shares those of
#: the first, and tables that follow from the size of a window.
UNUSED = re.compile(r"conv_first[12]_B\.(weight|bias)|.*\.(attn_mask|relative_position_index)")
ATTENTION = "layers_Ex_A.0.residual_group.blocks.0.attn.relative_position_bias_table"
FAULTS = (OSError, RuntimeError, ValueError, EOFError, LookupError, UnpicklingError)


def read_weights(path: Path) -> Network:
    """The network in a file.

    Raises:
        WeightsError: If it cannot be read, or a weight is missing, unknown or of another shape.
    """
    try:
        if path.suffix == ".safetensors":
            found: Any = safetensors.torch.load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (*FAULTS, SafetensorError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"cannot read the weights of the image fusion {path} ({reason}): give a safetensors"
            " or a torch file"
        ) from error
    if isinstance(found, Mapping) and isinstance(found.get(TABLE), Mapping):
        found = found[TABLE]
    if not isinstance(found, Mapping) or not all(
        isinstance(each, Tensor) for each in found.values()
    ):
        raise WeightsError(f"{path} holds no table of weights: give a file of a fusion network")
    return network_of(found, str(path))


def network_of(found: Mapping[str, Tensor], source: str) -> Network:
    """The network with these weights.

    Args:
        found: Weights by name.
        source: Where they come from, for messages.

    Raises:
        WeightsError: If a weight is missing, unknown or of another shape.
    """
    weights = {name: each for name, each in found.items() if not UNUSED.fullmatch(name)}
    architecture = _architecture(weights, source)
    wanted = {entry.name: entry.shape for entry in architecture.entries()}
    problems = [
        *(f"lacks {name}" for name in wanted if name not in weights),
        *(f"has the unknown {name}" for name in weights if name not in wanted),
        *(
            f"has {name} with shape {tuple(weights[name].shape)} in place of {shape}"
            for name, shape in wanted.items()
            if name in weights and tuple(weights[name].shape) != shape
        ),
    ]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise WeightsError(f"{source} {problems[0]}{more}: give a file of a fusion network")
    return Network(
        architecture=architecture, weights={name: each.float() for name, each in weights.items()}
    )


def _architecture(weights: Mapping[str, Tensor], source: str) -> Architecture:
    """The size that the shapes imply.

    Raises:
        WeightsError: If the weights that tell it are missing or of another shape.
    """
    try:
        places, heads = weights[ATTENTION].shape
        width = weights["conv_first2_A.weight"].shape[0]
        hidden = weights["layers_Ex_A.0.residual_group.blocks.0.mlp.fc1.weight"].shape[0]
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"{source} does not hold the weights of a fusion network like SwinFusion's: give"
            " another file"
        ) from error
    groups = _count(weights, "layers_Fusion")
    return Architecture(
        width=width,
        heads=heads,
        extraction=_count(weights, "layers_Ex_A.0.residual_group.blocks"),
        fusion=tuple(
            _count(weights, f"layers_Fusion.{number}.residual_group.blocks")
            for number in range(groups)
        ),
        reconstruction=_count(weights, "layers_Re.0.residual_group.blocks"),
        window=(math.isqrt(places) + 1) // 2,
        expansion=max(1, hidden // width),
    )


def _count(weights: Mapping[str, Tensor], prefix: str) -> int:
    """Number of parts with names such as ``PREFIX.0.…``, ``PREFIX.1.…``."""
    count = 0
    while any(name.startswith(f"{prefix}.{count}.") for name in weights):
        count += 1
    return count


def write_weights(network: Network, path: Path) -> None:
    """Write a network to a safetensors file.

    Raises:
        WeightsError: If it cannot be written.
    """
    tensors = {name: each.detach().contiguous() for name, each in network.weights.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(safetensors.torch.save(tensors))
    except OSError as error:
        raise WeightsError(
            f"cannot write the weights to {path} ({error.strerror}): give another --out"
        ) from error
