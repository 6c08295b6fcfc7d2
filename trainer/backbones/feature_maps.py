"""Models of timm with feature maps (ConvNeXt, ResNet, EfficientNet and the like), frozen.

``backbone.blocks`` chooses maps by index, from 0: blocks of an EfficientNet or MobileNet, and for
any other model the maps of timm's ``features_only``. The default is the last one. The chosen maps
are resampled to one grid and concatenated: a finer map by the mean over each token's area, a
coarser one by bilinear interpolation. The token's side is ``backbone.stride``, or the stride of
the finest chosen map.

Image sides only need to be multiples of the token's side: images are extended at the right and
at the bottom with their last pixels to multiples of every stride, and the additional tokens are
dropped. So the positions in a map match its stride at any image size.

Letters of shapes: ``docs/architecture.md``; here H and W are also the rows
and columns of a map before it is resampled to the token grid.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from timm.layers import LayerNorm2d  # type: ignore[attr-defined]
from torch import Tensor, nn
from torch.nn import functional

from trainer.backbones.map_weights import load_map_weights
from trainer.backbones.timm_models import (
    check_name,
    create_model,
    find_weights,
    normalisation_of,
    normalised,
    random_digest,
)
from trainer.backbones.weights import digest_file
from trainer.errors import ConfigError
from trainer.nn.interpolation import upsample

__all__ = ["FeatureMaps", "build_feature_maps", "frozen_maps"]

VERSION = 1  # of the outputs taken from the model and their resampling
PROBES = (64, 128)  # sides of the blank images with which strides and channels are measured
#: Models of timm with a stem and numbered blocks, more than ``features_only`` returns.
BLOCK_MODULES = ("timm.models.efficientnet", "timm.models.mobilenetv3")


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureMaps:
    """See the module."""

    name: str
    model: nn.Module
    #: Hash of the weights, or the seed and versions that determine random ones.
    weights: str
    #: Normalisation with which the weights were trained.
    mean: tuple[float, ...]
    std: tuple[float, ...]
    #: Indices of the chosen maps, ascending.
    blocks: tuple[int, ...]
    #: Stride of each chosen map in pixels.
    strides: tuple[int, ...]
    #: Number of channels of all chosen maps together.
    channels: int
    #: Side of a token in pixels.
    patch: int
    scaling: None = None

    @property
    def fingerprint(self) -> str:
        """Name, weights, normalisation, maps and the token's side."""
        chosen = ",".join(map(str, self.blocks))
        return (
            f"maps-{VERSION}-{self.name}-{self.weights}-{self.mean}-{self.std}"
            f"-{chosen}-{self.patch}"
        )

    def features(self, images: Tensor) -> Tensor:
        """See :class:`~trainer.backbones.base.Backbone`."""
        pixels = _continued(normalised(images, self.mean, self.std), self.strides)
        rows, columns = (side // self.patch for side in images.shape[-2:])
        with torch.no_grad():
            maps = _read(self.model, pixels, self.blocks)
            tokens = [
                _to_grid(map_NCHW, stride, self.patch)[..., :rows, :columns]
                for map_NCHW, stride in zip(maps, self.strides, strict=True)
            ]
            return torch.cat(tokens, dim=1).permute(0, 2, 3, 1).contiguous().float()


def build_feature_maps(
    name: str,
    weights: str,
    device: torch.device,
    *,
    blocks: Sequence[int] | None = None,
    stride: int | None = None,
) -> FeatureMaps:
    """Build the model and load its weights strictly.

    Args:
        name: Name in timm, with or without the tag of its weights.
        weights: ``hub``, ``random`` or the path of a file.
        device: Device of the model.
        blocks: Indices of the maps; None for the last.
        stride: Side of a token in pixels; None for the stride of the finest chosen map.

    Raises:
        ConfigError: If timm has no such model, it has no such maps, or their strides do not
            match the tokens.
        WeightsError: If the weights are missing, unreadable or do not fit.
    """
    check_name(name)
    model = create_model(name)
    chosen = _chosen(name, model, blocks)
    path = find_weights(name, weights)
    if path is not None:
        load_map_weights(model, path, name)
    mean, std = normalisation_of(name)
    digest = random_digest() if path is None else digest_file(path)
    return frozen_maps(
        name, model, device, weights=digest, mean=mean, std=std, blocks=chosen, stride=stride
    )


def frozen_maps(
    name: str,
    model: nn.Module,
    device: torch.device,
    *,
    weights: str,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    blocks: Sequence[int] | None,
    stride: int | None,
) -> FeatureMaps:
    """A backbone for a model with weights; see :func:`build_feature_maps`.

    Raises:
        ConfigError: If the model has no such maps, or their strides do not match the tokens.
    """
    chosen = _chosen(name, model, blocks)
    model.eval().requires_grad_(False)
    strides, channels = _measured(name, model, chosen)
    patch = min(strides) if stride is None else stride
    _check_stride(name, strides, patch)
    return FeatureMaps(
        name=name,
        model=model.to(device),
        weights=weights,
        mean=mean,
        std=std,
        blocks=chosen,
        strides=strides,
        channels=channels,
        patch=patch,
    )


def _chosen(name: str, model: Any, blocks: Sequence[int] | None) -> tuple[int, ...]:
    count = len(model.blocks) if _has_blocks(model) else len(getattr(model, "feature_info", ()))
    if not count or not (_has_blocks(model) or hasattr(model, "forward_intermediates")):
        raise ConfigError(
            f"backbone.name = {name!r} gives no feature maps in timm: choose another model, such"
            " as convnext_tiny or resnet50"
        )
    chosen = (count - 1,) if blocks is None else tuple(sorted(blocks))
    if not chosen or len(set(chosen)) < len(chosen) or not 0 <= chosen[0] <= chosen[-1] < count:
        raise ConfigError(
            f"backbone.blocks = {list(blocks or ())} are not available in {name!r}, which has"
            f" {count}: give numbers from 0 to {count - 1}, each once"
        )
    return chosen


def _has_blocks(model: nn.Module) -> bool:
    return type(model).__module__ in BLOCK_MODULES


def _measured(name: str, model: nn.Module, blocks: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """Stride of each map, and the number of channels of all together."""
    found = set()
    for side in PROBES:
        try:
            with torch.no_grad():
                maps = _read(model, torch.zeros(1, 3, side, side), blocks)
        except (AssertionError, IndexError, RuntimeError, TypeError, ValueError) as error:
            raise _one_size(name) from error
        strides = tuple(side // made.shape[-1] for made in maps)
        if any(side % made.shape[-1] for made in maps):
            raise _one_size(name)
        found.add((strides, sum(made.shape[1] for made in maps)))
    if len(found) > 1:
        raise _one_size(name)
    return found.pop()


def _one_size(name: str) -> ConfigError:
    return ConfigError(
        f"backbone.name = {name!r} cannot take images of more than one size: choose another"
        " model, such as convnext_tiny or resnet50"
    )


def _check_stride(name: str, strides: tuple[int, ...], patch: int) -> None:
    for stride in strides:
        if stride % patch and patch % stride:
            raise ConfigError(
                f"backbone.stride = {patch} does not match the maps of {name!r}, which have"
                f" strides of {', '.join(map(str, strides))} pixels: give one of these, or its"
                " half or double"
            )


def _read(model: Any, images_N3hw: Tensor, blocks: tuple[int, ...]) -> list[Tensor]:
    """The chosen maps, each with shape (N, C, H, W)."""
    if _has_blocks(model):
        made, maps = model.bn1(model.conv_stem(images_N3hw)), []
        for number in range(blocks[-1] + 1):
            made = model.blocks[number](made)
            maps += [made] if number in blocks else []
        return maps
    maps = model.forward_intermediates(
        images_N3hw,
        indices=list(blocks),
        stop_early=True,
        output_fmt="NCHW",
        intermediates_only=True,
    )
    norm = getattr(getattr(model, "head", None), "norm", None)
    if blocks[-1] == len(model.feature_info) - 1 and isinstance(norm, LayerNorm2d):
        maps[-1] = norm(maps[-1])  # the last map of a ConvNeXt is used after its norm
    return list(maps)


def _continued(images_N3hw: Tensor, strides: tuple[int, ...]) -> Tensor:
    """Images extended by their last pixels to sides that are multiples of every stride."""
    step = math.lcm(*strides)
    down, across = (-side % step for side in images_N3hw.shape[-2:])
    if not down and not across:
        return images_N3hw
    return functional.pad(images_N3hw, (0, across, 0, down), mode="replicate")


def _to_grid(map_NCHW: Tensor, stride: int, patch: int) -> Tensor:
    if stride < patch:
        return functional.avg_pool2d(map_NCHW, patch // stride, ceil_mode=True)
    factor = stride // patch
    if factor == 1:
        return map_NCHW
    rows, columns = map_NCHW.shape[-2:]
    return upsample(map_NCHW, (rows * factor, columns * factor))
