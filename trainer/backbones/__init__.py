"""Frozen feature extractors, by name: those in the table, and any plain ViT of timm."""

from collections.abc import Callable

import torch

from trainer.backbones.base import Backbone
from trainer.backbones.patch_stats import PatchStats
from trainer.config.configuration import BackboneConfig
from trainer.errors import ConfigError

__all__ = ["BACKBONES", "Backbone", "build_backbone"]


def _patch_stats(config: BackboneConfig, device: torch.device) -> Backbone:
    if config.output != "tokens":
        raise ConfigError(
            f"backbone.output = {config.output!r} cannot be had from 'patch-stats', which has"
            " one kind of features: set backbone.output to 'tokens' or name a vision transformer"
        )
    return PatchStats(patch=config.patch)  # has no weights, runs where its images are


def _timm_vit(config: BackboneConfig, device: torch.device) -> Backbone:
    # timm takes seconds to import, and a run on patch-stats does without
    from trainer.backbones.timm_vit import build_timm_vit

    return build_timm_vit(config.name, config.weights, device, output=config.output)


#: Name to what builds it; a name that is not here is looked for in timm.
BACKBONES: dict[str, Callable[[BackboneConfig, torch.device], Backbone]] = {
    "patch-stats": _patch_stats,
}


def build_backbone(config: BackboneConfig, device: torch.device | str = "cpu") -> Backbone:
    """Build the configured backbone, its weights loaded.

    Raises:
        ConfigError: If neither we nor timm know the name, or it does not have the output.
        WeightsError: If weights are missing, unreadable or do not fit.
    """
    build = BACKBONES.get(config.name, _timm_vit)
    return build(config, torch.device(device))
