"""Protocols: one name for a set of settings that determine how results are produced.

``docs/protocols.md`` describes them. ``held-out`` is the default of every setting: lossless crops,
filtered resizing, clean neighbours, a val split that is not the test split, the last checkpoint
weights. ``published`` has the settings behind the figures of the paper and serves only to compare
with these. A user's own settings override those of a protocol; wherever its name is shown, the
settings that differ are listed.
"""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from trainer.config.configuration import TrainConfig
from trainer.config.layers import lay_over
from trainer.config.method_options import read_options
from trainer.config.toml_records import overlay, record_to_table
from trainer.methods import METHODS

__all__ = [
    "PUBLISHED",
    "PUBLISHED_METHOD",
    "PUBLISHED_OPTIONS",
    "lay_protocol",
    "protocol_text",
]

#: Settings of the published protocol, by table.
PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "features": {"crop_storage": "jpeg75", "resize": "nearest", "neighbour_dropout": 0.1},
    "training": {"random_pairs": "repeats"},
    "evaluation": {"cadence": "batches", "report": "best"},
}

#: Its settings in ``[data.options]``, for data sets that offer that value of that option.
PUBLISHED_OPTIONS: Mapping[str, Any] = {"val": "test", "range": "per-image", "empty_class": True}

#: Its settings in ``[method.options]``, for methods that have that option.
PUBLISHED_METHOD: Mapping[str, Any] = {
    "cmh": "shared",
    "target_dropout": "single",
    "start": "random",
}

#: Of these, what ``held-out`` leaves open, because presets choose it to suit their budget.
OPEN_WHEN_HELD_OUT = frozenset({"start"})


def lay_protocol(
    table: Mapping[str, Any], further: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """The tables of a run, completed by the settings of its protocol.

    Args:
        table: Tables as a user gave them; their keys override the protocol's.
        further: The protocol's settings in tables that the trainer does not know.

    Returns:
        The tables; unchanged unless they set ``protocol = "published"``.
    """
    if table.get("protocol") != "published":
        return dict(table)
    default = TrainConfig()
    options = {
        "data": {"options": _offered(_name(table, "data", default.data.name))},
        "method": {"options": _of_method(_name(table, "method", default.method.name))},
    }
    return lay_over(overlay(overlay(PUBLISHED, options), further or {}), table)


def protocol_text(
    table: Mapping[str, Any], further: Mapping[str, Mapping[str, Any]] | None = None
) -> str:
    """The protocol's name as shown with a result, and which of its settings were changed.

    Args:
        table: A resolved configuration as tables, such as ``record_to_table`` gives.
        further: As for :func:`lay_protocol`.

    Returns:
        For example ``published, with features.resize changed``.
    """
    name = table["protocol"]
    published = overlay(PUBLISHED, further or {})
    expected = published if name == "published" else record_to_table(TrainConfig())
    changed = [
        f"{section}.{key}"
        for section, settings in (published if name == "published" else PUBLISHED).items()
        for key in settings
        if table[section][key] != expected[section][key]
    ]
    changed += _changed_of_method(table)
    options = table["data"].get("options", {})
    changed += [
        f"data.options.{key}"
        for key, value in PUBLISHED_OPTIONS.items()
        # an option of another type is a different one, such as the number of images of a split
        if isinstance(options.get(key), type(value))
        and (options[key] == value) != (name == "published")
    ]
    return f"{name}, with {', '.join(changed)} changed" if changed else name


def _changed_of_method(table: Mapping[str, Any]) -> list[str]:
    """Published options of the method that differ from the protocol's."""
    name, options = table["method"]["name"], table["method"]["options"]
    default = record_to_table(read_options(name, {}))
    published = table["protocol"] == "published"
    expected = default | _of_method(name) if published else default
    fixed = [key for key in _of_method(name) if published or key not in OPEN_WHEN_HELD_OUT]
    return [f"method.options.{key}" for key in fixed if options[key] != expected[key]]


def _name(table: Mapping[str, Any], section: str, default: str) -> Any:
    """The name in a table; anything but a table is refused later."""
    found = table.get(section, {})
    return found.get("name", default) if isinstance(found, Mapping) else ""


def _of_method(method: Any) -> dict[str, Any]:
    """The published options that the method has."""
    if not isinstance(method, str) or method not in METHODS:
        return {}
    own = {field.name for field in dataclasses.fields(METHODS[method].options)}
    return {key: value for key, value in PUBLISHED_METHOD.items() if key in own}


def _offered(data_set: Any) -> dict[str, Any]:
    """The published options that the data set declares."""
    from trainer.datasets import DATASETS  # lazily: imports torch, which is not needed otherwise

    if not isinstance(data_set, str) or data_set not in DATASETS:
        return {}
    record = DATASETS[data_set].options
    hints = {} if record is None else typing.get_type_hints(record)
    return {
        key: value
        for key, value in PUBLISHED_OPTIONS.items()
        if value in typing.get_args(hints.get(key)) or (value is True and hints.get(key) is bool)
    }
