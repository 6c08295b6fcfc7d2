"""Table of image fusions by name: each produces the modality ``fused`` from RGB and thermal.

A new one is a file with an :class:`~trainer.datasets.image_fusion.entry.ImageFusion` and a line
in the table. Methods do not know of it: ``fused`` is a modality like any other.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from trainer.config.configuration import DataConfig
from trainer.config.toml_records import build_record, record_to_table
from trainer.datasets.base import DataSet, UnknownModality
from trainer.datasets.files import FileSource
from trainer.datasets.image_fusion.entry import FUSED, INPUTS, ImageFusion
from trainer.datasets.image_fusion.external import EXTERNAL
from trainer.datasets.image_fusion.max_gradient import MAX_GRADIENT
from trainer.datasets.image_fusion.swinfusion import SWINFUSION
from trainer.errors import ConfigError

__all__ = ["FUSED", "IMAGE_FUSIONS", "INPUTS", "open_with_fused", "refuse_without_inputs"]

#: Name in ``data.fused`` to image fusion.
IMAGE_FUSIONS: dict[str, ImageFusion] = {
    "max-gradient": MAX_GRADIENT,
    "swinfusion": SWINFUSION,
    "external": EXTERNAL,
}

Open = Callable[[DataConfig], DataSet]

NOT_RADIOMETRIC = ("depth", "disparity", "height")
WHY = (
    "RGB and thermal cameras both measure radiation, depth is geometry, so that mixing their"
    " pixels has no physical meaning"
)


def open_with_fused(config: DataConfig, open_plain: Open) -> DataSet:
    """Open a data set; if it lacks the requested modality ``fused``, have it produced.

    Args:
        config: Requested configuration.
        open_plain: Opens the data set with modalities of its own.

    Raises:
        ConfigError: If the data set has no RGB or no thermal images, or the fusion or one of its
            options is unknown.
        DataError: If files are missing or damaged.
    """
    fusion, options = _configured(config)
    chosen = record_to_table(config)
    default = record_to_table(DataConfig())
    idle = [f"data.{key}" for key in ("fused", "fused_options") if chosen[key] != default[key]]
    if FUSED not in config.modalities:
        return _with_note(open_plain(config), idle, "data.modalities does not name 'fused'")
    try:
        own = open_plain(config)
    except UnknownModality as unknown:
        if unknown.modality != FUSED:
            raise
        offered = unknown.offered
    else:
        return _with_note(own, idle, f"the data set {config.name!r} has fused images of its own")
    refuse_without_inputs(
        config.name,
        offered,
        wanted="data.modalities names 'fused', which is made",
        advice="leave 'fused' out",
    )
    others = tuple(each for each in config.modalities if each not in (FUSED, *INPUTS))
    plain = open_plain(dataclasses.replace(config, modalities=(*INPUTS, *others)))
    assert isinstance(plain.source, FileSource), "RGB and thermal images are in files"
    identity = {"by": config.fused, "version": fusion.version, **fusion.identity(options)}
    return dataclasses.replace(
        fusion.add(plain, plain.source, options),
        modalities=config.modalities,
        identity={**plain.identity, FUSED: identity},
    )


def _configured(config: DataConfig) -> tuple[ImageFusion, Any]:
    fusion = IMAGE_FUSIONS.get(config.fused)
    if fusion is None:
        raise ConfigError(
            f"data.fused = {config.fused!r} is not known: choose one of {', '.join(IMAGE_FUSIONS)}"
        )
    return fusion, build_record(fusion.options, config.fused_options, "data.fused_options")


def refuse_without_inputs(
    data_set: str, offered: tuple[str, ...], *, wanted: str, advice: str
) -> None:
    """Refuse a data set without RGB or thermal images.

    Args:
        data_set: Its name.
        offered: Its modalities.
        wanted: Start of the message: what needs both.
        advice: End of the message: what to do.

    Raises:
        ConfigError: If one of them is missing.
    """
    missing = [each for each in INPUTS if each not in offered]
    if not missing:
        return
    has = f"the data set {data_set!r} has {', '.join(offered)}"
    why = f": {WHY}" * any(each in offered for each in NOT_RADIOMETRIC)
    raise ConfigError(f"{wanted} from rgb and thermal, but {has}{why}; {advice}")


def _with_note(data_set: DataSet, idle: list[str], why: str) -> DataSet:
    """The data set, with a note if settings of the fusion have no effect."""
    if not idle:
        return data_set
    note = f"{' and '.join(idle)} without effect: {why}"
    return dataclasses.replace(data_set, notes=(*data_set.notes, note))
