"""Feature maps of one image as colours: at chosen iterations (Figs. 2, 7, 8), and codes (Fig. 9).

Shape letters: H W token grid, C channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trainer.datasets.base import Image
from trainer.figures.canvas import Picture, bare, new_figure, short
from trainer.figures.components import Basis, Floats

__all__ = ["FUSED", "SHARED", "ImageMaps", "StageMaps", "draw_codes", "draw_stages"]

CELL = 1.5  # inches
#: Names of the groups of maps that belong to no modality.
FUSED, SHARED = "fused", "s"

NOTE = (
    "three principal components as red, green and blue, one basis a kind of map, each modality"
    " about its own mean"
)


@dataclass(frozen=True, kw_only=True)
class StageMaps:
    """What the model makes of one image at one iteration; maps with shape (H, W, C)."""

    #: Outputs of the modality-specific networks by modality; empty without such.
    specific: Mapping[str, Floats]
    fused_HWC: Floats
    #: The shared code and, by modality, what harmonisers make of it.
    code_HWC: Floats
    harmonised: Mapping[str, Floats]


@dataclass(frozen=True, kw_only=True)
class ImageMaps:
    """One image and its maps."""

    name: str
    #: Images by modality with shape (h, w, 3), from 0 to 1.
    images: Mapping[str, Image]
    #: Frozen features by modality with shape (H, W, C).
    raw: Mapping[str, Floats]
    #: What the model makes of them, by iteration, ascending.
    stages: Mapping[int, StageMaps]


def draw_stages(shown: ImageMaps, bases: Mapping[str, Basis], title: str) -> Figure:
    """A row a modality: image, raw feature, MSN output at each iteration; then the fused map.

    Args:
        shown: The image.
        bases: Of the maps ``raw``, ``specific`` (where there are such) and ``fused``.
        title: What the run is called.
    """
    modalities, iterations = list(shown.images), list(shown.stages)
    specific = bool(shown.stages[iterations[-1]].specific)
    rows = len(modalities) + 1
    figure = new_figure(0.6 + CELL * (2 + len(iterations)), 1 + CELL * rows)
    grid = figure.subplots(rows, 2 + len(iterations), squeeze=False)
    for row, modality in zip(grid, modalities, strict=False):
        _fill(row[0], shown.images[modality], "image")
        _fill(row[1], bases["raw"].colour(modality, shown.raw[modality]), "raw feature")
        row[0].set_ylabel(modality)
        for axes, iteration in zip(row[2:], iterations, strict=True):
            made = shown.stages[iteration].specific
            picture = bases["specific"].colour(modality, made[modality]) if specific else None
            _fill(axes, picture, f"MSN, iteration {iteration}")
    _fill(grid[-1][0], None, "")
    _fill(grid[-1][1], None, "")
    for axes, iteration in zip(grid[-1][2:], iterations, strict=True):
        picture = bases[FUSED].colour(FUSED, shown.stages[iteration].fused_HWC)
        _fill(axes, picture, f"{FUSED}, iteration {iteration}")
    figure.suptitle(f"Feature maps of {shown.name}\n{title}")
    figure.supxlabel(NOTE, fontsize=8)
    return figure


def draw_codes(shown: Sequence[ImageMaps], basis: Basis, title: str) -> Figure:
    """A row an image: its modalities, the shared code s, and each harmonised code s of X.

    Args:
        shown: Images with the same modalities; their last iteration is drawn.
        basis: Of all codes.
        title: What the run is called.
    """
    columns = [_code_row(each, basis) for each in shown]
    figure = new_figure(0.6 + CELL * len(columns[0]), 1 + CELL * len(shown))
    grid = figure.subplots(len(shown), len(columns[0]), squeeze=False)
    for row, each, pictures in zip(grid, shown, columns, strict=True):
        for axes, (name, picture) in zip(row, pictures.items(), strict=True):
            _fill(axes, picture, name if each is shown[0] else "")
        row[0].set_ylabel(short(each.name), fontsize=7)
    figure.suptitle(f"Codes\n{title}")
    figure.supxlabel(NOTE, fontsize=8)
    return figure


def _code_row(shown: ImageMaps, basis: Basis) -> dict[str, Picture]:
    last = shown.stages[max(shown.stages)]
    harmonised = {
        f"s of {modality}": basis.colour(modality, code)
        for modality, code in last.harmonised.items()
    }
    return {**shown.images, SHARED: basis.colour(SHARED, last.code_HWC), **harmonised}


def _fill(axes: Axes, picture: Picture | None, title: str) -> None:
    """Show a picture under its title, or leave the place empty."""
    bare(axes)
    if picture is None:
        axes.set_visible(False)
        return
    axes.imshow(picture)
    axes.set_title(title)
