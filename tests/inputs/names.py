"""Rows: names of files, and additional files in their folders."""

import shutil
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from tests.inputs.copies import Copy, Kind
from tests.inputs.table import Edit, Row, everywhere, refused, said, used

__all__ = ["ROWS"]


def respelled(kind: Kind, extension: str) -> Edit:
    """Every second file of a kind has another spelling of its extension."""

    def edit(copy: Copy) -> Iterable[str]:
        for path in copy.files[kind][::2]:
            path.rename(path.with_suffix(extension or path.suffix.upper()))
        return ()

    return edit


def as_jpg(copy: Copy) -> Iterable[str]:
    """RGB files end in ``.jpg``; the pixels are unchanged, because no reader relies on it."""
    for index, path in enumerate(copy.files["rgb"]):
        copy.files["rgb"][index] = path.rename(path.with_suffix(".jpg"))
    if copy.description:
        text = copy.description.read_text(encoding="utf-8")
        copy.description.write_text(text.replace("{name}.png", "{name}.jpg", 1), encoding="utf-8")
    return ()


def twin(copy: Copy) -> Iterable[str]:
    """A copy of a file with its name in capital letters."""
    path = copy.files["rgb"][0]
    other = path.with_suffix(path.suffix.upper())
    shutil.copy(path, other)
    return path.name, other.name


def nested(copy: Copy) -> Iterable[str]:
    """An additional file in a folder next to the images."""
    path = copy.files["rgb"][0]
    (path.parent / "day2").mkdir()
    shutil.copy(path, path.parent / "day2" / f"x{path.suffix}")
    return ()


def foreign(copy: Copy) -> Iterable[str]:
    """A picture of a kind that cannot be read."""
    (copy.files["rgb"][0].parent / "IMG_0001.HEIC").write_bytes(b"x")
    return ()


def litter(copy: Copy) -> Iterable[str]:
    """Files that operating systems add to folders."""
    folder = copy.files["rgb"][0].parent
    for name in (".DS_Store", f"._{copy.files['rgb'][0].name}", "Thumbs.db", "desktop.ini"):
        (folder / name).write_bytes(b"x")
    return ()


def linked(copy: Copy) -> Iterable[str]:
    """Every file is a link to one elsewhere."""
    store = copy.root.parent / "store"
    store.mkdir()
    for number, path in enumerate({path for paths in copy.files.values() for path in paths}):
        path.rename(store / str(number))
        path.symlink_to(store / str(number))
    return ()


def dangling(copy: Copy) -> Iterable[str]:
    """A file is a broken link."""
    path = copy.files["rgb"][0]
    path.unlink()
    path.symlink_to(copy.root / "nothing")
    return (path.name,)


def empty(kind: Kind) -> Edit:
    """A file of a kind is empty."""

    def edit(copy: Copy) -> Iterable[str]:
        copy.files[kind][0].write_bytes(b"")
        return (copy.files[kind][0].name,)

    return edit


def called(addition: str) -> Edit:
    """An image has a longer name, in every file and list."""

    def edit(copy: Copy) -> Iterable[str]:
        old = _base(copy)
        new = f"{old[:-1]}{addition}{old[-1]}"
        for path in sorted(copy.root.rglob("*"), reverse=True):
            if _is_of(path, old):
                path.rename(path.with_name(path.name.replace(old, new, 1)))
        for path in copy.lists:
            lines = path.read_text(encoding="utf-8").splitlines()
            # an image may be listed by its name or by the paths of its files
            changed = [line.replace(old, new) if _names(line, old) else line for line in lines]
            path.write_text("\n".join(changed) + "\n", encoding="utf-8")
        return (new,)

    return edit


def decomposed(copy: Copy) -> Iterable[str]:
    """RGB files have names as on a Mac; lists and other files do not."""
    for path in copy.files["rgb"][0].parent.iterdir():
        path.rename(path.with_name(unicodedata.normalize("NFD", path.name)))
    return ()


def _base(copy: Copy) -> str:
    """The name of the first image, as in its file."""
    return copy.files["rgb"][0].name.split(".")[0].removesuffix("_leftImg8bit")


def _is_of(path: Path, name: str) -> bool:
    stem = path.name.split(".")[0]
    return stem == name or (stem.startswith(f"{name}_") and "_flip" not in stem)


def _names(line: str, name: str) -> bool:
    first = line.split()[0] if line.split() else ""
    return first.split("/")[-1].split(".")[0].removesuffix("_flip") == name


ROWS = (
    Row(given="RGB in `.PNG`, `.JPG`", edit=respelled("rgb", ""), cells=everywhere(used())),
    Row(
        given="RGB in `.jpeg` among `.jpg`",
        prepare=as_jpg,
        edit=respelled("rgb", ".jpeg"),
        cells=everywhere(used(), "cityscapes", "mcubes", "mfnet"),
    ),
    Row(
        given="another modality in `.PNG`, `.NPY`",
        edit=respelled("second", ""),
        cells=everywhere(used(), "cocostuff27", "mfnet"),
    ),
    Row(
        given="labels in `.PNG`", edit=respelled("label", ""), cells=everywhere(used(), "predict")
    ),
    Row(
        given="`a.png` beside `a.PNG`",
        edit=twin,
        cells=everywhere(
            refused("have the same name apart from the case or form.*keep one of them"),
            nyu=refused("are two files for one frame: keep one of them"),
            predict=refused("have the same name.*rename one"),
        ),
    ),
    Row(
        given="other images in the folder",
        edit=nested,
        cells=everywhere(said(r"day2/x\.\w+")),
    ),
    Row(
        given="`.HEIC` files in the folder",
        edit=foreign,
        cells=everywhere(said(r"IMG_0001\.HEIC")),
    ),
    Row(
        given="`.DS_Store`, `._a.png`, `Thumbs.db`, `desktop.ini`",
        edit=litter,
        cells=everywhere(used()),
    ),
    Row(
        given="decomposed accents (NFD, as on a Mac), lists in NFC",
        prepare=called("é"),
        edit=decomposed,
        cells=everywhere(used()),
    ),
    Row(
        given="a space in a name",
        edit=called(" "),
        same=False,  # it is another name
        cells=everywhere(used()),
    ),
    Row(given="symbolic links", edit=linked, cells=everywhere(used())),
    Row(
        given="a symbolic link to nothing",
        edit=dangling,
        cells=everywhere(
            refused("is a broken link: fix the link"),
        ),
    ),
    Row(
        given="an empty file",
        edit=empty("rgb"),
        cells=everywhere(refused("cannot decode the image.*; fetch it again or remove it")),
    ),
    Row(
        given="an empty label",
        edit=empty("label"),
        cells=everywhere(
            refused("cannot decode the image.*; fetch it again or remove it"), "predict"
        ),
    ),
)
