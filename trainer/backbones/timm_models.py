"""Models of timm by name: created identically on every run, and the source of their weights.

Importing timm takes seconds, so this module is imported only when such a backbone is named.
"""

import difflib
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import PretrainedCfg, get_pretrained_cfg, is_model, list_models
from torch import nn

from trainer.backbones.weights import fetch_hub_file
from trainer.config.paths import user_path
from trainer.errors import ConfigError, WeightsError
from trainer.seeds import derive_seed

__all__ = [
    "check_name",
    "create_model",
    "find_weights",
    "normalisation_of",
    "normalised",
    "random_digest",
]

FILE = "model.safetensors"  # in every repository of timm on the hub


def check_name(name: str) -> None:
    """Refuse a name that timm does not know, or a tag of weights that it does not have.

    Raises:
        ConfigError: In either case; suggests similar names.
    """
    architecture, _, tag = name.partition(".")
    if not is_model(architecture):
        near = difflib.get_close_matches(architecture, list_models(), n=3)
        raise ConfigError(
            f"backbone.name = {name!r} is not known: give 'patch-stats', 'efficientnet-lite0' or a"
            f" model of timm, such as {', '.join(near or ['vit_small_patch16_dinov3'])}"
        )
    try:
        get_pretrained_cfg(name)
    except RuntimeError as error:
        tags = [
            full.partition(".")[2] for full in list_models(f"{architecture}.*", pretrained=True)
        ]
        raise ConfigError(
            f"backbone.name = {name!r} has no weights tagged {tag!r} in timm: choose a tag of"
            f" {', '.join(tags) or 'none'}"
        ) from error


def create_model(name: str, **options: Any) -> nn.Module:
    """The model without a classifier and with random weights, the same on every run.

    Args:
        name: Name in timm, with or without the tag of its weights.
        **options: Further options of timm.

    Raises:
        TypeError: If the model does not know an option.
    """
    # timm initialises from torch's global generator and accepts no other, so that generator is
    # seeded here and its old state restored.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed("timm", name))
        model: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, **options)
    return model


def random_digest() -> str:
    """Identifies random weights in a fingerprint."""
    return f"random-{timm.__version__}-{torch.__version__}"


def normalisation_of(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation per channel of the images with which the weights were trained."""
    settings = _settings(name)
    return tuple(settings.mean), tuple(settings.std)


def normalised(
    images_N3hw: torch.Tensor, mean: tuple[float, ...], std: tuple[float, ...]
) -> torch.Tensor:
    """Images as a model expects them.

    Args:
        images_N3hw: Images with numbers from 0 to 1.
        mean: Mean per channel.
        std: Deviation per channel.
    """
    mean_3, std_3 = (images_N3hw.new_tensor(part)[:, None, None] for part in (mean, std))
    return (images_N3hw - mean_3) / std_3


def find_weights(name: str, weights: str) -> Path | None:
    """The file that ``backbone.weights`` names; None for random weights.

    Args:
        name: Name in timm, with or without the tag of its weights.
        weights: ``hub``, ``random`` or the path of a file.

    Raises:
        ConfigError: If the name does not determine how images are normalised for a file.
        WeightsError: If there is no such file, or the hub has none.
    """
    if weights == "random":
        return None
    if weights == "hub":
        return _hub_file(name)
    path = user_path(weights)
    if not path.is_file():
        raise WeightsError(
            f"backbone.weights = {weights!r} is not a file: give 'hub', the path of a weights"
            " file, or 'random' to go without trained weights"
        )
    _check_normalisation(name)
    return path


def _hub_file(name: str) -> Path:
    settings = _settings(name)
    if not settings.hf_hub_id:
        raise WeightsError(
            f"timm has no weights for {name!r} on the hub: set backbone.weights to the path of a"
            " file, or to 'random' to go without trained weights"
        )
    return fetch_hub_file(settings.hf_hub_id, settings.hf_hub_filename or FILE)


def _check_normalisation(name: str) -> None:
    """Refuse a name that does not determine how images are normalised for the weights in a file.

    Files do not contain it. DINO's ViT-S/16, for example, has the same architecture as others.
    """
    if "." in name:
        return
    tags = list_models(f"{name}.*", pretrained=True)
    if len({normalisation_of(tag) for tag in tags}) > 1:
        raise ConfigError(
            f"backbone.name = {name!r} leaves open with which normalisation the weights file was"
            f" trained: give the name with its tag, one of {', '.join(tags)}"
        )


def _settings(name: str) -> PretrainedCfg:
    settings = get_pretrained_cfg(name)
    assert settings is not None, "the name was checked"
    return settings
