"""Entry in the table of image fusions: its options, and how it adds the modality ``fused``."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trainer.config.toml_records import record_to_table
from trainer.datasets.base import DataSet, Image
from trainer.datasets.derived_modality import DerivedModality
from trainer.datasets.files import FileSource

__all__ = ["FUSED", "INPUTS", "ImageFusion", "from_pixels"]

#: The modality that every image fusion produces.
FUSED = "fused"
#: The modalities that it fuses: the one that gives the colours first.
INPUTS = ("rgb", "thermal")


@dataclass(frozen=True, kw_only=True)
class ImageFusion:
    """A producer of fused images before it is configured."""

    #: Record of its table ``[data.fused_options]``, a frozen dataclass.
    options: type[Any]
    #: Adds the modality to an opened data set that has ``INPUTS``; decodes no image.
    add: Callable[[DataSet, FileSource, Any], DataSet]
    #: What of its options the images depend on.
    identity: Callable[[Any], dict[str, Any]] = record_to_table
    #: To be increased whenever the same images and options give other pixels.
    version: int = 1


def from_pixels(
    fuse: Callable[[Image, Image, Any], Image],
) -> Callable[[DataSet, FileSource, Any], DataSet]:
    """``ImageFusion.add`` of a fusion that computes its image from the two others.

    Args:
        fuse: From the RGB image, the thermal image, both with shape (h, w, 3), and the options
            to the fused image with the same shape.
    """

    def add(data_set: DataSet, source: FileSource, options: Any) -> DataSet:
        made = DerivedModality(
            inputs=INPUTS, make=lambda rgb, thermal: fuse(rgb, thermal, options)
        )
        return dataclasses.replace(
            data_set, source=dataclasses.replace(source, made={**source.made, FUSED: made})
        )

    return add
