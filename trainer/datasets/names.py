"""File names as people have them.

A photograph is ``a.jpg``, ``a.JPG`` or ``a.jpeg``; a Mac stores accents as letter and mark (NFD)
where lists have one character (NFC). Here they are the same name.
"""

import os
import unicodedata
from pathlib import Path, PurePosixPath

__all__ = [
    "PICTURES",
    "composed",
    "fold",
    "is_litter",
    "name_in",
    "native",
    "same_kind",
    "text_of",
]

#: Extensions in small letters that mean the same, the usual one first.
KINDS = (
    (".jpg", ".jpeg", ".jpe", ".jfif"),
    (".tif", ".tiff"),
    (".png",),
    (".npy",),
    (".bmp",),
    (".webp",),
)
USUAL = {extension: kind[0] for kind in KINDS for extension in kind}

#: What else is a picture or a plane of numbers, though nothing here reads it.
PICTURES = frozenset(
    {*USUAL, ".heic", ".heif", ".avif", ".gif", ".jp2", ".exr", ".hdr", ".pfm", ".pgm", ".ppm"}
    | {".tga", ".dng", ".raw", ".npz", ".mat", ".h5"}
)

#: Files and folders, in small letters, that systems put beside everything they show.
LITTER = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir"})


def composed(text: str) -> str:
    """A name in Unicode's composed form (NFC), in which names are compared."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def text_of(name: str) -> str:
    """The characters of a name that the system gave.

    A file's name is bytes. Under a locale other than UTF-8 Python takes them for other
    characters than a list in UTF-8 has.
    """
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "surrogateescape")


def native(text: str) -> Path:
    """The path that a text in a configuration or list means, by the system's own characters."""
    return Path(text if text.isascii() else os.fsdecode(text.encode("utf-8", "surrogateescape")))


def fold(name: str) -> str:
    """What is the same for all spellings of a file's name: composed, with the usual extension."""
    stem, extension = _parts(name)
    return composed(stem) + USUAL.get(extension.lower(), extension)


def same_kind(name: str, other: str) -> bool:
    """Whether two files have extensions that mean the same."""
    mine, theirs = (_parts(each)[1].lower() for each in (name, other))
    return USUAL.get(mine, mine) == USUAL.get(theirs, theirs)


def name_in(file: str, before: str, after: str) -> str | None:
    """An image's name: what a file's name has between two texts; None where it has not both.

    Args:
        file: The file's name.
        before: What it begins with.
        after: What it ends in; a usual extension stands for all that mean the same.
    """
    ending, extension = _parts(after)
    stem = file
    if extension.lower() in USUAL:
        if not same_kind(file, extension):
            return None
        stem = _parts(file)[0]
        after = ending
    for text in (stem, composed(stem)):
        if (
            len(text) > len(before) + len(after)
            and text.startswith((before, composed(before)))
            and text.endswith((after, composed(after)))
        ):
            first = before if text.startswith(before) else composed(before)
            last = after if text.endswith(after) else composed(after)
            return text[len(first) : len(text) - len(last)]
    return None


def is_litter(name: str) -> bool:
    """Whether a file or folder is hidden, or one of those that systems add by themselves."""
    return name.startswith(".") or name.lower() in LITTER


def _parts(name: str) -> tuple[str, str]:
    """Stem and extension; a name that is nothing but an extension has no stem."""
    if name.startswith(".") and name.count(".") == 1:
        return "", name
    extension = PurePosixPath(name).suffix
    return name.removesuffix(extension) if extension else name, extension
