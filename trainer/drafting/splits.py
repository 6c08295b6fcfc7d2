"""A first table ``[splits]``: from folders called train and test, lists of names, or shares."""

import re
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

from trainer.datasets.file_tree import FileTree
from trainer.datasets.folder.lists import listed_name
from trainer.datasets.folder.patterns import FilePattern
from trainer.datasets.lists import read_list
from trainer.datasets.names import composed, native
from trainer.drafting.modalities import Table
from trainer.drafting.words import SPLITS
from trainer.errors import DataError

__all__ = ["draft_splits"]

SHARE = 0.15
LONGEST = 60  # characters of a line that are shown
LISTS = (".txt", ".lst", ".csv")
TABLES = (".json", ".yaml", ".yml", ".tsv")
SCENES = 4  # fewest that are kept together: each split takes one at least
YEAR = "0123456789_-"  # behind a split's name, as in train2017
NUMBERED = r"^(.+?)[_-]?[0-9]+$"


def draft_splits(
    tree: FileTree,
    names: Collection[str],
    labelled: Collection[str],
    patterns: Mapping[str, str],
    others: Collection[str],
) -> Table:
    """Find out how the images are split.

    Args:
        tree: The files under the folder.
        names: The images.
        labelled: Those with a label.
        patterns: Where the files of each modality are.
        others: Files that are no pictures, among which lists may be.
    """
    table = Table()
    found = _by_folder(names)
    if not found:
        lists = _lists(table, tree, names, patterns, others)
        found = _by_list(table, lists, set(labelled))
    members = {split: held for split, (_, held) in found.items()}
    _use_labelled(table, members, labelled)
    for split in ("train", "val", "test"):
        if split in members:
            table.settings[split] = found[split][0]
        elif split != "train":
            table.settings[split] = SHARE
    carved = [split for split in ("val", "test") if split not in members]
    if carved:
        rest = members.get("train", set(names) - set().union(*members.values()))
        _say_carved(table, carved, rest)
    return table


def _use_labelled(table: Table, members: dict[str, set[str]], labelled: Collection[str]) -> None:
    """Leave out a test split without labels, such as that of a benchmark."""
    if labelled and "test" in members and not members["test"] & set(labelled):
        table.doubts.append(
            f"splits: the {len(members['test'])} images of test have no labels and are not used"
        )
        del members["test"]
        # without a list of train, what no list has is train
        members.setdefault("train", set(labelled) - members.get("val", set()))


def _by_folder(names: Collection[str]) -> dict[str, tuple[str, set[str]]]:
    """Split to the folder that its names begin with, and the names."""
    found: dict[str, tuple[str, set[str]]] = {}
    for name in names:
        first, slash, _ = name.partition("/")
        for split, words in SPLITS.items():
            if slash and first.lower().rstrip(YEAR) in words:
                found.setdefault(split, (f"{first}/", set()))[1].add(name)
    folders = {folder for folder, _ in found.values()}
    if "train" not in found or len(folders) < 2:
        return {}
    return found


def _by_list(
    table: Table, lists: Mapping[str, Mapping[str, set[str]]], labelled: Collection[str]
) -> dict[str, tuple[str, set[str]]]:
    """Split to its list and the names: the list that labels fit, and that is called like it."""
    known = {composed(name) for name in labelled}
    found: dict[str, tuple[str, set[str]]] = {}
    for split, held in lists.items():
        best, *rest = sorted(
            held,
            key=lambda file: (
                bool(known) and not held[file] <= known,
                PurePosixPath(file).stem.lower() not in SPLITS[split],
                file.count("/"),
                file,
            ),
        )
        found[split] = best, held[best]
        different = [file for file in rest if held[file] != held[best]]
        if different:
            table.doubts.append(
                f"splits: {', '.join(different)} may be a list of {split} as well; {best} is used"
            )
    return found


def _lists(
    table: Table,
    tree: FileTree,
    names: Collection[str],
    patterns: Mapping[str, str],
    others: Collection[str],
) -> dict[str, dict[str, set[str]]]:
    """Split to its lists with their names; says which files were no such list."""
    known = {composed(name) for name in names}
    every = tuple(FilePattern(text) for text in patterns.values())
    found: dict[str, dict[str, set[str]]] = {}
    refused: dict[str, str] = {}
    table.doubts.extend(
        f"splits: {file} is not used: write a list of names for each split, such as train.txt"
        for file in sorted(others)
        if _is_other_split(file)
    )
    for file in sorted(others, key=lambda file: (file.count("/"), file)):
        split = _split_of(file)
        if split is None:
            continue
        try:
            lines = read_list(tree.root / native(file))
        except DataError as error:
            refused.setdefault(split, f"{file} is not used: {error}")
            continue
        listed = {composed(listed_name(line, every)) for line in lines}
        if listed <= known:
            found.setdefault(split, {})[file] = listed
        else:
            line = next(each for each in lines if composed(listed_name(each, every)) not in known)
            shown = line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
            header = "; remove a first line that names columns" if line == lines[0] else ""
            refused.setdefault(
                split, f"{file} is not used: {shown!r} is not an image here{header}"
            )
    said = [text for split, text in refused.items() if split not in found]
    table.doubts.extend(f"splits: {text}" for text in said)
    return found


def _is_other_split(file: str) -> bool:
    """Whether a file's name says that it splits the images, in a form that is not read."""
    path = PurePosixPath(file)
    stem = path.stem.lower()
    if path.suffix.lower() in TABLES and any(stem in words for words in SPLITS.values()):
        return True
    is_text = path.suffix.lower() in (*TABLES, *LISTS) and _split_of(file) is None
    return is_text and bool({"split", "splits"} & set(re.split(r"[^a-z]+", stem)))


def _split_of(file: str) -> str | None:
    path = PurePosixPath(file)
    if path.suffix.lower() not in LISTS:
        return None
    words = re.split(r"[^a-z]+", path.stem.lower())
    return next((split for split, own in SPLITS.items() if own & set(words)), None)


def _say_carved(table: Table, carved: list[str], rest: Collection[str]) -> None:
    table.doubts.append(
        f"splits: there is no list of {' or '.join(carved)}, so {SHARE:.0%} of the"
        f" {len(rest)} training images are held out for {'each' if len(carved) > 1 else 'it'}"
    )
    folders = {name.rpartition("/")[0] for name in rest}
    prefixes = {match[1] for name in rest if (match := re.match(NUMBERED, name))}
    numbered = all(re.match(NUMBERED, name) for name in rest)
    if len(folders) >= SCENES and "" not in folders:
        table.settings["scene"] = "^(.*)/"
        table.remarks.append(f"images of a folder stay together ({len(folders)} folders)")
    elif numbered and SCENES <= len(prefixes) <= len(rest) / 2:
        table.settings["scene"] = NUMBERED
        table.doubts.append(
            f"splits: images whose names differ in their last number alone stay together"
            f" ({len(prefixes)} scenes); remove scene if they show different places"
        )
    elif all(re.search("[0-9]", name) for name in rest):
        table.doubts.append(
            "splits: names are numbers; where neighbouring numbers show the same scene, give"
            " lists, or the expression scene, so that no scene is in two splits"
        )
