"""Creating and saving figures: Matplotlib's Agg, without pyplot.

Files depend only on the content: they have no dates, versions or random identifiers, and ignore
the user's own style. Text in SVG files is text.
"""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trainer.errors import FigureError

__all__ = [
    "INK",
    "Picture",
    "bare",
    "new_figure",
    "save_figure",
    "set_heading",
    "set_note",
    "style",
]

#: Colours with shape (h, w, 3): floats from 0 to 1, or bytes.
Picture = NDArray[Any]

#: Colour of text and lines that stand for no class.
INK = "#333333"

PNG_DOTS = 150  # per inch
TITLE_DENSITY, NOTE_DENSITY = 9, 13  # characters per inch
NOTE_SIZE = 8
SETTINGS: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.titlesize": 11.0,
    "figure.titleweight": "bold",
    "legend.frameon": False,
    "image.interpolation": "nearest",
    "svg.fonttype": "none",
    "svg.hashsalt": "unim2-search",
}


@contextmanager
def style() -> Iterator[None]:
    """A context in which Matplotlib uses our style; the user's settings are restored later."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, whose parts do not overlap."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def bare(axes: Axes) -> None:
    """Remove ticks and frame, which an image does not need."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def set_heading(figure: Figure, title: str, note: str = "") -> None:
    """Add a title at the top and a note at the bottom, wrapped to the width."""
    width = figure.get_figwidth()
    lines = [textwrap.fill(line, int(TITLE_DENSITY * width)) for line in title.splitlines()]
    figure.suptitle("\n".join(lines))
    set_note(figure, note)


def set_note(figure: Figure, note: str) -> None:
    """Add a note at the bottom, wrapped to the width; nothing if empty."""
    width = int(NOTE_DENSITY * figure.get_figwidth())
    lines = [textwrap.fill(line, width) for line in note.splitlines()]
    figure.supxlabel("\n".join(lines), fontsize=NOTE_SIZE)


def save_figure(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write a figure as ``NAME.png`` and ``NAME.svg``.

    Raises:
        FigureError: If a file cannot be written.
    """
    png, svg = folder / f"{name}.png", folder / f"{name}.svg"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        figure.savefig(png, dpi=PNG_DOTS, metadata={"Software": None})
        figure.savefig(svg, metadata={"Date": None, "Creator": None})
    except OSError as error:
        raise FigureError(
            f"cannot write figures to {folder} ({error.strerror}): free space, or give another"
            " --out"
        ) from error
    return png, svg
