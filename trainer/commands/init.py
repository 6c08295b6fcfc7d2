"""``init``: write a first description of a folder of images, and check it."""

import dataclasses
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from trainer.commands.inspect import findings_text
from trainer.commands.setup import show_progress
from trainer.config.configuration import DataConfig
from trainer.config.described import DESCRIPTION, FOLDER
from trainer.console.shell import Command, search_command, shell_text, trainer_command
from trainer.datasets import DataSet, find_dataset
from trainer.datasets.base import Split
from trainer.drafting import Draft, description_text, draft_description
from trainer.drafting.known_layouts import known_layout
from trainer.errors import ConfigError, DataError
from trainer.inspection import Finding, Inspection, walk_through

__all__ = ["describe_folder"]

LOOKED_AT = 300  # images that are read to check the description
TRIALS = 200

Say = Callable[[str], None]


def describe_folder(folder: Path, *, out: Path | None, printed: bool, say: Say) -> bool:
    """Look at a folder, write its description, and check it by reading images through it.

    Args:
        folder: The images.
        out: File to write; None for the one in the folder.
        printed: Whether to print the description and write no file.
        say: Takes each line about what was found.

    Returns:
        Whether training would begin.

    Raises:
        ConfigError: If the folder or the place of the file is wrong.
        DataError: If there are no images that can be described.
    """
    file = folder / DESCRIPTION if out is None else out
    _check(folder, file, printed=printed)
    with show_progress() as progress:
        draft = draft_description(folder, progress)
    found = _checked(draft, folder)
    inside = not printed and file.parent.resolve() == folder.resolve()
    text = description_text(draft, folder=None if printed or inside else folder.resolve())
    for line in (*_report(draft, found), *_known(folder)):
        say(line)
    if printed:
        sys.stdout.write(text)
        return not found.faults
    _write(file, text)
    say(f"written: {file}")
    root = folder if file == folder / DESCRIPTION else file
    say(f"next: {shell_text(_next(root, found))}")
    return not found.faults


def _check(folder: Path, file: Path, *, printed: bool) -> None:
    """Refuse what cannot end well, before the images are read."""
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder: give the folder that holds the images")
    if printed:
        return
    if file.exists():
        raise ConfigError(
            f"{file} exists already and is not overwritten: edit it, move it away, or give another"
            " file by --out; --print shows a new description"
        )
    if not file.parent.is_dir():
        raise ConfigError(f"--out {file} is in no folder: make {file.parent} first")


def _checked(draft: Draft, folder: Path) -> Inspection:
    """What an inspection says about the described data set, or why it cannot be opened."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / DESCRIPTION
        file.write_text(description_text(draft, folder=folder.resolve()), encoding="utf-8")
        config = DataConfig(name=FOLDER, root=str(file), modalities=tuple(draft.modalities))
        try:
            data_set = find_dataset(config)
        except (ConfigError, DataError) as error:
            return _failed(str(error).replace(str(file), DESCRIPTION))
        with show_progress() as progress:
            return walk_through(_thinned(data_set), progress)


def _thinned(data_set: DataSet) -> DataSet:
    """The data set with so few images that a look at them does not take long."""
    images = sum(len(split) for split in data_set.splits().values())
    step = -(-images // LOOKED_AT)
    counts = ", ".join(f"{len(split)} {name}" for name, split in data_set.splits().items())
    read = f"; one in {step} was read" * (step > 1)
    return dataclasses.replace(
        data_set,
        train=_every(data_set.train, step),
        val=_every(data_set.val, step),
        test=_every(data_set.test, step),
        notes=(f"{counts} images{read}", *data_set.notes),
    )


def _every(split: Split, step: int) -> Split:
    return dataclasses.replace(split, names=split.names[::step])


def _failed(why: str) -> Inspection:
    return Inspection(
        classes=(),
        splits={},
        kinds={},
        shifts={},
        notes=(),
        faults=(Finding(kind="data set", text=why),),
        suspicions=(),
    )


def _report(draft: Draft, found: Inspection) -> list[str]:
    modalities = ", ".join(draft.modalities)
    classes = "no labels"
    if draft.classes is not None:
        classes = f"labels of {len(draft.classes.names)} classes"
    return [
        f"found: {modalities}; {classes}",
        *(f"check: {doubt}" for doubt in draft.doubts),
        *(f"note: {line}" for line in (*draft.left, *found.notes)),
        *findings_text("suspicious", found.suspicions),
        *findings_text("fault", found.faults),
    ]


def _known(folder: Path) -> list[str]:
    """A line if the folder is a data set that has presets, which know more than a look at it."""
    known = known_layout(folder)
    if known is None:
        return []
    name, presets = known
    command = shell_text(search_command("launch", "--preset", presets[0], "--data", folder))
    return [
        f"note: the folder can also be read as the data set {name!r}, which knows its classes and"
        f" encodings: {command} (presets for it: {', '.join(presets)})"
    ]


def _write(file: Path, text: str) -> None:
    began = False
    try:
        with file.open("x", encoding="utf-8") as opened:
            began = True
            opened.write(text)
    except OSError as error:
        if began:  # half a description would be in the way of the next call
            file.unlink(missing_ok=True)
        raise ConfigError(
            f"cannot write {file} ({error.strerror}): give a file in another folder by --out"
        ) from error


def _next(root: Path, found: Inspection) -> Command:
    """The next command: inspect again, or search, without labels if val has none."""
    if found.faults:
        return trainer_command("inspect", root)
    objective = () if found.splits["val"].labelled else ("--objective", "label-free")
    return search_command("launch", "--data", root, *objective, "--trials", TRIALS)
