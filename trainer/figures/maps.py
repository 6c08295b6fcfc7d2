"""Feature maps of one image as colours: at chosen iterations (Figs. 2, 7, 8), and codes (Fig. 9).

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from trainer.datasets.base import Image
from trainer.figures.canvas import Picture, bare, new_figure, set_heading
from trainer.figures.components import Basis, Floats
from trainer.figures.wording import short

__all__ = [
    "FUSED",
    "HATCHED",
    "SHARED",
    "ImageMaps",
    "IterationMaps",
    "draw_codes",
    "draw_intermediate_maps",
]

CELL = 1.5  # inches
#: Groups of maps that belong to no modality.
FUSED, SHARED = "fused", "s"

#: Legend of the hatching.
HATCHED = "hatched grey: not measured (the model sees it filled from its row)"
NOTE = (
    "three principal components as red, green and blue, one basis a kind of map, each modality"
    " about its own mean"
)


@dataclass(frozen=True, kw_only=True)
class IterationMaps:
    """Maps of one image at one iteration with shape (H, W, C)."""

    #: Outputs of the modality-specific networks by modality; empty without such networks.
    specific: Mapping[str, Floats]
    fused_HWC: Floats
    #: The shared code and, by modality, its harmonised codes.
    code_HWC: Floats
    harmonised: Mapping[str, Floats]
    #: Maps of the method's own, by name.
    others: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ImageMaps:
    """One image and its maps."""

    name: str
    #: Images by modality with shape (h, w, 3), from 0 to 1; unmeasured pixels are hatched.
    images: Mapping[str, Image]
    #: Frozen features by modality with shape (H, W, C).
    raw: Mapping[str, Floats]
    #: The model's maps, by iteration in ascending order.
    intermediate_maps: Mapping[int, IterationMaps]
    #: Whether an image has hatched pixels.
    hatched: bool = False


def draw_intermediate_maps(shown: ImageMaps, bases: Mapping[str, Basis], title: str) -> Figure:
    """One row per modality: image, raw feature, MSN output per iteration; then fused map and code.

    With one modality there is no fusion, and the code follows the raw feature.

    Args:
        shown: The image.
        bases: Bases of the maps ``raw``, ``specific`` (if any), ``fused`` and ``code``.
        title: Name of the run.
    """
    rows = _map_rows(shown, bases)
    columns = 2 + len(shown.intermediate_maps)
    figure = new_figure(0.6 + CELL * columns, 1 + CELL * len(rows))
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, pictures) in zip(grid, rows.items(), strict=True):
        for axes, picture in zip(line, pictures, strict=True):
            bare(axes)
            axes.set_visible(picture is not None)
            if picture is not None:
                axes.imshow(picture[1])
                axes.set_title(picture[0])
        line[0].set_ylabel(name)
    set_heading(figure, f"Feature maps of {shown.name}\n{title}", _note([shown]))
    return figure


Titled = tuple[str, Picture]


def _map_rows(shown: ImageMaps, bases: Mapping[str, Basis]) -> dict[str, list[Titled | None]]:
    """Titles and pictures of each row; None for an empty position."""

    def at_each(name: str, pictures: Iterable[Picture]) -> list[Titled | None]:
        titles = [f"{name}, iteration {number}" for number in shown.intermediate_maps]
        return list(zip(titles, pictures, strict=True))

    intermediate_maps = shown.intermediate_maps.values()
    code = at_each(
        SHARED, (bases["code"].colour(SHARED, made.code_HWC) for made in intermediate_maps)
    )
    fused = at_each(
        FUSED, (bases[FUSED].colour(FUSED, made.fused_HWC) for made in intermediate_maps)
    )
    rows: dict[str, list[Titled | None]] = {}
    for modality, image in shown.images.items():
        later: list[Titled | None] = [None] * len(intermediate_maps)
        if "specific" in bases:
            maps = [made.specific[modality] for made in intermediate_maps]
            later = at_each("MSN", [bases["specific"].colour(modality, each) for each in maps])
        raw = bases["raw"].colour(modality, shown.raw[modality])
        rows[modality] = [("image", image), ("raw feature", raw), *later]
    if len(rows) == 1:
        return {name: [*row[:2], *code] for name, row in rows.items()}
    return rows | {FUSED: [None, None, *fused], "code": [None, None, *code]}


def draw_codes(shown: Sequence[ImageMaps], bases: Mapping[str, Basis], title: str) -> Figure:
    """One row per image: its modalities, the shared code s, each harmonised code, other maps.

    Args:
        shown: Images with the same modalities; their last iteration is drawn.
        bases: Bases of the maps ``code``, and of others by their names.
        title: Name of the run.
    """
    columns = [_code_row(each, bases) for each in shown]
    figure = new_figure(0.6 + CELL * len(columns[0]), 1 + CELL * len(shown))
    grid = figure.subplots(len(shown), len(columns[0]), squeeze=False)
    for row, each, pictures in zip(grid, shown, columns, strict=True):
        for axes, (name, picture) in zip(row, pictures.items(), strict=True):
            bare(axes)
            axes.imshow(picture)
            axes.set_title(name if each is shown[0] else "")
        row[0].set_ylabel(short(each.name), fontsize=7)
    set_heading(figure, f"Codes\n{title}", _note(shown))
    return figure


def _note(shown: Sequence[ImageMaps]) -> str:
    return f"{NOTE}; {HATCHED}" if any(each.hatched for each in shown) else NOTE


def _code_row(shown: ImageMaps, bases: Mapping[str, Basis]) -> dict[str, Picture]:
    last, basis = shown.intermediate_maps[max(shown.intermediate_maps)], bases["code"]
    harmonised = {
        f"s of {modality}": basis.colour(modality, code)
        for modality, code in last.harmonised.items()
    }
    others = {name: bases[name].colour(name, each) for name, each in last.others.items()}
    return {**shown.images, SHARED: basis.colour(SHARED, last.code_HWC), **harmonised, **others}
