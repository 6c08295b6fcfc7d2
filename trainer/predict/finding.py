"""Matching files into images: the main modality's by their path, the others' by their name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.datasets.base import Source
from trainer.datasets.names import composed, is_litter, text_of
from trainer.datasets.unused import shown
from trainer.errors import DataError

__all__ = ["FileRules", "OwnImage", "find_images", "left_out", "with_files"]

#: Extensions of images in a folder.
SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".npy")

PLAIN = ("", "")  # affixes of files that are named like the image


@dataclass(frozen=True, kw_only=True)
class OwnImage:
    """One image in every modality."""

    #: File name without its extension.
    stem: str
    #: Modality to its file, or to the files that form one image; the main one is first.
    files: Mapping[str, tuple[Path, ...]]


@dataclass(frozen=True, kw_only=True)
class FileRules:
    """How files are matched in the data set on which a model was trained."""

    #: Modality to the start of a file's name and its end before the extension.
    affixes: Mapping[str, tuple[str, str]]
    #: Modalities stored in the main modality's file.
    packed: frozenset[str] = frozenset()

    @staticmethod
    def of(source: Source, modalities: Sequence[str]) -> "FileRules":
        """The rules of a data set.

        Args:
            source: Reads its files.
            modalities: Modalities of the model, the main one first.
        """
        anchor, *others = modalities
        return FileRules(
            affixes=source.own_affixes(),
            packed=frozenset(other for other in others if source.shared_file(anchor, other)),
        )

    def name(self, path: Path, modality: str) -> str | None:
        """The name of a file's image; None if the file's name does not fit the rules."""
        before, after = self.affixes.get(modality, PLAIN)
        stem = _stem(path)
        if len(stem) <= len(before) + len(after):
            return None
        if not (stem.startswith(before) and stem.endswith(after)):
            return None
        return stem[len(before) : len(stem) - len(after)]

    def plain(self, modality: str) -> bool:
        """Whether its files are named like the images."""
        return self.affixes.get(modality, PLAIN) == PLAIN


def with_files(source: Source, modalities: Sequence[str]) -> tuple[str, ...]:
    """The modalities with files of their own: instead of one that is made, those it is made from.

    Args:
        source: The source of the data set.
        modalities: Modalities of the model, the main one first.
    """
    return tuple(
        dict.fromkeys(file for each in modalities for file in (source.made_from(each) or (each,)))
    )


def find_images(
    images: Sequence[Path],
    *,
    modalities: tuple[str, ...],
    folders: Mapping[str, tuple[Path, ...]],
    rules: FileRules | None = None,
) -> tuple[OwnImage, ...]:
    """Match the files of each image, in the order of their names.

    Args:
        images: Files, or folders of files, of the main modality.
        modalities: Modalities of the model, the main one first.
        folders: Every other modality to its folder, or to several if several files form one
            image. A modality stored in the main one's file may be left out.
        rules: How the data set names its files; by default like the images.

    Raises:
        DataError: If there is no image, two images have the same name, a modality is missing or
            not used by the model, or an image lacks a file or has two for one modality.
    """
    rules = rules or FileRules(affixes={})
    anchor, *others = modalities
    _check_modalities(anchor, others, folders, rules)
    stems: dict[str, Path] = {}
    for path in _anchor_files(images, modalities, rules):
        stem = _stem(path)
        if stem in stems:
            raise DataError(
                f"{stems[stem]} and {path} have the same name, {stem!r}, and so would their"
                " predictions: rename one"
            )
        stems[stem] = path
    if not stems:
        raise DataError(_no_image(images))
    matching = {
        other: tuple(_MatchingFiles(folder, other, rules) for folder in folders.get(other, ()))
        for other in others
    }
    return tuple(
        OwnImage(
            stem=path.stem,
            files={anchor: (path,)}
            | {
                other: tuple(each.of(path, rules.name(path, anchor)) for each in matching[other])
                or (path,)
                for other in others
            },
        )
        for _, path in sorted(stems.items())
    )


def left_out(images: Sequence[Path], own: Sequence[OwnImage]) -> tuple[str, ...]:
    """A line for each given folder with files that belong to no image.

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
                + ("; give its subfolders as well if they should be used" if inner else "")
            )
    return tuple(lines)


class _MatchingFiles:
    """The files of one folder that match those of the main modality."""

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
        """The file that matches one of the main modality."""
        candidates = (
            self._by_name.get(name or _stem(path))
            or self._by_stem.get(_stem(path))
            or self._by_stem.get(name or "", [])
        )
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise DataError(
                f"{path} has two matching files of the kind {self._modality!r},"
                f" {candidates[0].name} and {candidates[1].name}, in {self._folder}: keep one"
            )
        raise DataError(
            f"{path} has no matching file of the kind {self._modality!r}: {self._folder} has no"
            f" file {path.stem}{path.suffix}, nor one with another extension"
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
                f"--modality {given} is not used by this checkpoint ({takes}): leave it out"
            )
    for other in others:
        if other not in folders and other not in rules.packed:
            raise DataError(
                f"this checkpoint also needs {other}: add --modality {other}=FOLDER, with"
                " files named like the images"
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
    """Without files of other modalities in the same folder, according to their names."""
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
    """Images in a folder; a broken link is included, so that reading it raises the error."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: give one with images")
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
    advice = f"give {', '.join(map(str, inner[:3]))}" if inner else "give files"
    return (
        f"{', '.join(map(str, images))} has no image: {advice}, or a folder of"
        f" {', '.join(SUFFIXES)}"
    )


def _hidden(path: Path, folder: Path) -> bool:
    return any(is_litter(part) for part in path.relative_to(folder).parts)


def _stem(path: Path) -> str:
    return composed(text_of(path.stem))
