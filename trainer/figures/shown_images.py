"""The images that figures show, as the backbone sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainer.config.configuration import TrainConfig
from trainer.datasets.base import Image
from trainer.features.pictures import Pictures
from trainer.figures.colour import hatch_holes

__all__ = ["ShownImages", "read_images"]


@dataclass(frozen=True, kw_only=True)
class ShownImages:
    """One scene in every modality."""

    name: str
    #: Images by modality with shape (h, w, 3), from 0 to 1; unmeasured pixels are hatched.
    images: Mapping[str, Image]
    #: Whether an image has hatched pixels.
    hatched: bool = False


def read_images(
    config: TrainConfig,
    modalities: Sequence[str],
    names: tuple[str, ...],
    indices: Sequence[int],
) -> list[ShownImages]:
    """Read images of a split.

    Args:
        config: The run's configuration.
        modalities: The modalities to show.
        names: Names of the split's images, in its order.
        indices: Places of the images to read.

    Raises:
        ConfigError, DataError: If the data set or a file cannot be read.
    """
    pictures = Pictures.open(config.data, config.features, names)
    shown = []
    for index in indices:
        holes = {modality: pictures.holes(index, modality) for modality in modalities}
        images = {
            modality: hatch_holes(pictures.square(index, modality), holes[modality])
            for modality in modalities
        }
        hatched = any(each is not None for each in holes.values())
        shown.append(ShownImages(name=names[index], images=images, hatched=hatched))
    return shown
