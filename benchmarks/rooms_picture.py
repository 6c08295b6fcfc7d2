"""Draw docs/pictures/rooms-scenes.png: colours, depth and classes of six scenes.

python -m benchmarks.rooms_picture
"""

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from trainer.config.configuration import DataConfig
from trainer.datasets import open_dataset
from trainer.figures.colour import colour_label, picture_palette, web_colour

__all__ = ["draw"]

PICTURE = Path(__file__).parent.parent / "docs" / "pictures" / "rooms-scenes.png"
SCENES = 6
ROWS = ("colours", "depth", "classes")


def draw() -> Figure:
    """Six scenes of seed 0, one column each."""
    rooms = open_dataset(DataConfig(name="rooms", seed=0))
    palette = picture_palette(rooms.palette)
    figure = Figure(figsize=(12, 6.8), layout="constrained")
    panels = figure.subplots(len(ROWS), SCENES)
    for column, name in zip(panels.T, rooms.train.names[:SCENES], strict=True):
        label = rooms.source.label(name)
        images = (
            rooms.source.image(name, "rgb"),
            rooms.source.image(name, "depth"),
            colour_label(label, palette),
        )
        for axes, image in zip(column, images, strict=True):
            axes.imshow(image)
            axes.set(xticks=[], yticks=[])
    for axes, title in zip(panels[:, 0], ROWS, strict=True):
        axes.set_ylabel(title)
    patches = [
        Patch(color=web_colour(colour), label=cls)
        for cls, colour in zip(rooms.classes, palette, strict=True)
    ]
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches))
    return figure


def main() -> None:
    """Draw the picture."""
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    draw().savefig(PICTURE, dpi=80)
    print(PICTURE)


if __name__ == "__main__":
    main()
