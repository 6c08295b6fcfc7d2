"""Vision transformers of timm (DINO, DINOv2, DINOv3 and the like) as frozen backbones.

Features are the patch tokens after the last block's norm without class and register tokens, or
another output of ``trainer.backbones.vit_outputs``. Weights come from the hub, from a file, or are
random if requested; loading is strict, and no weight is random by accident.

Importing timm takes seconds, so this module is imported only when such a backbone is named.

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass

import torch
from timm.models import is_model_in_modules
from torch import nn

from trainer.backbones.loading import load_weights, patch_side
from trainer.backbones.timm_models import (
    check_name,
    create_model,
    find_weights,
    normalisation_of,
    normalised,
    random_digest,
)
from trainer.backbones.vit_outputs import (
    OUTPUTS,
    check_output,
    check_patch_attention,
    patch_attention,
)
from trainer.backbones.weights import digest_file
from trainer.errors import ConfigError

__all__ = ["TimmVit", "build_timm_vit", "is_plain_vit"]

VERSION = 2  # of the outputs taken from the model
MODULES = ("vision_transformer", "eva")  # of timm: those with plain token grids


@dataclass(frozen=True, kw_only=True, eq=False)
class TimmVit:
    """See the module."""

    name: str
    model: nn.Module
    #: Hash of the weights, or the seed of random ones.
    weights: str
    #: Normalisation with which the weights were trained (ImageNet's for the DINO family).
    mean: tuple[float, ...]
    std: tuple[float, ...]
    #: The output used as features: a name in ``OUTPUTS``.
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
        """Name, weights, normalisation and, except for ``tokens``, the output."""
        kind = "" if self.output == "tokens" else f"-{self.output}"
        return f"timm-{VERSION}-{self.name}-{self.weights}-{self.mean}-{self.std}{kind}"

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """See :class:`~trainer.backbones.base.Backbone`."""
        with torch.no_grad():
            patches = OUTPUTS[self.output].read(
                self.model, normalised(images, self.mean, self.std)
            )
        rows, columns = images.shape[2] // self.patch, images.shape[3] // self.patch
        return patches.reshape(len(images), rows, columns, self.channels).float()

    def check_attention(self) -> None:
        """See :class:`~trainer.backbones.base.Attentive`."""
        check_patch_attention(self.model, self.name)

    def attention(self, images: torch.Tensor) -> torch.Tensor:
        """See :class:`~trainer.backbones.base.Attentive`."""
        with torch.no_grad():
            return patch_attention(self.model, normalised(images, self.mean, self.std)).float()


def build_timm_vit(
    name: str, weights: str, device: torch.device, *, output: str = "tokens"
) -> TimmVit:
    """Build the model and load its weights strictly.

    Args:
        name: Name in timm, with or without the tag of its weights.
        weights: ``hub``, ``random`` or the path of a file.
        device: Device of the model.
        output: The output used as features: a name in ``OUTPUTS``.

    Raises:
        ConfigError: If timm has no plain vision transformer of that name, or it lacks the
            output.
        WeightsError: If the weights are missing, unreadable or do not fit.
    """
    check_name(name)
    model = _create(name)
    check_output(model, output, name)
    path = find_weights(name, weights)
    if path is not None:
        load_weights(model, path, name)
    model.eval().requires_grad_(False).to(device)
    mean, std = normalisation_of(name)
    return TimmVit(
        name=name,
        model=model,
        weights=random_digest() if path is None else digest_file(path),
        mean=mean,
        std=std,
        output=output,
    )


def is_plain_vit(name: str) -> bool:
    """Whether timm's model of that name is a vision transformer with a plain token grid."""
    return is_model_in_modules(name.partition(".")[0], MODULES)


def _create(name: str) -> nn.Module:
    try:
        return create_model(name, dynamic_img_size=True)
    except TypeError as error:
        raise ConfigError(
            f"backbone.name = {name!r} cannot take images of more than one size: choose"
            " another vision transformer"
        ) from error
