"""COCO-Stuff-27: photographs, the 27 coarse classes of COCO-Stuff, RGB (``docs/data.md``).

STEGO's layout under the root::

    curated/train2017/Coco164kFull_Stuff_Coarse.txt    names of train, one per line
    curated/val2017/Coco164kFull_Stuff_Coarse_7.txt    names of test (the official val images)
    images/{train2017,val2017}/NAME.jpg
    annotations/{train2017,val2017}/NAME.png           0 to 181, 255 void; without the folder: no
                                                       labels
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trainer.config.configuration import DataConfig
from trainer.config.toml_records import build_record
from trainer.datasets.base import DataSet, check_modalities
from trainer.datasets.decoding import label_table, read_label, read_rgb
from trainer.datasets.file_tree import FileTree
from trainer.datasets.files import FileSource
from trainer.datasets.gathering import gather
from trainer.datasets.lists import (
    HeldOutOptions,
    SplitNames,
    carve_missing,
    chosen_on_test,
    read_list,
)
from trainer.datasets.roots import find_root

__all__ = ["COARSE", "CocoStuff27Options", "open_cocostuff27"]

MODALITIES = ("rgb",)
VERSION = 1  # of the processing of images and labels

TRAIN, TEST = "train2017", "val2017"
LISTS = {
    TRAIN: "curated/train2017/Coco164kFull_Stuff_Coarse.txt",
    TEST: "curated/val2017/Coco164kFull_Stuff_Coarse_7.txt",
}

CLASSES = (
    ("electronic", (31, 119, 180)),
    ("appliance", (174, 199, 232)),
    ("food", (255, 127, 14)),
    ("furniture", (255, 187, 120)),
    ("indoor", (44, 160, 44)),
    ("kitchen", (152, 223, 138)),
    ("accessory", (214, 39, 40)),
    ("animal", (255, 152, 150)),
    ("outdoor", (148, 103, 189)),
    ("person", (220, 20, 60)),
    ("sports", (197, 176, 213)),
    ("vehicle", (0, 0, 142)),
    ("ceiling", (196, 156, 148)),
    ("floor", (140, 86, 75)),
    ("food-stuff", (247, 182, 210)),
    ("furniture-stuff", (227, 119, 194)),
    ("rawmaterial", (127, 127, 127)),
    ("textile", (188, 189, 34)),
    ("wall", (199, 199, 199)),
    ("window", (219, 219, 141)),
    ("building", (70, 70, 70)),
    ("ground", (128, 64, 128)),
    ("plant", (107, 142, 35)),
    ("sky", (70, 130, 180)),
    ("solid", (152, 251, 152)),
    ("structural", (190, 153, 153)),
    ("water", (23, 190, 207)),
)

#: Coarse class to its stored labels, as ranges from the first to the last label.
COARSE: dict[str, tuple[tuple[int, int], ...]] = {
    "electronic": ((71, 76),),
    "appliance": ((77, 82),),
    "food": ((51, 60),),
    "furniture": ((61, 70),),
    "indoor": ((83, 90),),
    "kitchen": ((43, 50),),
    "accessory": ((25, 32),),
    "animal": ((15, 24),),
    "outdoor": ((9, 14),),
    "person": ((0, 0),),
    "sports": ((33, 42),),
    "vehicle": ((1, 8),),
    "ceiling": ((101, 102),),
    "floor": ((100, 100), (113, 117)),
    "food-stuff": ((120, 121), (152, 152), (169, 169)),
    "furniture-stuff": (
        *((97, 97), (106, 107), (109, 109), (111, 111), (122, 122)),
        *((129, 129), (132, 132), (155, 155), (160, 160), (164, 164)),
    ),
    "rawmaterial": ((99, 99), (131, 131), (138, 138), (142, 142)),
    "textile": (
        *((91, 92), (103, 104), (108, 108), (130, 130), (136, 136)),
        *((140, 140), (151, 151), (166, 167)),
    ),
    "wall": ((170, 176),),
    "window": ((179, 180),),
    "building": ((94, 95), (127, 127), (150, 150), (157, 157), (165, 165)),
    "ground": (
        *((110, 110), (124, 125), (135, 135), (139, 139), (143, 144)),
        *((146, 146), (148, 148), (153, 153), (158, 158)),
    ),
    "plant": (
        *((93, 93), (96, 96), (118, 118), (123, 123), (128, 128)),
        *((133, 133), (141, 141), (162, 162), (168, 168)),
    ),
    "sky": ((105, 105), (156, 156)),
    "solid": ((126, 126), (134, 134), (149, 149), (159, 159), (161, 161), (181, 181)),
    "structural": ((98, 98), (112, 112), (137, 137), (145, 145), (163, 163)),
    "water": ((119, 119), (147, 147), (154, 154), (177, 178)),
}
LABELS = label_table(
    {
        255: 255,
        **{
            fine: coarse
            for coarse, (name, _) in enumerate(CLASSES)
            for first, last in COARSE[name]
            for fine in range(first, last + 1)
        },
    }
)


@dataclass(frozen=True, kw_only=True)
class CocoStuff27Options(HeldOutOptions):
    """The table ``[data.options]``."""

    #: With the default, val is as large as test.
    held_out_share: float = 0.044


def open_cocostuff27(config: DataConfig) -> DataSet:
    """Find the listed images and split them.

    Raises:
        ConfigError: On an unknown option or modality.
        DataError: If the root or a list is missing or damaged.
    """
    options = build_record(CocoStuff27Options, config.options, "data.options")
    check_modalities(config.modalities, offered=MODALITIES, data_set=config.name)
    root = find_root(config, holds="curated/ and images/")
    names = _split(root, options, config.seed)
    found = gather(
        names,
        tree=FileTree(root),
        images={"rgb": lambda name: (root / "images" / f"{name}.jpg",)},
        label=lambda name: root / "annotations" / f"{name}.png",
    )
    return found.data_set(
        config,
        classes=CLASSES,
        source=FileSource(
            images=found.images,
            labels=found.labels,
            read_image={"rgb": partial(read_rgb, convert=True)},  # some photographs are grey
            read_label=partial(read_label, table=LABELS),
        ),
        root=root,
        identity={"data set": "cocostuff27", "version": VERSION},
        notes=names.notes,
    )


def _split(root: Path, options: CocoStuff27Options, seed: int) -> SplitNames:
    """Names including the folder of their files, such as ``train2017/000000000009``."""
    paths = {"train": root / LISTS[TRAIN], "test": root / LISTS[TEST]}
    listed = {
        split: tuple(f"{path.parent.name}/{name}" for name in read_list(path))
        for split, path in paths.items()
    }
    where = {split: str(path) for split, path in paths.items()}
    if options.val == "test":
        where["val"] = where["test"]
        return SplitNames(
            **listed, val=listed["test"], where=where, notes=(chosen_on_test(paths["test"]),)
        )
    return carve_missing(
        listed,
        where=where,
        shares={"val": options.held_out_share},
        purpose=("cocostuff27", seed),
    )
