"""Protocols: one name for a set of settings that decide how results are made.

``docs/protocols.md`` describes them. ``held-out`` is the default of every setting: lossless crops,
filtered resizing, clean neighbours, a val split that is not the test split, the last checkpoint
weights. ``published`` has the settings behind the figures of the paper, for comparison with them
alone. A user's own settings override those of a protocol, and wherever its name is shown, it says
which ones differ.
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

#: What the published protocol sets, by table.
PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "features": {"crop_storage": "jpeg75", "resize": "nearest", "neighbour_dropout": 0.1},
    "training": {"random_pairs": "repeats"},
    "evaluation": {"cadence": "batches", "report": "best"},
}

#: What it sets in ``[data.options]``, where the data set offers that value of that option.
PUBLISHED_OPTIONS: Mapping[str, Any] = {"val": "test", "range": "per-image", "empty_class": True}

#: What it sets in ``[method.options]``, where the method has that option.
PUBLISHED_METHOD: Mapping[str, Any] = {
    "cmh": "shared",
    "target_dropout": "single",
    "start": "random",
}


def lay_protocol(
    table: Mapping[str, Any], further: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """The tables of a run, with what its protocol sets under them.

    Args:
        table: Tables as a user gave them; a key in them goes before the protocol's.
        further: What the protocol sets in tables that the trainer does not know.

    Returns:
        The tables; without the key ``protocol = "published"`` as they were.
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
    """The name a result carries: the protocol, and which of its settings are others.

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
        # a number of that name is another option, such as how many images a split has
        if isinstance(options.get(key), type(value))
        and (options[key] == value) != (name == "published")
    ]
    return f"{name}, with {', '.join(changed)} changed" if changed else name


def _changed_of_method(table: Mapping[str, Any]) -> list[str]:
    """Published options of the method that are not as the protocol has them."""
    name, options = table["method"]["name"], table["method"]["options"]
    default = record_to_table(read_options(name, {}))
    expected = default | _of_method(name) if table["protocol"] == "published" else default
    return [f"method.options.{key}" for key in _of_method(name) if options[key] != expected[key]]


def _name(table: Mapping[str, Any], section: str, default: str) -> Any:
    """The name in a table; what is no table is refused later."""
    found = table.get(section, {})
    return found.get("name", default) if isinstance(found, Mapping) else ""


def _of_method(method: Any) -> dict[str, Any]:
    """The published options that the method has."""
    if not isinstance(method, str) or method not in METHODS:
        return {}
    own = {field.name for field in dataclasses.fields(METHODS[method].options)}
    return {key: value for key, value in PUBLISHED_METHOD.items() if key in own}


def _offered(data_set: Any) -> dict[str, Any]:
    """The published options that the data set has, by its own declaration."""
    from trainer.datasets import DATASETS  # brings torch, which naming a protocol does without

    if not isinstance(data_set, str) or data_set not in DATASETS:
        return {}
    record = DATASETS[data_set].options
    hints = {} if record is None else typing.get_type_hints(record)
    return {
        key: value
        for key, value in PUBLISHED_OPTIONS.items()
        if value in typing.get_args(hints.get(key)) or (value is True and hints.get(key) is bool)
    }
