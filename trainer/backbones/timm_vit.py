"""Vision transformers of timm (DINO, DINOv2, DINOv3 and the like) as frozen backbones.

Features are the patch tokens after the last block's norm, class and register tokens dropped
(specification 2.2). Weights come from the hub, from a file, or are random because somebody
said so; loading is strict, and nothing is random by accident.

Importing timm takes seconds, so this module is imported only when such a backbone is named.

Shape letters: B batch, R pixels of a side, H W token grid, C channels.
"""

import contextlib
import difflib
import importlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

from trainer.backbones.weights import digest_file, fetch_hub_file, list_keys, read_state
from trainer.errors import ConfigError, WeightsError
from trainer.seeds import derive_seed

__all__ = ["TimmVit", "build_timm_vit"]

VERSION = 2  # of what is taken from the model
MODULES = ("vision_transformer", "eva")  # of timm: those with plain token grids
FILE = "model.safetensors"  # in every repository of timm on the hub
#: Where training scripts put the weights; all that timm looks into as well.
CHECKPOINT_PARTS = ("teacher", "model_ema", "model", "module", "state_dict", "encoder")
PREFIXES = ("module.", "backbone.")  # that wrappers put before names


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
    standardise: bool = False

    @property
    def channels(self) -> int:
        """Width of a token."""
        return int(self.model.num_features)  # type: ignore[arg-type]

    @property
    def patch(self) -> int:
        """Side of a token in pixels."""
        return _patch(self.model)

    @property
    def fingerprint(self) -> str:
        """Name, weights and normalisation."""
        return f"timm-{VERSION}-{self.name}-{self.weights}-{self.mean}-{self.std}"

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """See :class:`~trainer.backbones.base.Backbone`."""
        mean, std = (images.new_tensor(part)[:, None, None] for part in (self.mean, self.std))
        with torch.no_grad():
            tokens = self.model.forward_features((images - mean) / std)  # type: ignore[operator]
            if isinstance(self.model.norm, nn.Identity):
                tokens = self.model.fc_norm(tokens)  # type: ignore[operator]
        rows, columns = (side // self.patch for side in images.shape[2:])
        patches: torch.Tensor = tokens[:, self.model.num_prefix_tokens :]
        return patches.reshape(len(images), rows, columns, self.channels).float()


def build_timm_vit(name: str, weights: str, device: torch.device) -> TimmVit:
    """Build the model and load its weights strictly.

    Args:
        name: Name of timm's, with or without the tag of its weights.
        weights: ``hub``, ``random`` or the path of a file.
        device: Where the model is to run.

    Raises:
        ConfigError: If timm has no plain vision transformer of that name.
        WeightsError: If the weights are missing, unreadable or do not fit.
    """
    _check_name(name)
    model = _create(name)
    if weights == "random":
        digest = f"random-{timm.__version__}-{torch.__version__}"
    else:
        path = _weights_file(name, weights)
        _load(model, path, name)
        digest = digest_file(path)
    model.eval().requires_grad_(False).to(device)
    settings = _settings(name)
    return TimmVit(
        name=name, model=model, weights=digest, mean=tuple(settings.mean), std=tuple(settings.std)
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


def _patch(model: nn.Module) -> int:
    return int(model.patch_embed.patch_size[0])  # type: ignore[union-attr, index]


def _weights_file(name: str, weights: str) -> Path:
    if weights != "hub":
        path = Path(weights).expanduser()
        if not path.is_file():
            raise WeightsError(
                f"backbone.weights = {weights!r} is no file: give 'hub', the path of a weights"
                " file, or 'random' to go without trained weights"
            )
        return path
    settings = _settings(name)
    if not settings.hf_hub_id:
        raise WeightsError(
            f"timm has no weights for {name!r} on the hub: set backbone.weights to the path of a"
            " file, or to 'random' to go without trained weights"
        )
    return fetch_hub_file(settings.hf_hub_id, settings.hf_hub_filename or FILE)


def _load(model: nn.Module, path: Path, name: str) -> None:
    state = _unwrap(read_state(path))
    _check_patch(model, state, path, name)
    _check_biases(model, state, path, name)
    convert = importlib.import_module(type(model).__module__).checkpoint_filter_fn
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints a line a dropped bias
            state = convert(state, model)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise _misfit(path, name, "its layout is not known") from error
    wanted = model.state_dict()
    heads = ("head.", "head_dist.")  # a classifier is of no use here
    state = {key: value for key, value in state.items() if not key.startswith(heads)}
    missing, extra = wanted.keys() - state.keys(), state.keys() - wanted.keys()
    shapes = {key for key in wanted.keys() & state.keys() if wanted[key].shape != state[key].shape}
    if missing or extra or shapes:
        told = [
            f"{kind} {list_keys(keys)}"
            for kind, keys in (
                ("misses", missing),
                ("has besides", extra),
                ("other shape:", shapes),
            )
            if keys
        ]
        raise _misfit(path, name, "; ".join(told))
    model.load_state_dict(state, strict=True)


def _check_patch(model: nn.Module, state: Mapping[str, Any], path: Path, name: str) -> None:
    """Refuse tokens of another size, which timm would resample."""
    patch = (_patch(model), _patch(model))
    for key, value in state.items():
        stored = tuple(value.shape[-2:]) if _is_patch_kernel(key, value) else patch
        if stored != patch:
            raise _misfit(
                path, name, f"its patches are {stored[0]} x {stored[1]} pixels, not {patch[0]}"
            )


def _is_patch_kernel(key: str, value: object) -> bool:
    names = ("patch_embed.proj.weight", "patchifier.proj.weight", "conv1.weight")
    return key.endswith(names) and isinstance(value, torch.Tensor) and value.ndim == 4


def _check_biases(model: nn.Module, state: Mapping[str, Any], path: Path, name: str) -> None:
    """Refuse biases of queries and values for a model without, where timm would drop them.

    The third between them, of the keys, has no effect: softmax takes no notice of it.
    """
    biases = ("qkv.bias", "q_bias", "q_proj.bias")
    if any(key.endswith(biases) for key in model.state_dict()):
        return
    for key, value in state.items():
        if key.endswith("qkv.bias") and isinstance(value, torch.Tensor) and value.ndim == 1:
            third = len(value) // 3
            if value[:third].any() or value[2 * third :].any():
                raise _misfit(path, name, f"it has biases such as {key}{_variant_hint(name)}")


def _variant_hint(name: str) -> str:
    """The name of timm's variant with biases, if there is one."""
    architecture, dot, tag = name.partition(".")
    variant = f"{architecture}_qkvb"
    return f"; {variant + dot + tag!r} takes them" if is_model(variant) else ""


def _misfit(path: Path, name: str, why: str) -> WeightsError:
    return WeightsError(
        f"the weights {path} do not fit {name!r} ({why}): give the file of this architecture or"
        " change backbone.name"
    )


def _unwrap(state: Mapping[str, Any]) -> dict[str, Any]:
    """The weights in a checkpoint, without what wrappers put around their names."""
    for part in CHECKPOINT_PARTS:
        if isinstance(state.get(part), Mapping):
            state = state[part]
    for prefix in PREFIXES:
        if state and all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return dict(state)
