"""Folders of images as people have them, with the description that each should get."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from tests.fakes.data_sets.pictures import HEIGHT, WIDTH, noise, save, write_list

NAMES = tuple(f"{number:04d}" for number in range(8))
SHARES = {"val": 0.15, "test": 0.15}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A folder, and the description that is expected for it."""

    make: Callable[[Path], None]
    #: Modality to its pattern.
    modalities: Mapping[str, str]
    label: str | None = None
    splits: Mapping[str, Any] = field(default_factory=lambda: SHARES)
    #: Images of all splits.
    images: int = len(NAMES)


def colour(path: Path) -> None:
    """A photograph."""
    save(path, noise(path.as_posix(), 0, 255, channels=3))


def heat(path: Path) -> None:
    """A grey image of 16 bits."""
    save(path, noise(path.as_posix(), 18000, 42000, np.uint16))


def areas() -> NDArray[np.uint8]:
    """Three areas, numbered from 0."""
    return np.repeat(np.arange(WIDTH)[None] * 3 // WIDTH, HEIGHT, axis=0).astype(np.uint8)


def label(path: Path) -> None:
    """Numbers of areas."""
    save(path, areas())


def three_folders(root: Path) -> None:
    for name in NAMES:
        colour(root / f"RGB/{name}.jpg")
        heat(root / f"Thermal_16bit/{name}.PNG")
        label(root / f"annotations/{name}.png")


def beside_each_other(root: Path) -> None:
    for name in NAMES:
        colour(root / f"{name}.png")
        heat(root / f"{name}_depth.png")
        label(root / f"{name}-mask.png")


def in_scenes(root: Path) -> None:
    for scene in ("kitchen", "hall", "attic", "cellar"):
        for name in NAMES[:2]:
            colour(root / f"{scene}/color/{name}.jpeg")
            heat(root / f"{scene}/depth/{name}.png")
            label(root / f"{scene}/gt/{name}.png")


def split_folders(root: Path) -> None:
    for split, names in (("train", NAMES[:4]), ("valid", NAMES[4:6]), ("test", NAMES[6:])):
        for name in names:
            colour(root / f"{split}/images/{name}.png")
            heat(root / f"{split}/ir/{name}.png")
            label(root / f"{split}/labels/{name}.png")


def splits_inside(root: Path) -> None:
    for split, names in (("train", NAMES[:6]), ("test", NAMES[6:])):
        for name in names:
            colour(root / f"leftImg8bit/{split}/a/{name}_leftImg8bit.png")
            heat(root / f"disparity/{split}/a/{name}_disparity.png")
            label(root / f"gtFine/{split}/a/{name}_gtFine_labelIds.png")
            colour(root / f"gtFine/{split}/a/{name}_gtFine_color.png")


def a_folder_for_each(root: Path) -> None:
    for name in NAMES:
        colour(root / f"frames/{name}/rgb.png")
        heat(root / f"frames/{name}/thermal.png")
        label(root / f"frames/{name}/label.png")


def own_prefixes(root: Path) -> None:
    for name in NAMES:
        colour(root / f"rgb/IMG_{name}.png")
        heat(root / f"nir/NIR_{name}_aligned.png")


def shuffled_names(root: Path) -> None:
    """Names do not identify the modalities."""
    for name in NAMES:
        colour(root / f"b/{name}.png")
        heat(root / f"c/{name}.png")
        label(root / f"a/{name}.png")


def bands(root: Path) -> None:
    for name in NAMES:
        save(root / f"NDVI/{name}.npy", noise(f"{name} v", -90, 90, np.float32) / 100)
        save(root / f"green/{name}.png", noise(f"{name} g", 0, 255))
        save(root / f"red/{name}.png", noise(f"{name} r", 0, 255))


def four_bands(root: Path) -> None:
    for name in NAMES:
        save(root / f"tiles/{name}.tif", noise(name, 0, 255, channels=4))


def listed(root: Path) -> None:
    three_folders(root)
    write_list(root / "lists/train_split.txt", *(f"RGB/{name}.jpg" for name in NAMES[:4]))
    write_list(root / "lists/val.txt", *(f"{name}.jpg" for name in NAMES[4:6]))
    write_list(root / "lists/test.txt", *NAMES[6:])


def with_rubbish(root: Path) -> None:
    three_folders(root)
    (root / "RGB/Thumbs.db").write_bytes(b"x")
    (root / "RGB/._0000.jpg").write_bytes(b"x")
    (root / "notes.HEIC").write_bytes(b"x")
    colour(root / "overlays/0000.png")
    colour(root / "poster.png")


def accents_and_blanks(root: Path) -> None:
    for name in NAMES:
        colour(root / f"Bilder rgb/Straße é {name}.png")
        heat(root / f"Bilder thermal/Straße é {name}.png")


def paletted(path: Path) -> None:
    image = PIL.Image.fromarray(areas())
    image.putpalette([10, 20, 30, 200, 0, 0, 0, 200, 0])
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def voc(root: Path) -> None:
    for name in NAMES:
        colour(root / f"JPEGImages/{name}.jpg")
        paletted(root / f"SegmentationClass/{name}.png")
    write_list(root / "ImageSets/train.txt", *NAMES[:5])
    write_list(root / "ImageSets/val.txt", *NAMES[5:])


def numbers_in_tiffs(root: Path) -> None:
    for name in NAMES:
        colour(root / f"ortho/rgb/{name}.tif")
        save(root / f"ortho/ndvi/{name}.tif", noise(name, 0, 255).astype(np.float32) / 255)
        save(root / f"ortho/gt/{name}.tif", areas().astype(np.int32))


def depth_in_colours(root: Path) -> None:
    """Depth was drawn in colours for people, beside the true depth."""
    for name in NAMES:
        colour(root / f"rgb/{name}.png")
        heat(root / f"gt_depth/{name}.png")
        colour(root / f"depth_vis/{name}.png")
        colour(root / f"depth_color/{name}.png")


def depth_aligned_to_colour(root: Path) -> None:
    for name in NAMES:
        colour(root / f"color/{name}.png")
        heat(root / f"aligned_depth_to_color/{name}.png")


def split_folders_with_years(root: Path) -> None:
    for split, names in (("train2017", NAMES[:4]), ("val2017", NAMES[4:])):
        for name in names:
            colour(root / f"images/{split}/{name}.png")
            label(root / f"labels/{split}/{name}.png")


COLOURS = np.array([[10, 20, 30], [200, 0, 0], [0, 200, 0]], np.uint8)
IN_THREE = {"train": NAMES[:4], "val": NAMES[4:6], "test": NAMES[6:]}
IN_TWO = {"train": NAMES[:4], "test": NAMES[4:]}


def drawn(path: Path) -> None:
    """The areas in colours, for people."""
    save(path, COLOURS[areas()])


def grey(path: Path) -> None:
    """A grey image of 8 bits."""
    save(path, noise(path.as_posix(), 0, 255))


def grey_colour(path: Path) -> None:
    """A grey image saved as colours."""
    save(path, np.repeat(noise(path.as_posix(), 0, 255)[:, :, None], 3, axis=2))


def real_numbers(path: Path) -> None:
    """A plane of floating-point numbers."""
    save(path, noise(path.as_posix(), 0, 255).astype(np.float32))


def filled(
    splits: Mapping[str, tuple[str, ...]] | None = None,
    **makers: tuple[Callable[[Path], None], str],
) -> Callable[[Path], None]:
    """A folder in which each kind of file has one pattern, with {split} and {name}."""

    def make(root: Path) -> None:
        for split, names in (splits or {"": NAMES}).items():
            for name in names:
                for save_at, pattern in makers.values():
                    save_at(root / pattern.format(split=split, name=name))

    return make


def several_lists(root: Path) -> None:
    """Lists of another purpose and of another time; the labels fit one of the former."""
    for name in NAMES:
        colour(root / f"JPEGImages/{name}.jpg")
    for name in NAMES[:6]:
        paletted(root / f"SegmentationClass/{name}.png")
    write_list(root / "ImageSets/Main/train.txt", *NAMES[:4], NAMES[6])
    write_list(root / "ImageSets/Main/val.txt", *NAMES[4:6], NAMES[7])
    write_list(root / "ImageSets/Segmentation/train.txt", *NAMES[:4])
    write_list(root / "ImageSets/Segmentation/train-old.txt", *NAMES[:2])
    write_list(root / "ImageSets/Segmentation/val.txt", *NAMES[4:6])


def paths_of_another_machine(root: Path) -> None:
    three_folders(root)
    for split, names in (("train", NAMES[:4]), ("val", NAMES[4:6]), ("test", NAMES[6:])):
        write_list(root / f"{split}.txt", *(f"/data/me/set/RGB/{name}.jpg" for name in names))


def scenes_beside_images(root: Path) -> None:
    for name in NAMES[:4]:
        colour(root / f"{name}.png")
        colour(root / f"place {name}/{name}.png")


def binary_masks(root: Path) -> None:
    """The object fills the lower half, and 255 is no sign of a missing label."""
    for name in NAMES:
        colour(root / f"images/{name}.png")
        heat(root / f"thermal/{name}.png")
        mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
        mask[HEIGHT // 2 :] = 255
        save(root / f"masks/{name}.png", mask)


LAYOUTS: Mapping[str, Layout] = {
    "drawn labels in a folder of labels": Layout(
        make=filled(
            rgb=(colour, "RGB/{name}.png"),
            depth=(heat, "Depth/{name}.png"),
            drawn=(drawn, "GT/COLOR/{name}.png"),
            label=(label, "GT/LABELS/{name}.png"),
        ),
        modalities={"rgb": "RGB/{name}.png", "depth": "Depth/{name}.png"},
        label="GT/LABELS/{name}.png",
    ),
    "drawn labels beside": Layout(
        make=filled(
            rgb=(colour, "images/{name}.png"),
            drawn=(drawn, "color/{name}.png"),
            label=(label, "label/{name}.png"),
        ),
        modalities={"rgb": "images/{name}.png"},
        label="label/{name}.png",
    ),
    "a word in every name": Layout(
        make=filled(
            rgb=(colour, "rgb/FLIR_{name}.jpg"),
            thermal=(heat, "thermal/FLIR_{name}.png"),
            label=(label, "masks/FLIR_{name}.png"),
        ),
        modalities={"rgb": "rgb/{name}.jpg", "thermal": "thermal/{name}.png"},
        label="masks/{name}.png",
    ),
    "folders of unknown kinds": Layout(
        make=filled(
            i0=(grey, "I0/{name}.png"),
            i45=(grey, "I45/{name}.png"),
            dolp=(grey, "dolp/{name}.png"),
            label=(label, "labels/{name}.png"),
        ),
        modalities={
            "dolp": "dolp/{name}.png",
            "i0": "I0/{name}.png",
            "i45": "I45/{name}.png",
        },
        label="labels/{name}.png",
    ),
    "short names of splits": Layout(
        make=filled(
            {"Tr": NAMES[:4], "Ts": NAMES[4:]},
            rgb=(colour, "images{split}/{name}.png"),
            label=(label, "labels{split}/{name}.png"),
        ),
        modalities={"rgb": "images{split}/{name}.png"},
        label="labels{split}/{name}.png",
        splits={"train": "Tr/", "val": 0.15, "test": "Ts/"},
    ),
    "visible and infrared": Layout(
        make=filled(
            IN_TWO,
            rgb=(colour, "{split}/vi/{name}.png"),
            ir=(grey_colour, "{split}/ir/{name}.png"),
        ),
        modalities={"rgb": "**/vi/{name}.png", "thermal": "**/ir/{name}.png"},
        splits={"train": "train/", "val": 0.15, "test": "test/"},
    ),
    "masks for people and programs": Layout(
        make=filled(
            rgb=(colour, "img/{name}.png"),
            human=(colour, "masks_human/{name}.png"),
            label=(label, "masks_machine/{name}.png"),
        ),
        modalities={"rgb": "img/{name}.png"},
        label="masks_machine/{name}.png",
    ),
    "arrays": Layout(
        make=filled(rgb=(colour, "rgb/{name}.npy"), depth=(real_numbers, "depth/{name}.npy")),
        modalities={"rgb": "rgb/{name}.npy", "depth": "depth/{name}.npy"},
    ),
    "splits in folder names": Layout(
        make=filled(
            IN_THREE,
            rgb=(colour, "{split}_images/{name}.png"),
            depth=(heat, "{split}_depth/{name}.png"),
            label=(label, "{split}_masks/{name}.png"),
        ),
        modalities={"rgb": "{split}_images/{name}.png", "depth": "{split}_depth/{name}.png"},
        label="{split}_masks/{name}.png",
        splits={"train": "train/", "val": "val/", "test": "test/"},
    ),
    "splits behind folder names": Layout(
        make=filled(
            {f"{split.title()}2017": names for split, names in IN_THREE.items()},
            rgb=(colour, "data/images{split}/day/{name}.jpg"),
            thermal=(heat, "data/thermal{split}/day/{name}.png"),
        ),
        modalities={
            "rgb": "data/images{split}/day/{name}.jpg",
            "thermal": "data/thermal{split}/day/{name}.png",
        },
        splits={"train": "Train2017/", "val": "Val2017/", "test": "Test2017/"},
    ),
    "split folders beside masks": Layout(
        make=filled(
            IN_THREE,
            rgb=(colour, "{split}/{name}.png"),
            label=(label, "{split}_labels/{name}.png"),
        ),
        modalities={"rgb": "**/{name}.png"},
        label="{split}_labels/{name}.png",
        splits={"train": "train/", "val": "val/", "test": "test/"},
    ),
    "splits with letters": Layout(
        make=filled(
            IN_THREE, rgb=(colour, "{split}A/{name}.png"), b=(heat, "{split}B/{name}.png")
        ),
        modalities={"rgb": "{split}A/{name}.png", "b": "{split}B/{name}.png"},
        splits={"train": "train/", "val": "val/", "test": "test/"},
    ),
    "a folder for each kind": Layout(
        make=three_folders,
        modalities={"rgb": "RGB/{name}.jpg", "thermal": "Thermal_16bit/{name}.png"},
        label="annotations/{name}.png",
    ),
    "files beside each other": Layout(
        make=beside_each_other,
        modalities={"rgb": "{name}.png", "depth": "{name}_depth.png"},
        label="{name}-mask.png",
    ),
    "scenes": Layout(
        make=in_scenes,
        modalities={"rgb": "**/color/{name}.jpg", "depth": "**/depth/{name}.png"},
        label="**/gt/{name}.png",
        splits=SHARES | {"scene": "^(.*)/"},
    ),
    "folders of splits above": Layout(
        make=split_folders,
        modalities={"rgb": "**/images/{name}.png", "thermal": "**/ir/{name}.png"},
        label="**/labels/{name}.png",
        splits={"train": "train/", "val": "valid/", "test": "test/"},
    ),
    "folders of splits below": Layout(
        make=splits_inside,
        modalities={
            "rgb": "leftImg8bit/**/{name}_leftImg8bit.png",
            "disparity": "disparity/**/{name}_disparity.png",
        },
        label="gtFine/**/{name}_gtFine_labelIds.png",
        splits={"train": "train/", "val": 0.15, "test": "test/"},
    ),
    "a folder for each image": Layout(
        make=a_folder_for_each,
        modalities={"rgb": "frames/{name}/rgb.png", "thermal": "frames/{name}/thermal.png"},
        label="frames/{name}/label.png",
    ),
    "prefixes of their own": Layout(
        make=own_prefixes,
        modalities={"rgb": "rgb/IMG_{name}.png", "nir": "nir/NIR_{name}_aligned.png"},
    ),
    "names that say nothing": Layout(
        make=shuffled_names,
        modalities={"rgb": "b/{name}.png", "c": "c/{name}.png"},
        label="a/{name}.png",
    ),
    "single bands": Layout(
        make=bands,
        modalities={
            "red": "red/{name}.png",
            "green": "green/{name}.png",
            "ndvi": "NDVI/{name}.npy",
        },
    ),
    "bands of one file": Layout(
        make=four_bands,
        modalities={"rgb": "tiles/{name}.tif", "nir": "tiles/{name}.tif"},
    ),
    "lists of paths and names": Layout(
        make=listed,
        modalities={"rgb": "RGB/{name}.jpg", "thermal": "Thermal_16bit/{name}.png"},
        label="annotations/{name}.png",
        splits={
            "train": "lists/train_split.txt",
            "val": "lists/val.txt",
            "test": "lists/test.txt",
        },
    ),
    "other files beside them": Layout(
        make=with_rubbish,
        modalities={"rgb": "RGB/{name}.jpg", "thermal": "Thermal_16bit/{name}.png"},
        label="annotations/{name}.png",
    ),
    "numbers in TIFFs": Layout(
        make=numbers_in_tiffs,
        modalities={"rgb": "ortho/rgb/{name}.tif", "ndvi": "ortho/ndvi/{name}.tif"},
        label="ortho/gt/{name}.tif",
    ),
    "binary masks": Layout(
        make=binary_masks,
        modalities={"rgb": "images/{name}.png", "thermal": "thermal/{name}.png"},
        label="masks/{name}.png",
    ),
    "depth in colours": Layout(
        make=depth_in_colours,
        modalities={"rgb": "rgb/{name}.png", "depth": "gt_depth/{name}.png"},
    ),
    "depth aligned to colour": Layout(
        make=depth_aligned_to_colour,
        modalities={"rgb": "color/{name}.png", "depth": "aligned_depth_to_color/{name}.png"},
    ),
    "folders of splits with years": Layout(
        make=split_folders_with_years,
        modalities={"rgb": "images/**/{name}.png"},
        label="labels/**/{name}.png",
        splits={"train": "train2017/", "val": "val2017/", "test": 0.15},
    ),
    "several lists": Layout(
        make=several_lists,
        modalities={"rgb": "JPEGImages/{name}.jpg"},
        label="SegmentationClass/{name}.png",
        splits={
            "train": "ImageSets/Segmentation/train.txt",
            "val": "ImageSets/Segmentation/val.txt",
            "test": 0.15,
        },
        images=6,
    ),
    "paths of another machine": Layout(
        make=paths_of_another_machine,
        modalities={"rgb": "RGB/{name}.jpg", "thermal": "Thermal_16bit/{name}.png"},
        label="annotations/{name}.png",
        splits={"train": "train.txt", "val": "val.txt", "test": "test.txt"},
    ),
    "scenes beside images": Layout(
        make=scenes_beside_images,
        modalities={"rgb": "**/{name}.png"},
    ),
    "accents and blanks": Layout(
        make=accents_and_blanks,
        modalities={"rgb": "Bilder rgb/{name}.png", "thermal": "Bilder thermal/{name}.png"},
    ),
    "Pascal VOC": Layout(
        make=voc,
        modalities={"rgb": "JPEGImages/{name}.jpg"},
        label="SegmentationClass/{name}.png",
        splits={"train": "ImageSets/train.txt", "val": "ImageSets/val.txt", "test": 0.15},
    ),
}
