"""The network of SwinFusion, as functions of its weights by name.

Paper: SwinFusion (Ma et al., IEEE/CAA Journal of Automatica Sinica 2022). Names and shapes of the
weights are those of the authors' files (Linfeng-Tang/SwinFusion at ceeec3f), so that these load.

1. Two convolutions, the same for both images, make the width's channels of every pixel.
2. Each image has blocks of its own: attention within windows of pixels, then two linear layers.
   Every other block shifts the windows by half their side.
3. In each fusion group, both have such blocks again; then each image asks the other: queries come
   from its own pixels, keys and values from the other's.
4. A convolution joins both, further blocks follow, and three convolutions give the luminance.

Letters of shapes: ``docs/architecture.md``, and A pixels of a window, W windows, E heads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trainer.nn.parameters import Entry, linear_entries, norm_entries

__all__ = ["PUBLISHED", "SMALL", "Architecture", "Network", "fuse_planes", "fused_luminance"]

SLOPE = 0.2  # of the leaky ReLU; authors' code
DEVIATION = 0.02  # of initial weights of linear layers; authors' code
SEPARATE = -100.0  # added between pixels that only a shift brought together; authors' code
AT_A_TIME = 256  # windows whose attention is held in memory together


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The size of a network."""

    #: Channels of a pixel, and heads of the attention, which divide them.
    width: int
    heads: int
    #: Blocks of each image before the fusion.
    extraction: int
    #: Blocks of each kind in each fusion group.
    fusion: tuple[int, ...]
    #: Blocks after the fusion.
    reconstruction: int
    #: Side of a window, pixels.
    window: int = 8
    #: Hidden channels of the two linear layers, as a multiple of the width.
    expansion: int = 2

    def entries(self) -> tuple[Entry, ...]:
        """Names, shapes and initial numbers of all weights."""
        width, half = self.width, self.width // 2
        return tuple(
            [
                *_convolution("conv_first1_A", inputs=1, outputs=half),
                *_convolution("conv_first2_A", inputs=half, outputs=width),
                *norm_entries("patch_embed.norm", channels=width),
                *self._blocks("layers_Ex_A.0.residual_group", self.extraction),
                *norm_entries("norm_Ex_A", channels=width),
                *self._blocks("layers_Ex_B.0.residual_group", self.extraction),
                *norm_entries("norm_Ex_B", channels=width),
                *self._fusion_groups(),
                *norm_entries("norm_Fusion_A", channels=width),
                *norm_entries("norm_Fusion_B", channels=width),
                *_convolution("conv_after_body_Fusion", inputs=2 * width, outputs=width),
                *self._blocks("layers_Re.0.residual_group", self.reconstruction),
                *norm_entries("norm_Re", channels=width),
                *_convolution("conv_last1", inputs=width, outputs=half),
                *_convolution("conv_last2", inputs=half, outputs=half // 2),
                *_convolution("conv_last3", inputs=half // 2, outputs=1),
            ]
        )

    def _fusion_groups(self) -> Iterator[Entry]:
        for number, blocks in enumerate(self.fusion):
            group = f"layers_Fusion.{number}"
            for block in range(blocks):
                name = f"{group}.residual_group.blocks.{block}"
                for own in "AB":
                    yield from norm_entries(f"{name}.norm1_{own}", channels=self.width)
                    yield from self._attention(f"{name}.attn_{own}", {"q": 1, "kv": 2})
                    yield from norm_entries(f"{name}.norm2_{own}", channels=self.width)
                    yield from self._perceptron(f"{name}.mlp_{own}")
            for own in "AB":
                yield from self._blocks(f"{group}.residual_group_{own}", blocks)

    def _blocks(self, group: str, count: int) -> Iterator[Entry]:
        for block in range(count):
            name = f"{group}.blocks.{block}"
            yield from norm_entries(f"{name}.norm1", channels=self.width)
            yield from self._attention(f"{name}.attn", {"qkv": 3})
            yield from norm_entries(f"{name}.norm2", channels=self.width)
            yield from self._perceptron(f"{name}.mlp")

    def _attention(self, name: str, projections: Mapping[str, int]) -> Iterator[Entry]:
        places = (2 * self.window - 1) ** 2
        table = f"{name}.relative_position_bias_table"
        shape = (places, self.heads)
        yield Entry(name=table, shape=shape, initial="normal", scale=DEVIATION)
        for part, multiple in projections.items():
            yield from linear_entries(
                f"{name}.{part}",
                inputs=self.width,
                outputs=multiple * self.width,
                deviation=DEVIATION,
            )
        yield from linear_entries(
            f"{name}.proj", inputs=self.width, outputs=self.width, deviation=DEVIATION
        )

    def _perceptron(self, name: str) -> Iterator[Entry]:
        hidden = self.expansion * self.width
        yield from linear_entries(
            f"{name}.fc1", inputs=self.width, outputs=hidden, deviation=DEVIATION
        )
        yield from linear_entries(
            f"{name}.fc2", inputs=hidden, outputs=self.width, deviation=DEVIATION
        )


#: The authors' network: 0.97 million weights, which take a GPU to train.
PUBLISHED = Architecture(width=60, heads=6, extraction=4, fusion=(2, 2), reconstruction=4)
#: A small network of the same structure that two cores train in minutes; ours.
SMALL = Architecture(width=24, heads=2, extraction=2, fusion=(2,), reconstruction=2)


def _convolution(name: str, *, inputs: int, outputs: int) -> tuple[Entry, Entry]:
    """3 x 3, with PyTorch's default initialisation."""
    bound = (9 * inputs) ** -0.5
    shapes = {"weight": (outputs, inputs, 3, 3), "bias": (outputs,)}
    weight, bias = (
        Entry(name=f"{name}.{part}", shape=shape, initial="uniform", scale=bound)
        for part, shape in shapes.items()
    )
    return weight, bias


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network with its weights."""

    architecture: Architecture
    weights: Mapping[str, Tensor]

    def linear(self, name: str, inputs: Tensor) -> Tensor:
        """A linear layer over the last axis."""
        return functional.linear(inputs, self.weights[f"{name}.weight"], self._bias(name))

    def norm(self, name: str, inputs: Tensor) -> Tensor:
        """Layer normalisation over the last axis."""
        weight = self.weights[f"{name}.weight"]
        return functional.layer_norm(inputs, weight.shape, weight, self._bias(name))

    def convolution(self, name: str, inputs_NhwC: Tensor) -> Tensor:
        """A 3 x 3 convolution."""
        made_NChw = functional.conv2d(
            inputs_NhwC.permute(0, 3, 1, 2),
            self.weights[f"{name}.weight"],
            self._bias(name),
            padding=1,
        )
        return made_NChw.permute(0, 2, 3, 1)

    def _bias(self, name: str) -> Tensor:
        return self.weights[f"{name}.bias"]


@torch.no_grad()
def fused_luminance(
    network: Network, rgb_hw: NDArray[np.float64], thermal_hw: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The fused luminance of an image; a few values may lie beyond 0 and 1.

    Args:
        network: The network.
        rgb_hw: Luminance of the RGB image, from 0 to 1.
        thermal_hw: The thermal image, from 0 to 1.
    """
    rgb, thermal = (
        torch.from_numpy(np.asarray(each, dtype=np.float32))[None] for each in (rgb_hw, thermal_hw)
    )
    made: NDArray[Any] = fuse_planes(network, rgb, thermal)[0].double().numpy()
    return made


def fuse_planes(network: Network, rgb_Nhw: Tensor, thermal_Nhw: Tensor) -> Tensor:
    """The fused luminance, (N, h, w), of luminance and thermal images."""
    height, width = rgb_Nhw.shape[1:]
    window = network.architecture.window
    beyond = (0, -width % window, 0, -height % window)
    kind = "reflect" if min(height, width) >= window else "replicate"
    given = [
        functional.pad(each.unsqueeze(1), beyond, mode=kind).permute(0, 2, 3, 1)
        for each in (thermal_Nhw, rgb_Nhw)  # the authors' first image is the thermal one
    ]
    first, second = (_extracted(network, each, own) for each, own in zip(given, "AB", strict=True))
    fused = _reconstructed(network, _joined(network, first, second))
    return fused[:, :height, :width, 0]


def _extracted(network: Network, plane_Nhw1: Tensor, own: str) -> Tensor:
    """Features of an image, (N, h, w, C), by its own blocks."""
    shallow = _leaky(network.convolution("conv_first1_A", plane_Nhw1))
    pixels = _leaky(network.convolution("conv_first2_A", shallow))
    pixels = network.norm("patch_embed.norm", pixels)
    pixels = _through(network, f"layers_Ex_{own}.0.residual_group", pixels)
    return network.norm(f"norm_Ex_{own}", pixels)


def _joined(network: Network, first: Tensor, second: Tensor) -> Tensor:
    """One map of both: (N, h, w, C)."""
    both = [network.norm("patch_embed.norm", each) for each in (first, second)]
    for number, blocks in enumerate(network.architecture.fusion):
        group = f"layers_Fusion.{number}"
        both = [
            _through(network, f"{group}.residual_group_{own}", each)
            for each, own in zip(both, "AB", strict=True)
        ]
        for block in range(blocks):
            name = f"{group}.residual_group.blocks.{block}"
            both = _exchanged(network, name, both, shifted=block % 2 == 1)
    ended = [
        network.norm(f"norm_Fusion_{own}", each) for each, own in zip(both, "AB", strict=True)
    ]
    return _leaky(network.convolution("conv_after_body_Fusion", torch.cat(ended, dim=-1)))


def _reconstructed(network: Network, pixels: Tensor) -> Tensor:
    """The luminance: (N, h, w, 1)."""
    pixels = network.norm("patch_embed.norm", pixels)
    pixels = network.norm("norm_Re", _through(network, "layers_Re.0.residual_group", pixels))
    for name in ("conv_last1", "conv_last2"):
        pixels = _leaky(network.convolution(name, pixels))
    return network.convolution("conv_last3", pixels)


def _through(network: Network, group: str, pixels: Tensor) -> Tensor:
    """All blocks of a group, one after the other."""
    block = 0
    while f"{group}.blocks.{block}.norm1.weight" in network.weights:
        name = f"{group}.blocks.{block}"
        normed = network.norm(f"{name}.norm1", pixels)
        query, key, value = network.linear(f"{name}.attn.qkv", normed).chunk(3, dim=-1)
        shifted = block % 2 == 1
        pixels = pixels + _attended(network, f"{name}.attn", query, key, value, shifted=shifted)
        pixels = pixels + _perceived(network, f"{name}.mlp", f"{name}.norm2", pixels)
        block += 1
    return pixels


def _exchanged(network: Network, name: str, both: list[Tensor], *, shifted: bool) -> list[Tensor]:
    """Both images after a block in which each one asks the other."""
    normed = [
        network.norm(f"{name}.norm1_{own}", each) for each, own in zip(both, "AB", strict=True)
    ]
    made = []
    for place, own in enumerate("AB"):
        query = network.linear(f"{name}.attn_{own}.q", normed[place])
        key, value = network.linear(f"{name}.attn_{own}.kv", normed[1 - place]).chunk(2, dim=-1)
        pixels = both[place] + _attended(
            network, f"{name}.attn_{own}", query, key, value, shifted=shifted
        )
        made.append(
            pixels + _perceived(network, f"{name}.mlp_{own}", f"{name}.norm2_{own}", pixels)
        )
    return made


def _perceived(network: Network, name: str, norm: str, pixels: Tensor) -> Tensor:
    """Two linear layers with a GELU between them."""
    hidden = functional.gelu(network.linear(f"{name}.fc1", network.norm(norm, pixels)))
    return network.linear(f"{name}.fc2", hidden)


def _attended(network: Network, name: str, *maps: Tensor, shifted: bool) -> Tensor:
    """Attention within windows of queries, keys and values with shape (N, h, w, C)."""
    heads, window = network.architecture.heads, network.architecture.window
    shift = window // 2 if shifted else 0
    parts_WEAC = [_windows(each, window, shift, heads) for each in maps]
    bias_EAA = _position_bias(network.weights[f"{name}.relative_position_bias_table"], window)
    height, width = maps[0].shape[1:3]
    separate_WAA = _separation(height, width, window, shift).to(maps[0])
    each_W = torch.arange(len(parts_WEAC[0])) % len(separate_WAA)
    made = [
        ((query @ key.mT) * key.shape[-1] ** -0.5 + bias_EAA + separate_WAA[which].unsqueeze(1))
        .softmax(dim=-1)
        .matmul(value)
        for query, key, value, which in zip(
            *(torch.split(each, AT_A_TIME) for each in parts_WEAC),
            torch.split(each_W, AT_A_TIME),
            strict=True,
        )
    ]
    pixels = _pixels(torch.cat(made), (height, width), window, shift)
    return network.linear(f"{name}.proj", pixels)


def _windows(pixels_NhwC: Tensor, window: int, shift: int, heads: int) -> Tensor:
    """Windows of all images, one after the other, by heads: (W, E, A, C / E)."""
    if shift:
        pixels_NhwC = pixels_NhwC.roll((-shift, -shift), dims=(1, 2))
    count, height, width, channels = pixels_NhwC.shape
    cut = pixels_NhwC.reshape(
        count, height // window, window, width // window, window, heads, channels // heads
    )
    # from N, row, y, column, x, head, channel to N, row, column, head, y, x, channel
    return cut.permute(0, 1, 3, 5, 2, 4, 6).reshape(-1, heads, window**2, channels // heads)


def _pixels(windows_WEAC: Tensor, size: tuple[int, int], window: int, shift: int) -> Tensor:
    """The inverse of :func:`_windows`: (N, h, w, C)."""
    heads, _, channels = windows_WEAC.shape[1:]
    rows, columns = size[0] // window, size[1] // window
    cut = windows_WEAC.view(-1, rows, columns, heads, window, window, channels)
    pixels = cut.permute(0, 1, 4, 2, 5, 3, 6).reshape(-1, *size, heads * channels)
    return pixels.roll((shift, shift), dims=(1, 2)) if shift else pixels


def _position_bias(table: Tensor, window: int) -> Tensor:
    """What is added for each pair of places in a window: (E, A, A)."""
    places = torch.arange(window, device=table.device)
    apart = places.unsqueeze(1) - places + window - 1
    row_AA = apart.repeat_interleave(window, 0).repeat_interleave(window, 1)
    column_AA = apart.repeat(window, window)
    return table[row_AA * (2 * window - 1) + column_AA].permute(2, 0, 1)


def _separation(height: int, width: int, window: int, shift: int) -> Tensor:
    """What keeps pixels apart that only the shift brought together: (W, A, A), or (1, 1, 1)."""
    if not shift:
        return torch.zeros(1, 1, 1)
    part_h, part_w = (
        (torch.arange(size) >= size - window).int() + (torch.arange(size) >= size - shift).int()
        for size in (height, width)
    )
    part_hw = 3 * part_h.unsqueeze(1) + part_w
    part_WA = _windows(part_hw[None, :, :, None], window, 0, 1)[:, 0, :, 0]
    return SEPARATE * (part_WA.unsqueeze(1) != part_WA.unsqueeze(2)).float()


def _leaky(values: Tensor) -> Tensor:
    return functional.leaky_relu(values, SLOPE)
