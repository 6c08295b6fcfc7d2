"""NYU-Depth-v2's splits: official train and test lists, and val held out of train.

There is no official val list. Frames of one scene look alike and have consecutive numbers, so val
takes whole scenes if ``scenes.txt`` assigns frames to scenes, and otherwise blocks of consecutive
numbers. The official train list leaves out whole scenes (those of the test list), so a gap in its
numbers is the end of a scene.
"""

from collections.abc import Mapping
from pathlib import Path

from trainer.datasets.lists import (
    SplitNames,
    ValRule,
    check_apart,
    chosen_on_test,
    hold_out,
    read_list,
)
from trainer.datasets.nyu.folders import frame_name, read_frames
from trainer.errors import DataError

__all__ = ["find_splits", "number_blocks"]

#: Frames: longer runs of numbers are divided, so that a renumbered list without gaps has blocks as
#: well. The longest run of the official list has 34.
LONGEST_BLOCK = 40
FEWEST_BLOCKS = 10  # of a list that is long enough


def find_splits(root: Path, *, val: ValRule, share: float, seed: int) -> SplitNames:
    """The frames of each split.

    ``train.txt`` is train. ``val.txt`` is the test list, as in the published code, or else
    ``test.txt``. If both exist and share no frame, each is used as its name says.

    Args:
        root: Folder of the lists.
        val: Which frames are val, if it has no list of its own.
        share: Share of the scenes or blocks of train that val takes.
        seed: Determines the scenes or blocks.

    Raises:
        DataError: If a list is missing or damaged, or a frame is in two.
    """
    train_list, val_list, test_list = (root / f"{name}.txt" for name in ("train", "val", "test"))
    train = read_frames(train_list)
    listed = {path: read_frames(path) for path in (val_list, test_list) if path.is_file()}
    if not listed:
        raise DataError(f"{root} has neither val.txt nor test.txt: add the list of test frames")
    own_val = len(listed) == 2 and set(listed[val_list]) != set(listed[test_list])
    tested_in = test_list if own_val else next(iter(listed))
    test = listed[tested_in]
    apart = {train_list: train, **(listed if own_val else {tested_in: test})}
    check_apart({str(path): names for path, names in apart.items()})
    where = {"train": str(train_list), "val": str(train_list), "test": str(tested_in)}
    if val == "test":
        return _names(
            train, test, test, {**where, "val": str(tested_in)}, chosen_on_test(tested_in)
        )
    if own_val:
        note = "val.txt and test.txt share no frame: val.txt is val, test.txt is test"
        return _names(train, listed[val_list], test, {**where, "val": str(val_list)}, note)
    return _carve(train, test, where, root=root, share=share, seed=seed)


def number_blocks(names: tuple[str, ...]) -> dict[str, str]:
    """Frame to block: runs of consecutive numbers, in pieces of at most 40 frames.

    If names are not numbers, their positions in the list are used. A short list has ten blocks of
    equal size.
    """
    numbered = all(name.isdecimal() for name in names)
    order = sorted(names, key=int) if numbered else list(names)
    longest = max(1, min(LONGEST_BLOCK, len(names) // FEWEST_BLOCKS))
    blocks: dict[str, str] = {}
    previous, length = -2, 0
    for place, name in enumerate(order):
        number = int(name) if numbered else place
        starts = number != previous + 1 or length == longest
        length = 1 if starts else length + 1
        first = name if starts else blocks[order[place - 1]]
        blocks[name], previous = first, number
    return blocks


def _carve(
    train: tuple[str, ...],
    test: tuple[str, ...],
    where: Mapping[str, str],
    *,
    root: Path,
    share: float,
    seed: int,
) -> SplitNames:
    scenes = root / "scenes.txt"
    if scenes.is_file():
        groups, how = _read_scenes(scenes, train), "scenes"
    else:
        groups = number_blocks(train)
        how = "blocks of consecutive frame numbers (no scenes.txt says where a scene ends)"
    kept, held = hold_out(
        train, share=share, purpose=("nyu", "val", seed), group=groups.__getitem__
    )
    count, total = len({groups[name] for name in held}), len(set(groups.values()))
    note = (
        f"val is held out of train.txt: {len(held)} of {len(train)} frames, in {count} of"
        f" {total} {how}"
    )
    return _names(kept, held, test, where, note)


def _names(
    train: tuple[str, ...],
    val: tuple[str, ...],
    test: tuple[str, ...],
    where: Mapping[str, str],
    note: str,
) -> SplitNames:
    return SplitNames(train=train, val=val, test=test, where=where, notes=(note,))


def _read_scenes(path: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Frame to scene."""
    pairs = [line.split(maxsplit=1) for line in read_list(path)]
    for pair in pairs:
        if len(pair) != 2:
            raise DataError(f"{path} has the line {pair[0]!r}: write one frame and scene per line")
    scenes = {frame_name(name): scene for name, scene in pairs}
    for name in names:
        if name not in scenes:
            raise DataError(f"{path} names no scene for the frame {name!r}: add a line for it")
    return {name: scenes[name] for name in names}
