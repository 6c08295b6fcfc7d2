"""NYU-Depth-v2: indoor scenes, 13 or 4 classes, RGB and depth (``docs/data.md``).

Two layouts under the root, and mixtures of them::

    authors' archive of UniM2          common copy
    RGB/0001.jpg    rows for columns   RGB/0.jpg
    HHA/0001.png                       HHA/0.jpg
                                       Depth/0.npy     metres
    Labels/0001.png                    Label/0.png     0 void, 1 to 40
    train.txt, val.txt                 train.txt, test.txt

``folders`` lists the names of folders and files, ``splits`` explains the lists.
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
from trainer.datasets.nyu.folders import find_files, require_files
from trainer.datasets.nyu.orientation import find_transposed
from trainer.datasets.nyu.splits import find_splits
from trainer.datasets.roots import find_root

__all__ = ["NYUOptions", "open_nyu"]

MODALITIES = ("rgb", "depth")
VERSION = 1  # of the processing of images and labels


@dataclass(frozen=True, kw_only=True)
class NYUOptions(HeldOutOptions):
    """The table ``[data.options]``."""

    #: 13 classes, or the 4 coarse ones, three of which have ground truth.
    classes: Literal[13, 4] = 13
    #: With 4 classes: whether to keep the fourth class, which has no pixels, as the published
    #: code does. It has a cluster, and scores 0 wherever that is predicted. Otherwise there are
    #: three classes and three clusters.
    empty_class: bool = False
    #: Encoding of the modality ``depth``: HHA, read from files if they exist, else computed from
    #: metric depth; or inverse depth, computed.
    depth_encoding: Literal["hha", "inverse"] = "hha"
    #: Camera of the metric depth from which HHA is computed; None for NYU's own.
    intrinsics: Intrinsics | None = None
    #: Whether rows and columns of RGB files are exchanged; None to compare sizes.
    rgb_transposed: bool | None = None


def open_nyu(config: DataConfig) -> DataSet:
    """Find the listed frames and split them.

    Raises:
        ConfigError: On an unknown option or modality, or if sizes do not show whether rows and
            columns of RGB are exchanged.
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
        modality: depth.stock if depth and modality == "depth" else require_files(root, "RGB")
        for modality in config.modalities
    }
    labels = find_files(root, "Label")
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
    """Compare the first frame with its label, or with its HHA or depth even if not requested."""
    frames = found.images.get("rgb", {})
    if not frames:
        return False, ()
    name, (rgb,) = next(iter(frames.items()))
    references = [found.labels.get(name)]
    for stock in (find_files(root, "HHA"), find_files(root, "Depth")):
        references.append(stock.files.get(name) if stock else None)
    return find_transposed(rgb, next(filter(None, references), None), asked=asked)


def _class_notes(options: NYUOptions) -> tuple[str, ...]:
    if options.classes == 13:
        return ()
    if options.empty_class:
        return ("4 classes: no pixel belongs to 'void', which scores 0 wherever it is predicted",)
    return ("4 classes: three of them have ground truth; those three are predicted and scored",)
