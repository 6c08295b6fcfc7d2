"""Grid of images, modalities, ground truth and predictions (the paper's Fig. 6)."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from trainer.datasets.base import Image, Label
from trainer.figures.canvas import Picture, bare, new_figure
from trainer.figures.colour import (
    HATCH_DARK,
    HATCH_LIGHT,
    VOID,
    Colour,
    colour_label,
    web_colour,
)
from trainer.figures.wording import short

__all__ = ["Scene", "draw_qualitative_grid"]

CELL = 1.6  # inches
TITLE_WIDTH = 22  # characters that fit above a cell
LEGEND_COLUMNS = 5


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One scene."""

    name: str
    #: Images by modality, each with shape (h, w, 3), from 0 to 1.
    images: Mapping[str, Image]
    #: Classes with shape (h, w) by their source; the ground truth is first.
    labels: Mapping[str, Label]
    #: Whether the images have hatched pixels, which were not measured.
    hatched: bool = False


def draw_qualitative_grid(
    scenes: Sequence[Scene], classes: Sequence[str], palette: Sequence[Colour], title: str = ""
) -> Figure:
    """One row per scene; at the bottom, the names of the occurring classes in their colours.

    Args:
        scenes: Scenes with the same modalities and label maps.
        classes: Names of the Y classes.
        palette: One RGB colour per class, 0 to 255.
        title: Title of the figure; none if empty.
    """
    first = scenes[0]
    columns = len(first.images) + len(first.labels)
    shown = _occurring(scenes, len(classes))
    legend_rows = -(-(len(shown) + 2) // LEGEND_COLUMNS)
    figure = new_figure(
        0.3 + CELL * columns, 0.5 + CELL * len(scenes) + 0.2 * legend_rows + 0.3 * bool(title)
    )
    grid = figure.subplots(len(scenes), columns, squeeze=False)
    for row, scene in zip(grid, scenes, strict=True):
        cells: list[tuple[str, Picture]] = list(scene.images.items())
        cells += [(name, colour_label(label, palette)) for name, label in scene.labels.items()]
        for axes, (name, picture) in zip(row, cells, strict=True):
            axes.imshow(picture)
            bare(axes)
            if scene is first:
                axes.set_title(textwrap.fill(name, TITLE_WIDTH))
        row[0].set_ylabel(short(scene.name), fontsize=7)
    handles = [
        Patch(facecolor=web_colour(palette[index]), edgecolor="#888888", label=classes[index])
        for index in shown
    ]
    if any((label >= len(classes)).any() for scene in scenes for label in scene.labels.values()):
        handles.append(Patch(facecolor=web_colour(VOID), label="no label"))
    if any(scene.hatched for scene in scenes):
        light, dark = (f"{grey:.2f}" for grey in (HATCH_LIGHT, HATCH_DARK))
        handles.append(Patch(facecolor=light, edgecolor=dark, hatch="////", label="not measured"))
    figure.legend(handles=handles, loc="outside lower center", ncols=LEGEND_COLUMNS, fontsize=8)
    if title:
        figure.suptitle(title)
    return figure


def _occurring(scenes: Sequence[Scene], classes: int) -> list[int]:
    """Classes that occur in any label map."""
    maps = [label for scene in scenes for label in scene.labels.values()]
    return [index for index in range(classes) if any((label == index).any() for label in maps)]
