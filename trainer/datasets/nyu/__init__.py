"""NYU-Depth-v2: indoor scenes, 13 or 4 classes, RGB and depth (``docs/data.md``).

Two layouts under the root, and mixtures of them::

    authors' archive of UniM2          common copy
    RGB/0001.jpg    rows for columns   RGB/0.jpg
    HHA/0001.png                       HHA/0.jpg
                                       Depth/0.npy     metres
    Labels/0001.png                    Label/0.png     0 void, 1 to 40
    train.txt, val.txt                 train.txt, test.txt

``folders`` has the names that folders and files go by, ``splits`` what the lists mean.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from trainer.config.configuration import DataConfig
from trainer.config.toml_records import build_record
from trainer.datasets.base import DataSet, check_modalities
from trainer.datasets.decoding import read_label, read_rgb
from trainer.datasets.depth_encoding import Intrinsics
from trainer.datasets.file_tree import FileTree
from trainer.datasets.files import FileSource
from trainer.datasets.gathering import Gathered, gather
from trainer.datasets.lists import HeldOutOptions
from trainer.datasets.nyu.classes import classes_of, label_table_of
from trainer.datasets.nyu.depth import find_depth
from trainer.datasets.nyu.folders import find_stock, require_stock
from trainer.datasets.nyu.orientation import find_transposed
from trainer.datasets.nyu.splits import find_splits
from trainer.datasets.roots import find_root

__all__ = ["NYUOptions", "open_nyu"]

MODALITIES = ("rgb", "depth")
VERSION = 1  # of what images and labels become


@dataclass(frozen=True, kw_only=True)
class NYUOptions(HeldOutOptions):
    """The table ``[data.options]``."""

    #: 13 classes, or the 4 coarse ones, of which three have ground truth.
    classes: Literal[13, 4] = 13
    #: With 4 classes: whether the fourth, which no pixel belongs to, is one, as in the released
    #: code. It has a cluster, and wherever that is predicted the class scores 0. Without, there
    #: are three classes and three clusters.
    empty_class: bool = False
    #: What the modality ``depth`` is: HHA, read from its files where they are there, else
    #: computed from metric depth; or inverse depth, computed.
    depth_encoding: Literal["hha", "inverse"] = "hha"
    #: Camera of the metric depth that HHA is computed from; None for NYU's own.
    intrinsics: Intrinsics | None = None
    #: Whether RGB files have rows for columns; None to find out by comparing sizes.
    rgb_transposed: bool | None = None


def open_nyu(config: DataConfig) -> DataSet:
    """Find the listed frames and split them.

    Raises:
        ConfigError: On an unknown option or modality, or if sizes do not tell whether RGB has
            rows for columns.
        DataError: If folders or lists are missing or damaged.
    """
    options = build_record(NYUOptions, config.options, "data.options")
    check_modalities(config.modalities, offered=MODALITIES, data_set=config.name)
    root = find_root(config, holds="RGB/ and train.txt")
    names = find_splits(root, val=options.val, share=options.held_out_share, seed=config.seed)
    depth = None
    if "depth" in config.modalities:
        depth = find_depth(root, options.depth_encoding, options.intrinsics)
    stocks = {
        modality: depth.stock if depth and modality == "depth" else require_stock(root, "RGB")
        for modality in config.modalities
    }
    labels = find_stock(root, "Label")
    found = gather(
        names,
        tree=FileTree(root),
        images={modality: stock.paths for modality, stock in stocks.items()},
        label=labels.path if labels else lambda name: root / "Label" / f"{name}.png",
    )
    transposed, said = _find_transposed(root, found, asked=options.rgb_transposed)
    classes = classes_of(options.classes, empty_class=options.empty_class)
    return found.data_set(
        config,
        classes=classes,
        source=FileSource(
            images=found.images,
            labels=found.labels,
            read_image={"rgb": read_rgb} | ({"depth": depth.read} if depth else {}),
            read_label=partial(read_label, table=label_table_of(options.classes)),
            read_holes={"depth": depth.holes} if depth and depth.holes else {},
            transposed=frozenset({"rgb"} if transposed else ()),
            computed=frozenset({"depth"} if depth and depth.computed else ()),
        ),
        root=root,
        identity={
            "data set": "nyu",
            "version": VERSION,
            "classes": [name for name, _ in classes],
            "transposed": transposed,
            **(depth.identity if depth else {}),
        },
        notes=(
            *names.notes,
            *said,
            *((depth.note,) if depth else ()),
            *_class_notes(options),
        ),
    )


def _find_transposed(
    root: Path, found: Gathered, *, asked: bool | None
) -> tuple[bool, tuple[str, ...]]:
    """Of the first frame, by its label, or by its HHA or depth even if they are not asked for."""
    frames = found.images.get("rgb", {})
    if not frames:
        return False, ()
    name, (rgb,) = next(iter(frames.items()))
    references = [found.labels.get(name)]
    for stock in (find_stock(root, "HHA"), find_stock(root, "Depth")):
        references.append(stock.files.get(name) if stock else None)
    return find_transposed(rgb, next(filter(None, references), None), asked=asked)


def _class_notes(options: NYUOptions) -> tuple[str, ...]:
    if options.classes == 13:
        return ()
    if options.empty_class:
        return ("4 classes: no pixel belongs to 'void', which scores 0 wherever it is predicted",)
    return ("4 classes: three of them have ground truth; those three are predicted and scored",)
