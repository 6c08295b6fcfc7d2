"""Converting our settings into those of the published code.

Settings that its code cannot run are refused, all in one line. Settings that it always sets in its
own way (mostly those of the published protocol) are noted in comments.
"""

import dataclasses
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.config.configuration import TrainConfig
from trainer.datasets.image_fusion import FUSED
from trainer.errors import ConfigError
from trainer.methods import hyper_values
from trainer.methods.stego import StegoOptions
from trainer.methods.unim2 import UniM2Options, step_values
from trainer.upstream.keys import (
    CHOICES,
    DATA_SETS,
    FIXED,
    IGNORED,
    MODALITY_KEYS,
    MODELS,
    NUMBERS,
    STEPS_PER_BATCH,
    WEIGHT_KEY,
    ReleasedModel,
)
from trainer.upstream.reading import ANCHORS, PRE_NORMS

__all__ = ["write_settings"]

#: Fixed settings of the published code, by table and field.
ALWAYS: Mapping[tuple[str, str], Any] = {
    ("features", "crop_storage"): "jpeg75",
    ("features", "dtype"): "float32",
    ("features", "neighbour_dropout"): 0.1,
    ("features", "neighbours"): 30,
    ("features", "resize"): "nearest",
    ("training", "linear_probe"): "pixel",
    ("training", "precision"): "fp32",
    ("training", "probe_learning_rate"): 5e-3,
    ("training", "random_pairs"): "repeats",
    ("evaluation", "cadence"): "batches",
    ("evaluation", "report"): "best",
}
DROPOUT = 0.1  # of the code head


def write_settings(config: TrainConfig) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The published configuration of a run, and notes for its reader.

    The weights of the modalities are divided by the largest if that exceeds 1, the upper end of
    the published search's range. Adam ignores a common factor.

    Returns:
        Settings by published key, and lines of comment.

    Raises:
        ConfigError: If the published code cannot run it; lists every reason.
    """
    config = _without_what_changes_nothing(_as_unim2(config))
    model = _model_type(config)
    if reasons := _obstacles(config, model):
        raise ConfigError(
            f"the published code cannot run this configuration ({'; '.join(reasons)}): change"
            " those settings"
        )
    places, about_places = _places(config, MODELS[model])
    weights, about_weights = _hyper_parameters(config)
    settings = {
        **places,
        "model_type": model,
        **_structure(config),
        **{key: _theirs(config, key) for key in CHOICES},
        "max_steps": config.training.iterations * STEPS_PER_BATCH,
        **{key: _field(config, *place) for key, place in NUMBERS.items()},
        **weights,
        **FIXED,
        **IGNORED,
    }
    return settings, (*about_places, *about_weights, *_habits(config))


def _field(config: TrainConfig, table: str, field: str) -> Any:
    return operator.attrgetter(f"{table}.{field}")(config)


def _theirs(config: TrainConfig, key: str) -> Any:
    """Their value of a choice."""
    table, field, values = CHOICES[key]
    own = _field(config, table, field)
    return next(theirs for theirs, ours in values.items() if ours == own)


def _as_unim2(config: TrainConfig) -> TrainConfig:
    """STEGO on one modality as UniM2, which is the same run; other configurations unchanged."""
    options = config.method.options
    if not isinstance(options, StegoOptions) or len(config.data.modalities) > 1:
        return config
    same = UniM2Options(target_dropout=options.target_dropout)
    method = dataclasses.replace(config.method, name="unim2", options=same)
    return dataclasses.replace(config, method=method)


def _without_what_changes_nothing(config: TrainConfig) -> TrainConfig:
    """``target_dropout`` by that of two equivalent names which the published code has."""
    options, single = config.method.options, len(config.data.modalities) == 1
    if not isinstance(options, UniM2Options):
        return config
    if options.target_dropout != ("always" if single else "never"):
        return config
    options = dataclasses.replace(options, target_dropout="single")
    return dataclasses.replace(config, method=dataclasses.replace(config.method, options=options))


def _model_type(config: TrainConfig) -> str:
    """Their name of the backbone; empty if they have none."""
    architecture, _, tag = config.backbone.name.partition(".")
    for name, model in MODELS.items():
        own = model.backbone.partition(".")[0]
        if architecture in (own, own.removesuffix("_qkvb")) and tag in ("", "lvd1689m"):
            return name
    return ""


def _obstacles(config: TrainConfig, model: str) -> list[str]:
    """Settings for which the published code has no value."""
    data, method = config.data, config.method
    found = {
        f"data.name = {data.name!r}": data.name not in DATA_SETS,
        f"data.modalities = {list(data.modalities)}": data.modalities[0] != "rgb"
        or FUSED in data.modalities,
        f"backbone.name = {config.backbone.name!r}": not model,
        f"method.name = {method.name!r}": method.name != "unim2",
        f"method.dropout = {method.dropout:g}": method.dropout != DROPOUT,
        "method.options.start = 'identity'": getattr(method.options, "start", "") == "identity",
        f"backbone.weights = {config.backbone.weights!r}": _weights(config, model) is None,
    }
    own_options = {field.name for field in dataclasses.fields(method.options)}
    for table, field, values in CHOICES.values():
        if table == "method.options" and field not in own_options:
            continue
        own = _field(config, table, field)
        found[f"{table}.{field} = {own!r}"] = own not in values.values()
    if len(data.modalities) > 1:
        found |= _fusion_obstacles(config)
    return [reason for reason, holds in found.items() if holds]


def _fusion_obstacles(config: TrainConfig) -> dict[str, bool]:
    """The same for the networks between the modalities."""
    method, options = config.method, config.method.options
    lacks = "conv" if config.data.name == "mcubes" else "ladder"
    found = {f"method.fusion = {method.fusion!r}": method.fusion == lacks}
    if isinstance(options, UniM2Options):
        others = len(config.data.modalities) - 1
        heads = {"first": others, "auxiliary": 1, "both": 0, "none": others + 1}[options.anchor]
        found |= {
            "method.options.msn = false": not options.msn,
            f"method.options.cmh = {options.cmh!r}": options.cmh != "shared" and heads > 1,
        }
    return found


def _weights(config: TrainConfig, model: str) -> str | None:
    """The authors' weights file; None if there is none."""
    weights = config.backbone.weights
    if weights == "random" or not model:
        return None
    return MODELS[model].file if weights == "hub" else weights


def _places(config: TrainConfig, model: ReleasedModel) -> tuple[dict[str, Any], list[str]]:
    root = Path(config.data.root or "data")
    folder, notes = DATA_SETS[config.data.name], []
    if config.data.root is not None and root.name == folder:
        root = root.parent
    else:
        notes.append(f"the published code looks for the folder {folder} under pytorch_data_dir")
    weights = config.backbone.weights
    return {
        "dataset_name": config.data.name,
        "pytorch_data_dir": str(root),
        "pretrained_weights": model.file if weights == "hub" else weights,
    }, notes


def _structure(config: TrainConfig) -> dict[str, Any]:
    """The model, with names for one modality as well, because the published code reads all."""
    method, modalities = config.method, config.data.modalities
    options = method.options
    rgb_soft, other_soft = next(
        soft for soft, anchor in ANCHORS.items() if anchor == options.anchor
    )
    channels = MODELS[_model_type(config)].width * (3 if config.backbone.output != "tokens" else 1)
    norms = {ours: theirs for theirs, ours in PRE_NORMS.items()}
    structure = {
        "modals": list(modalities),
        "modality_fusion_method": "conv" if method.fusion == "ladder" else method.fusion,
        "modality_fusion_output_dim": channels,
        "normalize_before_fusion": options.pre_norm != "none",
        "normalization_type": norms.get(options.pre_norm, "l2"),
        "use_modal_projection_head": options.anchor != "both",
        "rgb_use_soft_alignment": rgb_soft,
        "nonrgb_use_soft_alignment": other_soft,
    }
    if config.data.name == "nyu":
        structure["nyu_num_classes"] = config.data.options.get("classes", 13)
    return structure


def _hyper_parameters(config: TrainConfig) -> tuple[dict[str, float], list[str]]:
    """Weights and shifts of each modality."""
    modalities = config.data.modalities
    values = step_values(hyper_values(config), modalities)
    scale = max(1.0, *(values[f"{name}.weight"] for name in modalities))
    settings: dict[str, float] = {}
    for modality in modalities:
        settings |= {
            f"{modality}_{key}": values[f"{modality}.{name}"]
            for key, name in MODALITY_KEYS.items()
        }
        settings[f"{modality}_{WEIGHT_KEY}"] = values[f"{modality}.weight"] / scale
    notes = [
        f"the weights of the modalities are divided by {scale:g}: Adam ignores a common factor"
    ]
    return settings, notes if scale > 1 else []


def _habits(config: TrainConfig) -> list[str]:
    """Differences between this run and the published code."""
    return [
        f"the published code always has {table}.{field} = {value!r}, this was"
        f" {_field(config, table, field)!r}"
        for (table, field), value in ALWAYS.items()
        if _field(config, table, field) != value
    ]
