"""Finding our parameters in the published checkpoints, by name.

Letters of shapes: ``docs/architecture.md``.

Their layers are 1x1 convolutions with weights (out, in, 1, 1), the same numbers as in our linear
layers. Layers of the single modalities are stacked here, along a leading axis.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from trainer.backbones.weights import list_keys
from trainer.errors import CheckpointError
from trainer.nn.parameters import Layout

__all__ = ["BACKBONE", "fill_layout", "parameter_sources"]

BACKBONE = "net.model."  # prefix of the frozen backbone's weights
#: Tensors that are never read in training, or at all.
UNUSED = ("train_cluster_probe.", "decoder.")
COUNTERS = ".num_batches_tracked"

#: Our layers to theirs, where one matches one.
LAYERS = {
    "head.linear": "net.cluster1.0",
    "head.hidden": "net.cluster2.0",
    "head.nonlinear": "net.cluster2.2",
    "linear": "linear_probe",
}
HARMONISER = {
    "cmh.first": "net.modal_projection_head.0",
    "cmh.second": "net.modal_projection_head.2",
}
NETWORKS = {"msn.first": "conv1", "msn.second": "conv2"}
STATISTICS = {"mean": "running_mean", "variance": "running_var"}


def parameter_sources(name: str, *, modalities: tuple[str, ...], fusion: str) -> tuple[str, ...]:
    """Their tensors for one of our parameters or buffers: one, or one per modality.

    Args:
        name: Name of an entry of a layout.
        modalities: The modalities in their order.
        fusion: ``method.fusion``; their two networks number their layers differently.
    """
    if name == "cluster.centres":
        return ("cluster_probe.clusters",)
    layer, _, kind = name.rpartition(".")
    if layer in NETWORKS:
        return tuple(
            f"net.modality_networks.{modality}.{NETWORKS[layer]}.{kind}" for modality in modalities
        )
    if layer.startswith("fusion."):
        return (f"net.fusion_conv.{_place(layer, fusion)}.{STATISTICS.get(kind, kind)}",)
    return (f"{(LAYERS | HARMONISER)[layer]}.{kind}",)


def _place(layer: str, fusion: str) -> int:
    """Position in their sequence: convolution, (normalisation,) ReLU, convolution, ..."""
    number = int(layer[-1])
    if fusion == "conv":
        return 2 * number
    return 3 * number if "layer" in layer else 3 * number - 2


def fill_layout(
    layouts: Mapping[str, Layout],
    weights: Mapping[str, Tensor],
    *,
    modalities: tuple[str, ...],
    fusion: str,
    where: str,
) -> dict[str, Tensor]:
    """Fill rows of the layouts from their tensors; every tensor except unused ones is used.

    Args:
        layouts: Layouts by name, chosen by the caller.
        weights: Their tensors by name, without the backbone's.
        modalities: The modalities in their order.
        fusion: ``method.fusion``.
        where: Name of the file for messages.

    Returns:
        A row with shape (P,) for each layout.

    Raises:
        CheckpointError: If tensors are missing, left over, or of the wrong shape; lists them.
    """
    plan = {
        (part, entry.name): parameter_sources(entry.name, modalities=modalities, fusion=fusion)
        for part, layout in layouts.items()
        for entry in layout.entries
    }
    wanted = {source for sources in plan.values() for source in sources}
    shapes = {
        f"{source} {tuple(weights[source].shape)} instead of {shape}"
        for source, shape in _shapes(layouts, plan)
        if source in weights and _squeezed(weights[source]) != shape
    }
    extra = {name for name in weights.keys() - wanted if not _is_unused(name, wanted)}
    kinds = (
        ("lacks", wanted - weights.keys()),
        ("also has", extra),
        ("other shape:", shapes),
    )
    if differences := "; ".join(f"{kind} {list_keys(names)}" for kind, names in kinds if names):
        raise CheckpointError(
            f"{where} is not the model that its own settings describe ({differences}): give a"
            " checkpoint of the published code"
        )
    return {
        part: _row(layout, {e.name: plan[part, e.name] for e in layout.entries}, weights)
        for part, layout in layouts.items()
    }


def _shapes(
    layouts: Mapping[str, Layout], plan: Mapping[tuple[str, str], tuple[str, ...]]
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The expected shape of each of their tensors, without axes of length 1."""
    for part, layout in layouts.items():
        for entry in layout.entries:
            stacked = entry.name.startswith(("msn.", "cmh."))
            for source in plan[part, entry.name]:
                yield source, entry.shape[1:] if stacked else entry.shape


def _squeezed(weight: Tensor) -> tuple[int, ...]:
    """The shape of a 1x1 convolution's weight as that of a linear layer."""
    shape = tuple(weight.shape)
    return shape[:2] if len(shape) == 4 and shape[2:] == (1, 1) else shape


def _is_unused(name: str, wanted: set[str]) -> bool:
    """Whether a tensor is not read; there may be a harmoniser that no modality uses."""
    idle = tuple(layer for layer in HARMONISER.values() if f"{layer}.weight" not in wanted)
    return name.startswith((*UNUSED, *idle)) or name.endswith(COUNTERS)


def _row(
    layout: Layout, sources: Mapping[str, tuple[str, ...]], weights: Mapping[str, Tensor]
) -> Tensor:
    parts = {
        entry.name: torch.stack([weights[name] for name in sources[entry.name]])
        .reshape(1, *entry.shape)
        .float()
        for entry in layout.entries
    }
    return layout.leaf(parts)[0] if parts else torch.zeros(0)
