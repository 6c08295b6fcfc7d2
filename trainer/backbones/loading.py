"""Loading a file's weights into a model of timm: strictly, for every known layout.

A file has timm's names, or those of the DINO, DINOv2 or DINOv3 authors or of Hugging Face
transformers, which our own tables translate. Files of other models are converted by timm, after
checks against its silent changes: it would resample patches and positions and drop biases.
"""

import contextlib
import importlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from timm.models import is_model
from torch import Tensor, nn

from trainer.backbones.layouts import (
    PERIODS,
    MisfitError,
    detect_layout,
    load_periods,
    to_timm_names,
)
from trainer.backbones.transformers_names import has_transformers_names, to_authors_names
from trainer.backbones.weights import list_keys, read_state
from trainer.errors import WeightsError

__all__ = ["check_fit", "differences", "load_weights", "patch_side"]

CLASSIFIERS = ("head.", "head_dist.")  # of timm's own files; not needed here


def load_weights(model: nn.Module, path: Path, name: str) -> None:
    """Load a file strictly: it has to contain exactly the weights of the model.

    Args:
        model: The model, changed in place.
        path: A safetensors or torch file.
        name: Name of the model for messages.

    Raises:
        WeightsError: If the file cannot be read or does not fit; lists missing and additional
            weights and those of another shape.
    """
    state = read_state(path)
    foreign = has_transformers_names(state)
    try:
        if foreign:
            state = to_authors_names(state)
        _check_patch(model, state)
        state = _translate(model, state)
        periods = state.pop(PERIODS, None)
        check_fit(model, state)
        model.load_state_dict(state, strict=True)
        if periods is not None:
            load_periods(model, periods)
    except MisfitError as error:
        names = ", which have Hugging Face transformers' names," if foreign else ""
        raise WeightsError(
            f"the weights {path}{names} do not fit {name!r} ({error}{_variant_hint(name, error)}):"
            " give the file of this architecture or change backbone.name"
        ) from error


def patch_side(model: nn.Module) -> int:
    """Side of a token, pixels."""
    return int(model.patch_embed.patch_size[0])  # type: ignore[union-attr, index]


def _translate(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under timm's names, without a classifier."""
    layout = detect_layout(state, model)
    if layout is not None:
        return to_timm_names(state, model, layout)
    own = _headless(state)
    if differences(model, own) and not _is_ours(model):
        return _headless(_convert_by_timm(model, state))
    return own


def _is_ours(model: nn.Module) -> bool:
    """Whether the model is of a family with known layouts; timm then must not guess."""
    settings: Any = model.pretrained_cfg
    return "dino" in f"{settings['architecture']}.{settings.get('tag')}"


def _convert_by_timm(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Any]:
    _check_positions(model, state)
    _check_biases(model, state)
    convert = importlib.import_module(type(model).__module__).checkpoint_filter_fn
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints
            return dict(convert(dict(state), model))
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise MisfitError("its layout is not known") from error


def _headless(state: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if not key.startswith(CLASSIFIERS)}


def differences(model: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """Missing and additional weights and those of another shape, one phrase each."""
    wanted = model.state_dict()
    both = wanted.keys() & state.keys()
    kinds = (
        ("lacks", wanted.keys() - state.keys()),
        ("also has", state.keys() - wanted.keys()),
        ("other shape:", {key for key in both if wanted[key].shape != state[key].shape}),
    )
    return [f"{kind} {list_keys(keys)}" for kind, keys in kinds if keys]


def check_fit(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Refuse weights that are not the model's own, by name and shape.

    Raises:
        MisfitError: If they are not; lists the differences.
    """
    if found := differences(model, state):
        raise MisfitError("; ".join(found))


def _check_patch(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Refuse tokens of another size, which timm would resample."""
    side = patch_side(model)
    names = ("patch_embed.proj.weight", "patchifier.proj.weight", "conv1.weight")
    for key, value in state.items():
        if key.endswith(names) and value.ndim == 4 and tuple(value.shape[-2:]) != (side, side):
            raise MisfitError(
                f"its patches are {value.shape[-2]} x {value.shape[-1]} pixels, not {side}"
            )


def _check_positions(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Refuse positions of another grid, which timm would resample."""
    own = getattr(model, "pos_embed", None)
    for key, value in state.items():
        if key.rpartition(".")[2] == "pos_embed" and value.ndim == 3 and own is not None:
            if value.shape[1] != own.shape[1]:
                raise MisfitError(
                    f"its {key} has {value.shape[1]} positions, not {own.shape[1]}: it was"
                    " trained at another resolution"
                )


def _check_biases(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Refuse biases of queries, keys and values for a model without, which timm would drop."""
    biases = ("qkv.bias", "q_bias", "q_proj.bias")
    if any(key.endswith(biases) for key in model.state_dict()):
        return
    for key, value in state.items():
        if key.endswith("qkv.bias") and value.any():
            raise MisfitError(f"it has biases such as {key}")


def _variant_hint(name: str, error: MisfitError) -> str:
    """The name of timm's variant with biases, if there is one and biases are the problem."""
    architecture, dot, tag = name.partition(".")
    variant = f"{architecture}_qkvb"
    if is_model(variant) and ("_bias" in str(error) or "biases such as" in str(error)):
        return f"; {variant + dot + tag!r} takes them"
    return ""
