"""File names in their usual spellings.

A photograph is ``a.jpg``, ``a.JPG`` or ``a.jpeg``. A Mac stores accents as a letter and a mark
(NFD), while lists have one character (NFC). This module treats them as the same name.
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

#: Equivalent extensions in lower case, the usual one first.
KINDS = (
    (".jpg", ".jpeg", ".jpe", ".jfif"),
    (".tif", ".tiff"),
    (".png",),
    (".npy",),
    (".bmp",),
    (".webp",),
)
USUAL = {extension: kind[0] for kind in KINDS for extension in kind}

#: Extensions of other pictures and arrays, which cannot be read.
PICTURES = frozenset(
    {*USUAL, ".heic", ".heif", ".avif", ".gif", ".jp2", ".exr", ".hdr", ".pfm", ".pgm", ".ppm"}
    | {".tga", ".dng", ".raw", ".npz", ".mat", ".h5"}
)

#: Files and folders, in lower case, that operating systems add to folders.
LITTER = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir"})


def composed(text: str) -> str:
    """A name in Unicode's composed form (NFC), in which names are compared."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def text_of(name: str) -> str:
    """The characters of a name returned by the operating system.

    A file's name consists of bytes. Under a locale other than UTF-8, Python decodes them to other
    characters than a list in UTF-8 has.
    """
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "surrogateescape")


def native(text: str) -> Path:
    """The path for a text of a configuration or list, in the system's encoding of file names."""
    return Path(text if text.isascii() else os.fsdecode(text.encode("utf-8", "surrogateescape")))


def fold(name: str) -> str:
    """A normal form for all spellings of a file name: composed, with the usual extension."""
    stem, extension = _parts(name)
    return composed(stem) + USUAL.get(extension.lower(), extension)


def same_kind(name: str, other: str) -> bool:
    """Whether the extensions of two files are equivalent."""
    mine, theirs = (_parts(each)[1].lower() for each in (name, other))
    return USUAL.get(mine, mine) == USUAL.get(theirs, theirs)


def name_in(file: str, before: str, after: str) -> str | None:
    """The part of a file name between two texts; None if it lacks either.

    Args:
        file: The file's name.
        before: Start of the name.
        after: End of the name; an extension stands for all equivalent ones.
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
    """Whether a file or folder is hidden, or added by an operating system."""
    return name.startswith(".") or name.lower() in LITTER


def _parts(name: str) -> tuple[str, str]:
    """Stem and extension; a name that is only an extension has no stem."""
    if name.startswith(".") and name.count(".") == 1:
        return "", name
    extension = PurePosixPath(name).suffix
    return name.removesuffix(extension) if extension else name, extension
