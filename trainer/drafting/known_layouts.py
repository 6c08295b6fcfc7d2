"""Whether a folder has the layout of a data set that this project knows by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.backbones.efficientnet_lite0 import NAME as INSTALLED
from trainer.config.configuration import DataConfig
from trainer.config.presets import preset_names, read_preset
from trainer.datasets import open_dataset
from trainer.errors import ConfigError, DataError

__all__ = ["known_layout"]

WITHOUT_LAYOUT = ("folder", "rooms")
PUBLISHED = "-published"  # end of the names of presets that select on the test split


def known_layout(root: Path) -> tuple[str, tuple[str, ...]] | None:
    """The data set whose layout a folder has, and the presets for it; None for none.

    Presets whose weights are installed come first. Only the first image and its label are decoded.
    """
    names = [name for name in preset_names() if not name.endswith(PUBLISHED)]
    presets = {name: read_preset(name) for name in names}
    found: dict[str, list[str]] = {}
    for preset in sorted(names, key=lambda each: not _installed(presets[each])):
        data = presets[preset]["data"]
        name, modalities = data["name"], tuple(data.get("modalities", ()))
        if name in WITHOUT_LAYOUT or not modalities:
            continue
        if name in found or _opens(DataConfig(name=name, root=str(root), modalities=modalities)):
            found.setdefault(name, []).append(preset)
    if not found:
        return None
    name, fitting = next(iter(found.items()))
    return name, tuple(fitting)


def _installed(preset: Mapping[str, Any]) -> bool:
    return bool(preset.get("backbone", {}).get("name") == INSTALLED)


def _opens(config: DataConfig) -> bool:
    try:
        data_set = open_dataset(config)
        first = data_set.train.names[0]
        for modality in data_set.modalities:
            data_set.source.image(first, modality)
        if data_set.train.labelled:
            data_set.source.label(first)
    except (ConfigError, DataError):
        return False
    return True
