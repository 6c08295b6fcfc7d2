"""Which files make one image: the anchor's by their place, those of other modalities by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.datasets.base import Source
from trainer.datasets.names import composed, is_litter, text_of
from trainer.datasets.unused import shown
from trainer.errors import DataError

__all__ = ["FileRules", "OwnImage", "find_images", "left_out"]

#: What is taken for an image in a folder.
SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".npy")

PLAIN = ("", "")  # affixes of files that are called as the image is


@dataclass(frozen=True, kw_only=True)
class OwnImage:
    """One image in every modality."""

    #: File name without its suffix.
    stem: str
    #: Modality to its file, or to the files that make one image together; the anchor first.
    files: Mapping[str, tuple[Path, ...]]


@dataclass(frozen=True, kw_only=True)
class FileRules:
    """How files belong together in the data set that a model was trained on."""

    #: Modality to what a file's name begins with and, before the extension, ends in.
    affixes: Mapping[str, tuple[str, str]]
    #: Modalities that lie in the anchor's own file.
    packed: frozenset[str] = frozenset()

    @staticmethod
    def of(source: Source, modalities: Sequence[str]) -> "FileRules":
        """Those of a data set.

        Args:
            source: Reads its files.
            modalities: What the model takes, the anchor first.
        """
        anchor, *others = modalities
        return FileRules(
            affixes=source.own_affixes(),
            packed=frozenset(other for other in others if source.shared_file(anchor, other)),
        )

    def name(self, path: Path, modality: str) -> str | None:
        """What the image of a file is called; None if the file is not called as they are."""
        before, after = self.affixes.get(modality, PLAIN)
        stem = _stem(path)
        if len(stem) <= len(before) + len(after):
            return None
        if not (stem.startswith(before) and stem.endswith(after)):
            return None
        return stem[len(before) : len(stem) - len(after)]

    def plain(self, modality: str) -> bool:
        """Whether its files are called as the images are."""
        return self.affixes.get(modality, PLAIN) == PLAIN


def find_images(
    images: Sequence[Path],
    *,
    modalities: tuple[str, ...],
    folders: Mapping[str, tuple[Path, ...]],
    rules: FileRules | None = None,
) -> tuple[OwnImage, ...]:
    """Bring the files of each image together, in the order of their names.

    Args:
        images: Files, or folders of files, of the anchor modality.
        modalities: What a model takes, the anchor first.
        folders: Every other modality to its folder, or to several where several files make
            one image. One that lies in the anchor's file may be left out.
        rules: How the data set calls its files; by default each as its image.

    Raises:
        DataError: If there is no image, two have one name, a modality is not given or not
            taken, or a partner is missing or not the only one of its name.
    """
    rules = rules or FileRules(affixes={})
    anchor, *others = modalities
    _check_modalities(anchor, others, folders, rules)
    stems: dict[str, Path] = {}
    for path in _anchor_files(images, modalities, rules):
        stem = _stem(path)
        if stem in stems:
            raise DataError(
                f"{stems[stem]} and {path} have one name, {stem!r}, and so would their"
                " predictions: rename one"
            )
        stems[stem] = path
    if not stems:
        raise DataError(_no_image(images))
    partners = {
        other: tuple(_Partners(folder, other, rules) for folder in folders.get(other, ()))
        for other in others
    }
    return tuple(
        OwnImage(
            stem=path.stem,
            files={anchor: (path,)}
            | {
                other: tuple(each.of(path, rules.name(path, anchor)) for each in partners[other])
                or (path,)
                for other in others
            },
        )
        for _, path in sorted(stems.items())
    )


def left_out(images: Sequence[Path], own: Sequence[OwnImage]) -> tuple[str, ...]:
    """A line for each given folder that has files which are in no image.

    Args:
        images: Files and folders as they were given.
        own: The images found.
    """
    used = {path for each in own for paths in each.files.values() for path in paths}
    lines = []
    for folder in images:
        if not folder.is_dir():
            continue
        extra = [
            path
            for path in sorted(folder.rglob("*"))
            if path not in used and not path.is_dir() and not _hidden(path, folder)
        ]
        if extra:
            count = "1 file is" if len(extra) == 1 else f"{len(extra)} files are"
            inner = any(path.parent != folder for path in extra)
            lines.append(
                f"{count} in {folder} not predicted: {shown(extra, folder)}"
                + ("; give the folders in it as well if they are meant" if inner else "")
            )
    return tuple(lines)


class _Partners:
    """The files of one folder that belong to the anchor's."""

    def __init__(self, folder: Path, modality: str, rules: FileRules) -> None:
        self._folder, self._modality = folder, modality
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        for path in _files_in(folder):
            self._by_stem.setdefault(_stem(path), []).append(path)
            name = None if rules.plain(modality) else rules.name(path, modality)
            if name is not None:
                self._by_name.setdefault(name, []).append(path)

    def of(self, path: Path, name: str | None) -> Path:
        """The partner of an anchor's file."""
        candidates = (
            self._by_name.get(name or _stem(path))
            or self._by_stem.get(_stem(path))
            or self._by_stem.get(name or "", [])
        )
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise DataError(
                f"{path} has two partners of the kind {self._modality!r}, {candidates[0].name} and"
                f" {candidates[1].name}, in {self._folder}: keep one"
            )
        raise DataError(
            f"{path} has no partner of the kind {self._modality!r}: {self._folder} holds no file"
            f" {path.stem}{path.suffix} or of another suffix"
        )


def _check_modalities(
    anchor: str,
    others: Sequence[str],
    folders: Mapping[str, tuple[Path, ...]],
    rules: FileRules,
) -> None:
    for given in folders:
        if given not in others:
            takes = ", ".join([f"{anchor} (IMAGES)", *others])
            raise DataError(
                f"--modality {given} is not what this checkpoint takes ({takes}): leave it out"
            )
    for other in others:
        if other not in folders and other not in rules.packed:
            raise DataError(
                f"this checkpoint takes {other} as well: add --modality {other}=FOLDER, with"
                " files named as the images are"
            )


def _anchor_files(
    images: Sequence[Path], modalities: tuple[str, ...], rules: FileRules
) -> list[Path]:
    found = []
    for given in images:
        if given.is_dir():
            found += _of_anchor(_files_in(given), modalities, rules)
        elif given.is_file():
            found.append(given)
        else:
            raise DataError(f"{given} does not exist: give an image or a folder of images")
    return found


def _of_anchor(files: list[Path], modalities: tuple[str, ...], rules: FileRules) -> list[Path]:
    """Without those that other modalities have in the same folder, as their names say."""
    anchor, *others = modalities
    named = [path for path in files if rules.name(path, anchor) is not None]
    if not rules.plain(anchor):
        return named or files
    stems = {_stem(path) for path in files}
    marked = [other for other in others if not rules.plain(other)]
    return [
        path for path in files if not any(rules.name(path, other) in stems for other in marked)
    ]


def _files_in(folder: Path) -> list[Path]:
    """Images in a folder; a link to nothing counts, so that reading it tells."""
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: give one that holds images")
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and not path.is_dir() and not is_litter(path.name)
    ]


def _no_image(images: Sequence[Path]) -> str:
    inner = sorted(
        {
            path.parent
            for given in images
            for path in given.rglob("*")
            if path.suffix.lower() in SUFFIXES and not _hidden(path, given)
        }
    )
    mend = f"give {', '.join(map(str, inner[:3]))}" if inner else "give files"
    return (
        f"{', '.join(map(str, images))} holds no image: {mend}, or a folder of"
        f" {', '.join(SUFFIXES)}"
    )


def _hidden(path: Path, folder: Path) -> bool:
    return any(is_litter(part) for part in path.relative_to(folder).parts)


def _stem(path: Path) -> str:
    return composed(text_of(path.stem))
