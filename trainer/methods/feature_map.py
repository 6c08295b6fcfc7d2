"""A map of the train split that a method reads in addition to the features of every modality."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["FeatureMap", "Output", "View", "colour_map", "jittered_map"]

#: ``tokens``: the features of the backbone; ``pixels``: the mean of the image over each token;
#: ``local-attention``: how much of a vision transformer's last attention each token pays to the
#: 3 x 3 tokens around it.
Output = Literal["tokens", "pixels", "local-attention"]
#: What happens to an image first (``trainer/features/featuriser.py``).
View = Literal["plain", "flipped", "jittered", "blurred"]


@dataclass(frozen=True, kw_only=True)
class FeatureMap:
    """One map: which images, what of them, and how they are changed before."""

    modality: str
    output: Output
    view: View = "plain"

    @property
    def name(self) -> str:
        """Its name in a cache entry."""
        return f"{self.modality}.{self.output}.{self.view}"


def colour_map(modalities: tuple[str, ...]) -> FeatureMap:
    """Colours of the first modality."""
    return FeatureMap(modality=modalities[0], output="pixels")


def jittered_map(modalities: tuple[str, ...]) -> FeatureMap:
    """Features of the first modality with other colours."""
    return FeatureMap(modality=modalities[0], output="tokens", view="jittered")
