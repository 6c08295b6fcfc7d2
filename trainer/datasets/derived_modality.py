"""A modality that is made from the images of others."""

from collections.abc import Callable
from dataclasses import dataclass

from trainer.datasets.base import Image

__all__ = ["DerivedModality"]


@dataclass(frozen=True, kw_only=True)
class DerivedModality:
    """How its images are made; no file holds them."""

    #: The modalities that it is made from.
    inputs: tuple[str, ...]
    #: Makes an image from those of ``inputs``, in their order and of one size.
    make: Callable[..., Image]
