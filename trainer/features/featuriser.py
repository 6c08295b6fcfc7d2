"""Maps of images by output and view: all code that needs features of changed images uses them.

An output is read from an image as it is or from a view of it, such as its mirror image. A
featuriser is a backbone in disguise, so that the same code computes and stores every map.

Letters of shapes: ``docs/architecture.md``.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping

import torch
from torch.nn import functional

from trainer.backbones import Backbone
from trainer.backbones.base import Attentive, Scaling
from trainer.errors import ConfigError
from trainer.methods.feature_map import FeatureMap, Output, View
from trainer.nn.neighbours import NEIGHBOURS, local_weights
from trainer.seeds import torch_generator

__all__ = ["VERSION", "Viewed", "featuriser", "is_standardised", "map_channels"]

VERSION = 1  # of the outputs and views defined here
COLOURS = 3  # channels of an image
JITTER = 0.3  # of brightness, contrast and saturation; STEGO's
HUE = 0.1  # turns; STEGO's
GREY = 0.2  # share of images without colour; STEGO's
BLUR = (0.1, 2.0)  # smallest and largest width of the Gaussian in pixels; torchvision's
BLURRED = 0.5  # share of images that are blurred; EAGLE's
#: Rows: lightness and two axes of colour, of red, green and blue.
YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def featuriser(backbone: Backbone, feature_map: FeatureMap, *, odd: tuple[int, ...]) -> Backbone:
    """What computes a map of images.

    Args:
        backbone: The configured backbone.
        feature_map: The map.
        odd: Channels of the images whose sign a mirror flips.

    Raises:
        ConfigError: If the backbone cannot provide it.
    """
    source = OUTPUTS[feature_map.output].source(backbone)
    return source if feature_map.view == "plain" else Viewed(source, feature_map.view, odd=odd)


def map_channels(feature_map: FeatureMap, channels: int) -> int:
    """Number of channels of a map.

    Args:
        feature_map: The map.
        channels: Number C of the backbone's channels.
    """
    own = OUTPUTS[feature_map.output].channels
    return channels if own is None else own


def is_standardised(feature_map: FeatureMap) -> bool:
    """Whether the statistics of the features apply to it, if the backbone needs any."""
    return OUTPUTS[feature_map.output].standardised


def _attentive(backbone: Backbone) -> Attentive:
    if isinstance(backbone, Attentive):
        backbone.check_attention()
        return backbone
    raise ConfigError(
        f"the method reads the attention of a vision transformer, and backbone.name ="
        f" {backbone.name!r} has none: choose a vision transformer of timm, or another setting of"
        " [method.options]"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PatchMeans:
    """The mean of each channel over a token; implements ``trainer.backbones.base.Backbone``."""

    #: Side of a token, pixels.
    patch: int
    name: str = "patch-means"
    channels: int = COLOURS
    scaling: Scaling | None = None

    @property
    def fingerprint(self) -> str:
        """Name and patch."""
        return f"{self.name}-{VERSION}-{self.patch}"

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """See :class:`~trainer.backbones.base.Backbone`."""
        return functional.avg_pool2d(images, self.patch).permute(0, 2, 3, 1).contiguous()


class LocalAttention:
    """Attention to the 3 x 3 tokens around each; implements ``trainer.backbones.base.Backbone``.

    The weights are those of ``trainer.nn.neighbours.local_weights``.
    """

    channels = NEIGHBOURS
    scaling: Scaling | None = None

    def __init__(self, backbone: Attentive) -> None:
        """Set it up.

        Args:
            backbone: Computes the attention.
        """
        self._backbone = backbone

    @property
    def name(self) -> str:
        """The backbone's."""
        return self._backbone.name

    @property
    def patch(self) -> int:
        """The backbone's."""
        return self._backbone.patch

    @property
    def fingerprint(self) -> str:
        """The backbone's, with the output."""
        return f"{self._backbone.fingerprint}-local-attention"

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """See :class:`~trainer.backbones.base.Backbone`."""
        rows, columns = (side // self.patch for side in images.shape[-2:])
        weights_NT9 = local_weights(self._backbone.attention(images), (rows, columns))
        return torch.unflatten(weights_NT9, 1, (rows, columns))


class Viewed:
    """A backbone that changes every image first."""

    def __init__(self, backbone: Backbone, view: View, *, odd: tuple[int, ...]) -> None:
        """Set it up.

        Args:
            backbone: Computes features of the changed images.
            view: Name of the change.
            odd: Channels whose sign a mirror flips.
        """
        self._backbone, self._view, self._odd = backbone, view, odd
        self._generator = torch_generator("view", view)

    @property
    def name(self) -> str:
        """The backbone's."""
        return self._backbone.name

    @property
    def channels(self) -> int:
        """The backbone's."""
        return self._backbone.channels

    @property
    def patch(self) -> int:
        """The backbone's."""
        return self._backbone.patch

    @property
    def scaling(self) -> Scaling | None:
        """The backbone's."""
        return self._backbone.scaling

    @property
    def fingerprint(self) -> str:
        """The backbone's, with the view."""
        return f"{self._backbone.fingerprint}-{self._view}"

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """See :class:`~trainer.backbones.base.Backbone`."""
        return self._backbone.features(VIEWS[self._view](images, self._odd, self._generator))


def flipped(
    images: torch.Tensor, odd: tuple[int, ...], generator: torch.Generator
) -> torch.Tensor:
    """Mirror images; channels that are odd are 1 less their value."""
    del generator
    mirrored = images.flip(-1)
    for channel in odd:
        mirrored[:, channel] = 1 - mirrored[:, channel]
    return mirrored


def jittered(
    images: torch.Tensor, odd: tuple[int, ...], generator: torch.Generator
) -> torch.Tensor:
    """Change brightness, contrast, saturation and hue of each image at random.

    The ranges are those of STEGO, which HP and DepthG share: factors from 0.7 to 1.3, a tenth of a
    turn of hue, and every fifth image grey. The order is fixed, and hue turns in the plane of YIQ.
    Their blur is left out: it would not be of colours alone.
    """
    del odd
    uniform = torch.rand(len(images), 5, generator=generator).to(images)[..., None, None, None]
    brightness, contrast, saturation = (1 + JITTER * (2 * uniform[:, :3] - 1)).unbind(dim=1)
    made = (images * brightness).clamp(0, 1)
    mean = _grey(made).mean(dim=(-2, -1), keepdim=True)
    made = (mean + (made - mean) * contrast).clamp(0, 1)
    saturation = torch.where(uniform[:, 3] < GREY, 0, saturation)
    grey = _grey(made)
    made = (grey + (made - grey) * saturation).clamp(0, 1)
    return _turned(made, HUE * (2 * uniform[:, 4, 0, 0, 0] - 1)).clamp(0, 1)


def blurred(
    images: torch.Tensor, odd: tuple[int, ...], generator: torch.Generator
) -> torch.Tensor:
    """Blur every second image, at random, by a Gaussian over 3 x 3 pixels, as EAGLE does."""
    del odd
    uniform = torch.rand(len(images), 2, generator=generator).to(images)
    low, high = BLUR
    width_N1 = low + (high - low) * uniform[:, :1]
    side_N = torch.exp(-0.5 / width_N1.square()).squeeze(1)
    kernel_N3 = torch.stack([side_N, torch.ones_like(side_N), side_N], dim=1)
    kernel_N3 = kernel_N3 / kernel_N3.sum(dim=1, keepdim=True)
    padded = functional.pad(images, (1, 1, 1, 1), mode="reflect")
    windows = padded.unfold(2, 3, 1).unfold(3, 3, 1)  # (N, 3, h, w, 3, 3)
    made = torch.einsum("nchwij,ni,nj->nchw", windows, kernel_N3, kernel_N3)
    return torch.where((uniform[:, 1] < BLURRED)[:, None, None, None], made, images)


def _grey(images: torch.Tensor) -> torch.Tensor:
    """Lightness with shape (N, 1, h, w)."""
    weights = images.new_tensor(YIQ[0])[:, None, None]
    return (images * weights).sum(dim=1, keepdim=True)


def _turned(images: torch.Tensor, turns_N: torch.Tensor) -> torch.Tensor:
    """Images with their hue turned by shares of a whole turn."""
    yiq = images.new_tensor(YIQ)
    angle = 2 * math.pi * turns_N
    turn = torch.eye(COLOURS, device=images.device).repeat(len(images), 1, 1)
    turn[:, 1, 1], turn[:, 1, 2] = angle.cos(), -angle.sin()
    turn[:, 2, 1], turn[:, 2, 2] = angle.sin(), angle.cos()
    return torch.einsum("noc,nchw->nohw", torch.linalg.inv(yiq) @ turn @ yiq, images)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MapSource:
    """How an output is read."""

    #: Maps the configured backbone to what computes the output.
    source: Callable[[Backbone], Backbone]
    #: Number of channels; None for as many as the backbone has.
    channels: int | None = None
    #: Whether the statistics of the features apply to it, if the backbone needs any.
    standardised: bool = False


#: Name of an output to how it is read.
OUTPUTS: Mapping[Output, MapSource] = {
    "tokens": MapSource(source=lambda backbone: backbone, standardised=True),
    "pixels": MapSource(
        source=lambda backbone: PatchMeans(patch=backbone.patch), channels=COLOURS
    ),
    "local-attention": MapSource(
        source=lambda backbone: LocalAttention(_attentive(backbone)), channels=NEIGHBOURS
    ),
}

#: Name of a view to what it makes of images (N, 3, h, w), their odd channels and a generator.
VIEWS: Mapping[View, Callable[[torch.Tensor, tuple[int, ...], torch.Generator], torch.Tensor]] = {
    "flipped": flipped,
    "jittered": jittered,
    "blurred": blurred,
}
