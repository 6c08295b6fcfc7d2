"""Loading a file's weights strictly into a model of timm with feature maps.

A file has timm's names, or those that timm can convert (for example those of the ConvNeXt
authors). In both cases it has to contain exactly the weights of the model, apart from a
classifier.
"""

import contextlib
import importlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from trainer.backbones.layouts import MisfitError
from trainer.backbones.loading import check_fit, differences
from trainer.backbones.weights import read_state
from trainer.errors import WeightsError

__all__ = ["load_map_weights"]


def load_map_weights(model: nn.Module, path: Path, name: str) -> None:
    """Load a file strictly.

    Args:
        model: The model, without a classifier; changed in place.
        path: A safetensors or torch file.
        name: Name of the model for messages.

    Raises:
        WeightsError: If the file cannot be read or does not fit; lists missing and additional
            weights and those of another shape.
    """
    state = read_state(path)
    try:
        state = _translate(model, state)
        check_fit(model, state)
    except MisfitError as error:
        raise WeightsError(
            f"the weights {path} do not fit {name!r} ({error}): give the file of this architecture"
            " or change backbone.name"
        ) from error
    model.load_state_dict(state, strict=True)


def _translate(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    own = _headless(model, state)
    convert = getattr(
        importlib.import_module(type(model).__module__), "checkpoint_filter_fn", None
    )
    if convert is None or not differences(model, own):
        return own
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # some of timm's print
            return _headless(model, dict(convert(dict(state), model)))
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError):
        return own  # then the message uses the file's own names


def _headless(model: Any, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights without a classifier, which timm's settings name."""
    classifiers = model.pretrained_cfg.get("classifier") or ()
    names = (classifiers,) if isinstance(classifiers, str) else tuple(classifiers)
    dropped = tuple(f"{name}." for name in names)
    return {key: value for key, value in state.items() if not key.startswith(dropped)}
