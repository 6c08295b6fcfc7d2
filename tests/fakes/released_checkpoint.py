"""Checkpoints as PyTorch Lightning writes those of the released code, without either package.

Stand-ins for OmegaConf's classes have the state that its own pickle (2.3): nodes with
``_metadata``, ``_parent`` and ``_val``, containers with ``_content``. They are there while the
file is written and gone when it is read.

Shape letters: C feature channels, K code channels, Y classes.
"""

import collections
import sys
import types
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

__all__ = ["released_modules", "write_released"]

KINDS = {
    "omegaconf.base": ("Metadata", "ContainerMetadata"),
    "omegaconf.dictconfig": ("DictConfig",),
    "omegaconf.listconfig": ("ListConfig",),
    "omegaconf.nodes": ("AnyNode",),
    "pytorch_lightning.utilities.parsing": ("AttributeDict",),
}


@contextmanager
def _packages() -> Iterator[dict[str, type]]:
    """Importable stand-ins, for as long as the file is written."""
    before, made = dict(sys.modules), {}
    for path, names in KINDS.items():
        parts = path.split(".")
        for depth in range(1, len(parts) + 1):
            name = ".".join(parts[:depth])
            sys.modules.setdefault(name, types.ModuleType(name))
        for name in names:
            base = dict if name == "AttributeDict" else object
            made[name] = type(name, (base,), {"__module__": path})
            setattr(sys.modules[path], name, made[name])
    try:
        yield made
    finally:
        for name in sys.modules.keys() - before.keys():
            if name.split(".")[0] in ("omegaconf", "pytorch_lightning"):
                del sys.modules[name]


def _omega(value: Any, parent: Any, kinds: dict[str, type]) -> Any:
    """A value as OmegaConf stores it."""
    container = isinstance(value, (dict, list))
    metadata = kinds["ContainerMetadata" if container else "Metadata"]()
    metadata.__dict__.update(
        ref_type=typing.Any,
        object_type=type(value) if container else None,
        optional=True,
        flags={},
        resolver_cache=collections.defaultdict(dict),
    )
    if not container:
        node = kinds["AnyNode"]()
        node.__dict__.update(_metadata=metadata, _parent=parent, _val=value)
        return node
    node = kinds["DictConfig" if isinstance(value, dict) else "ListConfig"]()
    content: Any = (
        {key: _omega(item, node, kinds) for key, item in value.items()}
        if isinstance(value, dict)
        else [_omega(item, node, kinds) for item in value]
    )
    node.__dict__.update(_metadata=metadata, _parent=parent, _content=content)
    return node


def released_modules(
    *, modalities: list[str], channels: int, code: int, classes: int, ladder: bool, seed: int = 3
) -> nn.ModuleDict:
    """The trained parts of the released model by the names they have in a checkpoint."""

    def conv(inputs: int, outputs: int) -> nn.Conv2d:
        return nn.Conv2d(inputs, outputs, kernel_size=1)

    wide = channels * len(modalities)
    fusion: list[nn.Module] = []
    if ladder:
        for width in range(wide, channels, -channels):
            narrow = width - channels
            fusion += [conv(width, narrow), nn.BatchNorm2d(narrow), nn.ReLU()]
        fusion.append(conv(channels, channels))
    else:
        half = (wide + channels) // 2
        fusion = [conv(wide, half), nn.ReLU(), conv(half, channels)]
    net = nn.ModuleDict(
        {
            "cluster1": nn.Sequential(conv(channels, code)),
            "cluster2": nn.Sequential(conv(channels, channels), nn.ReLU(), conv(channels, code)),
        }
    )
    if len(modalities) > 1:
        net["modality_networks"] = nn.ModuleDict(
            {
                modality: nn.ModuleDict(
                    {
                        "conv1": conv(channels, channels // 2),
                        "conv2": conv(channels // 2, channels),
                    }
                )
                for modality in modalities
            }
        )
        net["fusion_conv"] = nn.Sequential(*fusion)
        net["modal_projection_head"] = nn.Sequential(conv(code, code), nn.ReLU(), conv(code, code))
    lookups = {name: nn.Module() for name in ("train_cluster_probe", "cluster_probe")}
    for lookup in lookups.values():
        lookup.clusters = nn.Parameter(torch.zeros(classes, code))
    model = nn.ModuleDict(
        {"net": net, **lookups, "linear_probe": conv(code, classes), "decoder": conv(code, 7)}
    )
    generator = torch.Generator().manual_seed(seed)
    for value in model.state_dict().values():
        if value.is_floating_point():  # positive, for variances
            value.copy_(torch.rand(value.shape, generator=generator) * 0.5 + 0.01)
            value.mul_(torch.where(torch.rand(value.shape, generator=generator) < 0.5, 1, -1)) if (
                value.ndim > 1
            ) else None
    return model


def write_released(
    path: Path,
    *,
    settings: dict[str, Any],
    classes: int,
    state: dict[str, torch.Tensor],
    step: int = 8715,
    change: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Write a checkpoint; ``change`` may alter its content first."""
    with _packages() as kinds:
        hyper = kinds["AttributeDict"]()
        hyper.update(n_classes=classes, cfg=_omega(settings, None, kinds))
        content: dict[str, Any] = {
            "epoch": 23,
            "global_step": step,
            "pytorch-lightning_version": "2.5.2",
            "state_dict": collections.OrderedDict(state),
            "loops": {"fit_loop": {"state_dict": {}}},
            "callbacks": {
                "ModelCheckpoint{'monitor': 'test/cluster/mIoU', 'mode': 'max'}": {
                    "monitor": "test/cluster/mIoU",
                    "current_score": torch.tensor(38.11),
                    "best_model_score": torch.tensor(38.5),
                    "best_model_path": "/elsewhere/best.ckpt",
                }
            },
            "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}}] * 3,
            "lr_schedulers": [],
            "hparams_name": "kwargs",
            "hyper_parameters": hyper,
        }
        if change is not None:
            change(content)
        torch.save(content, path)
