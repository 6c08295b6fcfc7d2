"""NYU-Depth-v2's classes: the 40 stored labels, and the 13 or 3 classes made from them.

The 13 are those of the published class map of Couprie, Farabet, Najman and LeCun (Indoor
Semantic Segmentation using depth information, ICLR 2013). The 3 are the groups of UniM2's
published code. They differ from the four structural classes of the data set's own toolbox with
floor merged into structure: counter, floor mat, whiteboard, toilet and bathtub are in other
groups there.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.decoding import label_table

__all__ = ["STORED", "TO_3", "TO_13", "classes_of", "label_table_of"]

#: Names of the stored labels 1 to 40, in order; 0 is void.
STORED = (
    "wall",
    "floor",
    "cabinet",
    "bed",
    "chair",
    "sofa",
    "table",
    "door",
    "window",
    "bookshelf",
    "picture",
    "counter",
    "blinds",
    "desk",
    "shelves",
    "curtain",
    "dresser",
    "pillow",
    "mirror",
    "floor mat",
    "clothes",
    "ceiling",
    "books",
    "refrigerator",
    "television",
    "paper",
    "towel",
    "shower curtain",
    "box",
    "whiteboard",
    "person",
    "night stand",
    "toilet",
    "sink",
    "lamp",
    "bathtub",
    "bag",
    "other structure",
    "other furniture",
    "other prop",
)

CLASSES_13 = (
    ("bed", (31, 119, 180)),
    ("books", (174, 199, 232)),
    ("ceiling", (255, 187, 120)),
    ("chair", (214, 39, 40)),
    ("floor", (140, 86, 75)),
    ("furniture", (148, 103, 189)),
    ("objects", (227, 119, 194)),
    ("picture", (44, 160, 44)),
    ("sofa", (255, 127, 14)),
    ("table", (188, 189, 34)),
    ("tv", (23, 190, 207)),
    ("wall", (199, 199, 199)),
    ("window", (152, 223, 138)),
)
CLASSES_3 = (
    ("structure", (199, 199, 199)),
    ("furniture", (148, 103, 189)),
    ("objects", (227, 119, 194)),
)
#: The published code's fourth class; no stored label belongs to it.
EMPTY_CLASS = ("void", (0, 0, 0))

#: Class of each stored label from 1 to 40.
TO_13 = (
    *(11, 4, 5, 0, 3, 8, 9, 11, 12, 5),
    *(7, 5, 12, 9, 5, 12, 5, 6, 6, 4),
    *(6, 2, 1, 5, 10, 6, 6, 6, 6, 6),
    *(6, 5, 6, 6, 6, 6, 6, 6, 5, 6),
)
TO_3 = (
    *(0, 0, 1, 1, 1, 1, 1, 0, 0, 1),
    *(2, 1, 0, 1, 1, 0, 1, 2, 2, 0),
    *(2, 0, 2, 1, 2, 2, 2, 0, 2, 2),
    *(2, 1, 2, 2, 2, 2, 2, 0, 1, 2),
)


def classes_of(
    count: Literal[13, 4], *, empty_class: bool
) -> tuple[tuple[str, tuple[int, int, int]], ...]:
    """Names and colours.

    Args:
        count: 13, or 4 for the coarse classes.
        empty_class: Whether the coarse classes include the fourth, which has no pixels.
    """
    if count == 13:
        return CLASSES_13
    return (*CLASSES_3, EMPTY_CLASS) if empty_class else CLASSES_3


def label_table_of(count: Literal[13, 4]) -> NDArray[np.int16]:
    """Lookup table of stored labels: 0 has no class, and there are none beyond 40."""
    classes = TO_13 if count == 13 else TO_3
    return label_table({0: 255, **{index + 1: to for index, to in enumerate(classes)}})
