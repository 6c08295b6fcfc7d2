"""``external``: images that another program fused, in files under the data set's folder."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from trainer.datasets.base import DataSet, Split
from trainer.datasets.file_tree import FileTree
from trainer.datasets.files import FileSource
from trainer.datasets.folder.modality_files import ModalityFiles, check_modality
from trainer.datasets.folder.patterns import FilePattern
from trainer.datasets.folder.reading import ModalityReader
from trainer.datasets.image_fusion.entry import FUSED, INPUTS, ImageFusion
from trainer.datasets.unused import find_unused

__all__ = ["EXTERNAL", "ExternalOptions"]

WHERE = "data.fused_options"


@dataclass(frozen=True, kw_only=True)
class ExternalOptions(ModalityFiles):
    """The table ``[data.fused_options]``: the keys of a modality of ``data.name = "folder"``."""

    #: Path of an image's file under the data set's folder, with ``{name}`` for its name.
    files: str = "fused/{name}.png"

    def __post_init__(self) -> None:
        check_modality(WHERE, self)


def add_files(data_set: DataSet, source: FileSource, options: ExternalOptions) -> DataSet:
    """Find the file of every image; the mirror image of an image may be without one.

    Raises:
        DataError: If two files match a name.
    """
    assert data_set.root is not None, "files are under a root"
    tree, pattern = FileTree(data_set.root), FilePattern(options.files)
    names = dict.fromkeys(name for split in data_set.splits().values() for name in split.names)
    wanted = {name: data_set.root / pattern.path(_stored_name(source, name)) for name in names}
    found = {name: tree.find(path) for name, path in wanted.items()}
    there = {name: path for name, path in found.items() if path is not None and path.is_file()}
    unused = find_unused(
        tree,
        set(there.values()),
        folders={path.parent: path.name for path in wanted.values()},
    )
    reader = ModalityReader(name=FUSED, files=options)
    holes = {FUSED: reader.holes} if reader.has_holes else {}

    def complete(split: Split) -> Split:
        return dataclasses.replace(split, names=tuple(n for n in split.names if n in there))

    return dataclasses.replace(
        data_set,
        train=complete(data_set.train),
        val=complete(data_set.val),
        test=complete(data_set.test),
        source=dataclasses.replace(
            source,
            images={**source.images, FUSED: there},
            read_image={**source.read_image, FUSED: reader.image},
            read_stored={**source.read_stored, FUSED: reader.stored},
            read_holes={**source.read_holes, **holes},
            resampled=source.resampled | ({FUSED} if options.other_size == "nearest" else set()),
            affixes={**source.affixes, FUSED: pattern.affixes()},
        ),
        notes=(*data_set.notes, *unused.unlisted),
        unused=(*data_set.unused, *unused.unmatched),
        faults=(
            *data_set.faults,
            *(
                f"{name!r} has no fused image {path}: add it, or correct {WHERE}.files"
                for name, path in wanted.items()
                if name not in there
            ),
        ),
    )


def _stored_name(source: FileSource, name: str) -> str:
    """The name of the image of which this one is the mirror image; else its own."""
    if name not in source.mirrored:
        return name
    (path, *_) = source.image_files(name, INPUTS[0])
    return Path(path).stem


EXTERNAL = ImageFusion(options=ExternalOptions, add=add_files)
