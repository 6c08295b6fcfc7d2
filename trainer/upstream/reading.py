"""Converting the published code's settings into ours.

Every key of a published configuration belongs to one of four groups: settings with a field here,
settings of which this trainer supports only the published value, settings without effect on
the numbers of a run, and unknown keys.
"""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer.config.configuration import TrainConfig
from trainer.config.toml_records import build_record
from trainer.errors import ConfigError
from trainer.protocols import lay_protocol
from trainer.upstream.keys import (
    CHOICES,
    DATA_SETS,
    DEFAULTS,
    FIXED,
    IGNORED,
    MODALITY_KEYS,
    MODELS,
    NUMBERS,
    PLACE_KEYS,
    STEPS_PER_BATCH,
    STRUCTURE_KEYS,
    WEIGHT_KEY,
)

__all__ = ["Translation", "read_settings"]

PRE_NORMS = {"l2": "l2", "standardize": "standardise", "minmax": "minmax"}
#: Whether RGB and whether the other modalities use the harmoniser, to ``anchor``.
ANCHORS = {
    (False, True): "first",
    (True, False): "auxiliary",
    (False, False): "both",
    (True, True): "none",
}


@dataclass(frozen=True, kw_only=True)
class Translation:
    """A published configuration in our terms."""

    #: Tables of a :class:`TrainConfig`, as a TOML file would have them.
    table: Mapping[str, Any]
    #: Keys that do not affect the numbers of a run.
    ignored: tuple[str, ...]
    #: Settings that this trainer does not support, as ``key = value``.
    lacking: tuple[str, ...]
    #: Keys that no published configuration has.
    unknown: tuple[str, ...]

    def config(self) -> TrainConfig:
        """The configuration of the run, based on its protocol's settings.

        Raises:
            ConfigError: If a value is out of range.
        """
        return build_record(TrainConfig, lay_protocol(self.table))

    def require_whole(self) -> None:
        """Refuse a configuration unless every key was understood.

        Raises:
            ConfigError: If a key is unknown or asks for something that this trainer lacks.
        """
        if self.unknown:
            near = difflib.get_close_matches(self.unknown[0], _known_keys(), n=1)
            hint = f" ({near[0]!r} is one)" if near else ""
            raise ConfigError(
                f"no published configuration has the key {', '.join(map(repr, self.unknown))}"
                f"{hint}: fix or remove it"
            )
        if self.lacking:
            raise ConfigError(
                f"this trainer does not have {', '.join(self.lacking)}: set the value of the"
                " published files"
            )


def read_settings(settings: Mapping[str, Any], *, protocol: str) -> Translation:
    """Convert the settings of a published configuration.

    Args:
        settings: Keys and values as returned by YAML or OmegaConf.
        protocol: Protocol of the run: ``published`` or ``held-out``.

    Raises:
        ConfigError: If a key is missing or has an invalid value.
    """
    reader = _Reader(settings)
    modalities = reader.modalities()
    active = {f"{modality}_{end}" for modality in modalities for end in _endings()}
    known = {*NUMBERS, *CHOICES, *STRUCTURE_KEYS, *PLACE_KEYS, *FIXED, *active}
    others = [key for key in settings if key not in known]
    ignored = [key for key in others if key in IGNORED or key.endswith(tuple(_tails()))]
    return Translation(
        table={"protocol": protocol, **reader.tables(modalities)},
        ignored=tuple(sorted(ignored)),
        lacking=tuple(_lacking(settings)),
        unknown=tuple(sorted(set(others) - set(ignored))),
    )


class _Reader:
    """Looks up settings and reports errors in them."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings

    def modalities(self) -> list[str]:
        """The modalities, the main one first."""
        modals = self._settings.get("modals", ["rgb"])
        if not isinstance(modals, list) or not modals or modals[0] != "rgb":
            raise ConfigError(
                f"modals = {modals!r} should be a list that begins with 'rgb', the main modality:"
                " name it first"
            )
        return [str(modal) for modal in modals]

    def tables(self, modalities: list[str]) -> dict[str, dict[str, Any]]:
        """All tables of a run except its protocol."""
        several = len(modalities) > 1
        tables: dict[str, dict[str, Any]] = {
            "data": self._data(modalities),
            "backbone": self._backbone(several),
            "features": {},
            "method": self._structure() if several else {"name": "unim2"},
            "training": {"iterations": self._iterations()},
            "evaluation": {},
            "hyper": self._hyper(modalities),
        }
        for key, (table, field) in NUMBERS.items():
            if key in self._settings:
                tables[table][field] = self._number(key)
        for key, (table, field, values) in CHOICES.items():
            if key in self._settings or key in DEFAULTS:
                outer, _, inner = table.partition(".")
                found = tables[outer].setdefault(inner, {}) if inner else tables[outer]
                found[field] = self._choice(key, values)
        return tables

    def _data(self, modalities: list[str]) -> dict[str, Any]:
        name = self._choice("dataset_name", {name: name for name in DATA_SETS})
        data: dict[str, Any] = {"name": name, "modalities": modalities}
        if root := self._settings.get("pytorch_data_dir"):
            data["root"] = f"{str(root).rstrip('/')}/{DATA_SETS[name]}"
        if name == "nyu":
            data["options"] = {"classes": self._choice("nyu_num_classes", {4: 4, 13: 13})}
        return data

    def _backbone(self, several: bool) -> dict[str, Any]:
        model = MODELS[self._choice("model_type", {name: name for name in MODELS})]
        channels = model.width * (3 if self._get("dino_feat_type") == "fea" else 1)
        fused = self._settings.get("modality_fusion_output_dim", channels)
        if several and fused != channels:
            raise ConfigError(
                f"modality_fusion_output_dim = {fused!r} is not the {channels} channels of the"
                " features, the only width that this trainer supports: change it"
            )
        weights = self._settings.get("pretrained_weights")
        return {"name": model.backbone} | ({"weights": str(weights)} if weights else {})

    def _structure(self) -> dict[str, Any]:
        """The model for several modalities."""
        ladder = self._settings.get("dataset_name") == "mcubes"
        fusions = {"conv": "ladder" if ladder else "conv", "sum": "sum"}
        fusions |= {"mean": "mean", "max": "max"}
        pre_norm = self._choice("normalization_type", PRE_NORMS)
        soft = self._flag("rgb_use_soft_alignment"), self._flag("nonrgb_use_soft_alignment")
        if not self._flag("use_modal_projection_head"):
            soft = False, False
        return {
            "name": "unim2",
            "fusion": self._choice("modality_fusion_method", fusions),
            "options": {
                "pre_norm": pre_norm if self._flag("normalize_before_fusion") else "none",
                "cmh": "shared",
                "anchor": ANCHORS[soft],
            },
        }

    def _iterations(self) -> int:
        return math.ceil(self._number("max_steps") / STEPS_PER_BATCH)

    def _hyper(self, modalities: list[str]) -> dict[str, float]:
        """Hyper-parameters of each modality, including the weight of the main one."""
        hyper: dict[str, float] = {}
        for modality in modalities:
            for key, own in MODALITY_KEYS.items():
                name = f"{modality}_{key}"
                if name in self._settings:
                    hyper[f"{modality}.{own}"] = float(self._number(name))
                elif key.endswith("shift"):  # weights have a default there
                    raise ConfigError(f"the key {name} is missing: give the bias of {modality}")
            name = f"{modality}_{WEIGHT_KEY}"
            given = float(self._number(name)) if name in self._settings else 1 / len(modalities)
            hyper[f"{modality}.weight"] = given
        return hyper

    def _get(self, key: str) -> Any:
        if key not in self._settings and key not in DEFAULTS:
            raise ConfigError(f"the key {key} is missing: give a configuration of UniM2")
        return self._settings.get(key, DEFAULTS.get(key))

    def _choice(self, key: str, values: Mapping[Any, Any]) -> Any:
        value = self._get(key)
        if not isinstance(value, (str, int, type(None))) or value not in values:
            raise ConfigError(
                f"{key} = {value!r} is not known: choose one of {', '.join(map(repr, values))}"
            )
        return values[value]

    def _flag(self, key: str) -> bool:
        return bool(self._choice(key, {True: True, False: False}))

    def _number(self, key: str) -> int | float:
        """A number, also as a text: YAML reads 5e-4 as text, OmegaConf as a number."""
        value = self._get(key)
        try:
            number = float(value) if isinstance(value, str) else value
        except ValueError:
            number = None
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise ConfigError(f"{key} = {value!r} should be a number")
        if not math.isfinite(number):
            raise ConfigError(f"{key} = {value!r} should be a finite number")
        return number


def _lacking(settings: Mapping[str, Any]) -> list[str]:
    return [
        f"{key} = {settings[key]!r}"
        for key, value in FIXED.items()
        if key in settings and settings[key] != value
    ]


def _endings() -> tuple[str, ...]:
    return (*MODALITY_KEYS, WEIGHT_KEY)


def _tails() -> tuple[str, ...]:
    """Ends of the keys of unused modalities; other keys can also end like the weight's."""
    others = ("depth", "thermal", "nir", "aolp", "dolp")
    return (*(f"_{key}" for key in MODALITY_KEYS), *(f"{name}_{WEIGHT_KEY}" for name in others))


def _known_keys() -> list[str]:
    modality = [f"rgb_{ending}" for ending in _endings()]
    return [*NUMBERS, *CHOICES, *STRUCTURE_KEYS, *PLACE_KEYS, *FIXED, *IGNORED, *modality]
