"""Table of frozen feature extractors by name; other names are models of timm."""

from collections.abc import Callable

import torch

from trainer.backbones.base import Backbone
from trainer.backbones.patch_stats import PatchStats
from trainer.config.configuration import PACKAGED, BackboneConfig
from trainer.errors import ConfigError

__all__ = ["BACKBONES", "Backbone", "build_backbone"]


def _patch_stats(config: BackboneConfig, device: torch.device) -> Backbone:
    _refuse_output(config)
    _refuse_maps(config, "set backbone.patch, the side of its tokens,")
    return PatchStats(patch=config.patch)  # has no weights, runs on the device of its images


def _efficientnet_lite0(config: BackboneConfig, device: torch.device) -> Backbone:
    from trainer.backbones.efficientnet_lite0 import (  # lazily: timm takes seconds to import
        build_efficientnet_lite0,
    )

    _refuse_output(config)
    return build_efficientnet_lite0(
        config.weights, device, blocks=config.blocks, stride=config.stride
    )


def _timm(config: BackboneConfig, device: torch.device) -> Backbone:
    from trainer.backbones.timm_vit import (  # lazily: timm takes seconds to import
        build_timm_vit,
        is_plain_vit,
    )

    if config.weights == "package":
        raise ConfigError(
            f"backbone.weights = 'package' is not for {config.name!r}: give 'hub', the path of a"
            f" file or 'random'; a package with weights exists for {' and '.join(PACKAGED)}"
        )
    if is_plain_vit(config.name):
        _refuse_maps(config, "choose by backbone.output")
        return build_timm_vit(config.name, config.weights, device, output=config.output)
    from trainer.backbones.feature_maps import build_feature_maps  # lazily: imports timm

    _refuse_output(config)
    return build_feature_maps(
        config.name, config.weights, device, blocks=config.blocks, stride=config.stride
    )


def _refuse_output(config: BackboneConfig) -> None:
    if config.output != "tokens":
        raise ConfigError(
            f"backbone.output = {config.output!r} is not available for {config.name!r}, which has"
            " one kind of features: set backbone.output to 'tokens' or name a vision transformer"
        )


def _refuse_maps(config: BackboneConfig, instead: str) -> None:
    for setting in ("blocks", "stride"):
        if getattr(config, setting) is not None:
            raise ConfigError(
                f"backbone.{setting} is for models with feature maps, but {config.name!r} has"
                f" tokens of one kind: {instead} or leave it out"
            )


#: Name to the function that builds it; other names are looked up in timm.
BACKBONES: dict[str, Callable[[BackboneConfig, torch.device], Backbone]] = {
    "efficientnet-lite0": _efficientnet_lite0,
    "patch-stats": _patch_stats,
}


def build_backbone(config: BackboneConfig, device: torch.device | str = "cpu") -> Backbone:
    """Build the configured backbone and load its weights.

    Raises:
        ConfigError: If neither this table nor timm has the name, or it lacks the output.
        WeightsError: If weights are missing, unreadable or do not fit.
    """
    build = BACKBONES.get(config.name, _timm)
    return build(config, torch.device(device))
