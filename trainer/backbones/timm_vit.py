"""Vision transformers of timm (DINO, DINOv2, DINOv3 and the like) as frozen backbones.

Features are the patch tokens after the last block's norm, class and register tokens dropped,
or another of ``trainer.backbones.vit_outputs``. Weights come from the hub, from a file, or are
random because somebody said so; loading is strict, and nothing is random by accident.

Importing timm takes seconds, so this module is imported only when such a backbone is named.

Letters of shapes: ``docs/architecture.md``.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from timm.models import (
    PretrainedCfg,
    get_pretrained_cfg,
    is_model,
    is_model_in_modules,
    list_models,
)
from torch import nn

from trainer.backbones.loading import load_weights, patch_side
from trainer.backbones.vit_outputs import OUTPUTS, check_output
from trainer.backbones.weights import digest_file, fetch_hub_file
from trainer.config.paths import user_path
from trainer.errors import ConfigError, WeightsError
from trainer.seeds import derive_seed

__all__ = ["TimmVit", "build_timm_vit"]

VERSION = 2  # of what is taken from the model
MODULES = ("vision_transformer", "eva")  # of timm: those with plain token grids
FILE = "model.safetensors"  # in every repository of timm on the hub


@dataclass(frozen=True, kw_only=True, eq=False)
class TimmVit:
    """See the module."""

    name: str
    model: nn.Module
    #: Hash of the weights, or the seed of random ones.
    weights: str
    #: Normalisation the weights were trained with (ImageNet's for the DINO family).
    mean: tuple[float, ...]
    std: tuple[float, ...]
    #: Which of the model's numbers are the features: a name in ``OUTPUTS``.
    output: str = "tokens"
    scaling: None = None

    @property
    def channels(self) -> int:
        """Length of a feature vector."""
        return OUTPUTS[self.output].channels(self.model)

    @property
    def patch(self) -> int:
        """Side of a token in pixels."""
        return patch_side(self.model)

    @property
    def fingerprint(self) -> str:
        """Name, weights, normalisation and, but for ``tokens``, the output."""
        kind = "" if self.output == "tokens" else f"-{self.output}"
        return f"timm-{VERSION}-{self.name}-{self.weights}-{self.mean}-{self.std}{kind}"

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """See :class:`~trainer.backbones.base.Backbone`."""
        mean, std = (images.new_tensor(part)[:, None, None] for part in (self.mean, self.std))
        with torch.no_grad():
            patches = OUTPUTS[self.output].read(self.model, (images - mean) / std)
        rows, columns = images.shape[2] // self.patch, images.shape[3] // self.patch
        return patches.reshape(len(images), rows, columns, self.channels).float()


def build_timm_vit(
    name: str, weights: str, device: torch.device, *, output: str = "tokens"
) -> TimmVit:
    """Build the model and load its weights strictly.

    Args:
        name: Name of timm's, with or without the tag of its weights.
        weights: ``hub``, ``random`` or the path of a file.
        device: Where the model is to run.
        output: Which of its numbers are the features: a name in ``OUTPUTS``.

    Raises:
        ConfigError: If timm has no plain vision transformer of that name, or it does not have
            such an output.
        WeightsError: If the weights are missing, unreadable or do not fit.
    """
    _check_name(name)
    model = _create(name)
    check_output(model, output, name)
    if weights == "random":
        digest = f"random-{timm.__version__}-{torch.__version__}"
    else:
        path = _weights_file(name, weights)
        load_weights(model, path, name)
        digest = digest_file(path)
    model.eval().requires_grad_(False).to(device)
    settings = _settings(name)
    return TimmVit(
        name=name,
        model=model,
        weights=digest,
        mean=tuple(settings.mean),
        std=tuple(settings.std),
        output=output,
    )


def _check_name(name: str) -> None:
    architecture, _, tag = name.partition(".")
    known = is_model(architecture) and is_model_in_modules(architecture, MODULES)
    if known:
        try:
            get_pretrained_cfg(name)
        except RuntimeError as error:
            tags = [
                full.partition(".")[2]
                for full in list_models(f"{architecture}.*", pretrained=True)
            ]
            raise ConfigError(
                f"backbone.name = {name!r} has no weights tagged {tag!r} in timm: choose a tag of"
                f" {', '.join(tags) or 'none'}"
            ) from error
        return
    names = [name for module in MODULES for name in list_models(module=module)]
    near = difflib.get_close_matches(architecture, names, n=3) or ["vit_small_patch16_dinov3"]
    raise ConfigError(
        f"backbone.name = {name!r} is not known: give 'patch-stats' or a plain vision transformer"
        f" of timm, such as {', '.join(near)}"
    )


def _settings(name: str) -> PretrainedCfg:
    settings = get_pretrained_cfg(name)
    assert settings is not None, "the name was checked"
    return settings


def _create(name: str) -> nn.Module:
    """The model with random weights, the same on every run."""
    # timm initialises from torch's global generator and takes no other: lend it a seeded
    # state and put the old one back.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed("timm", name))
        try:
            model = timm.create_model(name, pretrained=False, num_classes=0, dynamic_img_size=True)
        except TypeError as error:
            raise ConfigError(
                f"backbone.name = {name!r} cannot take images of more than one size: choose"
                " another vision transformer"
            ) from error
    return model


def _weights_file(name: str, weights: str) -> Path:
    if weights != "hub":
        path = user_path(weights)
        if not path.is_file():
            raise WeightsError(
                f"backbone.weights = {weights!r} is no file: give 'hub', the path of a weights"
                " file, or 'random' to go without trained weights"
            )
        _check_tag(name)
        return path
    settings = _settings(name)
    if not settings.hf_hub_id:
        raise WeightsError(
            f"timm has no weights for {name!r} on the hub: set backbone.weights to the path of a"
            " file, or to 'random' to go without trained weights"
        )
    return fetch_hub_file(settings.hf_hub_id, settings.hf_hub_filename or FILE)


def _check_tag(name: str) -> None:
    """Refuse a name that leaves open how images are normalised for the weights in a file.

    Files do not say it. DINO's ViT-S/16, for one, has the same architecture as others.
    """
    if "." in name:
        return
    tags = list_models(f"{name}.*", pretrained=True)
    if len({(tuple(_settings(tag).mean), tuple(_settings(tag).std)) for tag in tags}) > 1:
        raise ConfigError(
            f"backbone.name = {name!r} leaves open which normalisation the weights file was"
            f" trained with: give the name with its tag, one of {', '.join(tags)}"
        )
