"""Predicting whole images of any size.

The short side is resized to ``features.eval_resolution``, the long one to the nearest multiple of
the token's side, and nothing is cropped: tokens have the same size as in an evaluation, but there
are more of them. Predictions have the image's own size. Features are computed like those of the
feature cache: the same resizing, statistics and number format.

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from trainer.backbones import Backbone
from trainer.backbones.exact import exact_features
from trainer.config.configuration import FeatureConfig
from trainer.datasets.base import Image, Label, Source
from trainer.datasets.crops import whole_image
from trainer.datasets.exif import UPRIGHT
from trainer.datasets.headers import read_orientation
from trainer.errors import DataError
from trainer.features.dataset_features import Features
from trainer.features.extraction import Standard
from trainer.predict.finding import OwnImage
from trainer.scoring.prediction import Scored, codes_of, predict

__all__ = ["Predictor"]

ProbeName = Literal["cluster", "linear"]


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """A trained model, with all it needs to compute features."""

    scored: Scored
    #: Modality to the statistics that standardise its features; empty if not needed.
    standards: Mapping[str, Standard]
    backbone: Backbone
    features: FeatureConfig
    #: Modalities of the run, in their order.
    modalities: tuple[str, ...]
    #: Source that converts files of each modality into three channels.
    source: Source
    device: torch.device

    def read(self, own: OwnImage) -> dict[str, Image]:
        """The image in every modality.

        Raises:
            DataError: If a file cannot be decoded, or sizes differ.
        """
        images = {modality: self._decode(modality, own) for modality in own.files}
        anchor, (height, width) = next((name, image.shape[:2]) for name, image in images.items())
        for modality, image in images.items():
            fitted = self.source.fitted(modality, image, (height, width))
            if fitted.shape[:2] != (height, width):
                advice = self.source.size_advice(modality, image.shape[:2], (height, width))
                raise DataError(
                    f"{own.files[modality][0]} is {image.shape[1]} x {image.shape[0]} pixels, its"
                    f" {anchor} {width} x {height}{_turned_text(own)}: {advice}"
                )
            images[modality] = fitted
        return self._with_made(images)

    def _with_made(self, images: dict[str, Image]) -> dict[str, Image]:
        """The images of the run's modalities, including those made from others."""
        found = {}
        for modality in self.modalities:
            inputs = self.source.made_from(modality)
            if inputs and images.keys() >= {*inputs}:
                found[modality] = self.source.make(modality, *(images[each] for each in inputs))
            elif modality in images:
                found[modality] = images[modality]
        return found

    def _decode(self, modality: str, own: OwnImage) -> Image:
        try:
            return self.source.decode(modality, *own.files[modality])
        except DataError as error:
            anchor, paths = next(iter(own.files.items()))
            if modality == anchor or own.files[modality] != paths:
                raise
            raise DataError(
                f"{error}; if it is in a file of its own, add --modality {modality}=FOLDER"
            ) from error

    def predict(self, images: Mapping[str, Image], probe: ProbeName) -> Label:
        """Clusters or classes of every pixel.

        Args:
            images: Modality to image, all of the same size; the main one first. Those that the
                method does not predict from may be left out.
            probe: The probe to use; ``linear`` only if it was trained.

        Returns:
            Array with shape (h, w).
        """
        maps = {modality: self._features(image, modality) for modality, image in images.items()}
        first = next(iter(maps.values()))
        unread = np.zeros_like(first)
        whole = {modality: maps.get(modality, unread) for modality in self.modalities}
        with torch.no_grad():
            made = predict(
                codes_of(self.scored, whole, self.modalities, self.device),
                self.scored,
                grid=(first.shape[1], first.shape[2]),
                size=next(iter(images.values())).shape[:2],
            )
        chosen = made.clusters_Nhw if probe == "cluster" else made.linear_Nhw
        assert chosen is not None, "the linear probe was not trained"
        found: Label = chosen[0].cpu().numpy()
        return found

    def _features(self, image: Image, modality: str) -> Features:
        """Features with shape (1, H, W, C), in the format of the feature cache."""
        pixels = whole_image(
            image,
            side=self.features.eval_resolution,
            multiple=self.backbone.patch,
            resize=self.features.resize,
        )
        made = exact_features(self.backbone, pixels[None], self.device)
        if modality in self.standards:
            made = self.standards[modality].apply(made)
        stored: Features = made.cpu().numpy().astype(self.features.dtype)
        return stored


def _turned_text(own: OwnImage) -> str:
    tags = {
        path: read_orientation(path, late=True) for paths in own.files.values() for path in paths
    }
    said = [
        f"{path} has the EXIF orientation {tag}" for path, tag in tags.items() if tag != UPRIGHT
    ]
    return f", where {' and '.join(said)}" if said else ""
