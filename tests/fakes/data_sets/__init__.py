"""Small copies of every data set, in each layout it accepts, made by tests.

A new data set is a module with ``LAYOUTS`` (name of a layout to what writes it into an empty
folder and gives its configuration) and a line in the table. A module may have
``PIXEL_OPTIONS``, values of options that change the images, and ``sample``, which gives the
configuration of some real images: from the folder of all samples and an empty one for links.
"""

from types import ModuleType

from tests.fakes.data_sets import cityscapes, cocostuff27, folder, mcubes, mfnet, nyu, rooms

__all__ = ["MAKERS"]

MAKERS: dict[str, ModuleType] = {
    "cityscapes": cityscapes,
    "cocostuff27": cocostuff27,
    "folder": folder,
    "mcubes": mcubes,
    "mfnet": mfnet,
    "nyu": nyu,
    "rooms": rooms,
}
