"""Which files make one image: the anchor's by their place, those of other modalities by stem."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.errors import DataError

__all__ = ["OwnImage", "find_images"]

#: What is taken for an image in a folder.
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".npy")


@dataclass(frozen=True, kw_only=True)
class OwnImage:
    """One image in every modality."""

    #: File name without its suffix.
    stem: str
    #: Modality to its file, or to the files that make one image together; the anchor first.
    files: Mapping[str, tuple[Path, ...]]


def find_images(
    images: Sequence[Path],
    *,
    modalities: tuple[str, ...],
    folders: Mapping[str, tuple[Path, ...]],
) -> tuple[OwnImage, ...]:
    """Bring the files of each image together, in the order of their names.

    Args:
        images: Files, or folders of files, of the anchor modality.
        modalities: What a model takes, the anchor first.
        folders: Every other modality to its folder, or to several where several files make
            one image.

    Raises:
        DataError: If there is no image, two have one name, a modality is not given or not
            taken, or a partner is missing or not the only one of its stem.
    """
    anchor, *others = modalities
    _check_modalities(anchor, others, folders)
    stems: dict[str, Path] = {}
    for path in _files(images):
        if path.stem in stems:
            raise DataError(
                f"{stems[path.stem]} and {path} have one name, {path.stem!r}, and so would their"
                " predictions: rename one"
            )
        stems[path.stem] = path
    if not stems:
        raise DataError(
            f"{', '.join(map(str, images))} holds no image: give files, or a folder of"
            f" {', '.join(SUFFIXES)}"
        )
    listed = {folder: _by_stem(folder) for given in folders.values() for folder in given}
    return tuple(
        OwnImage(
            stem=stem,
            files={anchor: (path,)}
            | {
                other: tuple(
                    _partner(listed[folder].get(stem, []), path, folder, other)
                    for folder in folders[other]
                )
                for other in others
            },
        )
        for stem, path in sorted(stems.items())
    )


def _check_modalities(
    anchor: str, others: Sequence[str], folders: Mapping[str, tuple[Path, ...]]
) -> None:
    for given in folders:
        if given not in others:
            takes = ", ".join([f"{anchor} (IMAGES)", *others])
            raise DataError(
                f"--modality {given} is not what this checkpoint takes ({takes}): leave it out"
            )
    for other in others:
        if other not in folders:
            raise DataError(
                f"this checkpoint takes {other} as well: add --modality {other}=FOLDER, with"
                " files named as the images are"
            )


def _files(images: Sequence[Path]) -> list[Path]:
    found = []
    for given in images:
        if given.is_dir():
            found += [path for paths in _by_stem(given).values() for path in paths]
        elif given.is_file():
            found.append(given)
        else:
            raise DataError(f"{given} does not exist: give an image or a folder of images")
    return found


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: give one that holds images")
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith("."):
            found.setdefault(path.stem, []).append(path)
    return found


def _partner(candidates: list[Path], path: Path, folder: Path, modality: str) -> Path:
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise DataError(
            f"{path} has two partners of the kind {modality!r}, {candidates[0].name} and"
            f" {candidates[1].name}, in {folder}: keep one"
        )
    raise DataError(
        f"{path} has no partner of the kind {modality!r}: {folder} holds no file"
        f" {path.stem}{path.suffix} or of another suffix"
    )
