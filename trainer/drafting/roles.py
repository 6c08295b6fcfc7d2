"""Which groups of pictures are modalities, which are labels, and by which patterns they pair."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.datasets.names import native
from trainer.drafting.facts import Facts, Storage, look_at
from trainer.drafting.groups import Group
from trainer.drafting.words import LABEL, PREVIEW, RGB, order, says_colour

__all__ = ["Pick", "Roles", "find_roles", "look_through"]

PAIRED = 0.5  # share of the first modality's images that another group has to have
#: Kinds that are stored in three channels.
COLOURED = ("hha", "normals")
#: Words by which the best of several label files is chosen, the best first.
BEST_LABELS = ("trainid", "labelid", "label", "mask", "gt")


@dataclass(frozen=True, kw_only=True)
class Pick:
    """A group with its part in the data set."""

    name: str
    group: Group
    facts: Facts
    #: The pattern by which its names are those of the first modality.
    pattern: str
    #: Image's name to file.
    files: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Roles:
    """All groups."""

    #: The first one decides about names.
    modalities: tuple[Pick, ...]
    #: What may be the labels, the best first.
    labels: tuple[Pick, ...]
    #: Groups that are not described, with the reason.
    left: tuple[tuple[Group, str], ...]
    #: Groups of which no file can be read, with the reason.
    unreadable: tuple[tuple[Group, str], ...]


def look_through(root: Path, groups: Sequence[Group]) -> dict[Group, Facts]:
    """Read a sample of each group; one of no known kind is parted by folders that differ."""
    looked: dict[Group, Facts] = {}
    known = [group for group in groups if group.kind not in (None, PREVIEW)]
    for group in groups:
        parts = group.by_folder() if group.kind is None else ()
        found = {part: look_at([root / native(file) for file in part.files]) for part in parts}
        differ = len({_look(facts) for facts in found.values() if facts.storages}) > 1
        if differ or _are_kinds(parts, known):
            looked |= found
        else:
            looked[group] = look_at([root / native(file) for file in group.files])
    return looked


def _are_kinds(parts: Sequence[Group], known: Sequence[Group]) -> bool:
    """Whether folders are kinds of pictures, not scenes: each has the names of another group.

    Args:
        parts: The folders, each a group.
        known: Groups whose kind their names say.
    """
    names = [files.keys() for group in known for files in group.patterns.values()]
    own = [{name for files in part.patterns.values() for name in files} for part in parts]
    return len(own) > 1 and any(all(each & found for each in own) for found in names)


def _look(facts: Facts) -> tuple[Storage, bool]:
    return facts.storage, facts.few_values()


def find_roles(looked: Mapping[Group, Facts]) -> Roles | None:
    """Give each group its part; None where there is no modality.

    Args:
        looked: Each group to what a sample of it holds.
    """
    kinds = {group: _kind(group, facts) for group, facts in looked.items() if facts.storages}
    _find_drawings(kinds, looked)
    unreadable = [
        (group, f"no file can be read; {facts.faults[0]}")
        for group, facts in looked.items()
        if group not in kinds
    ]
    left = [(group, "pictures for people") for group, kind in kinds.items() if kind == PREVIEW]
    candidates = [group for group, kind in kinds.items() if kind not in (LABEL, PREVIEW)]
    anchor = _anchor(candidates, kinds, looked)
    if anchor is None:
        return None
    pattern, others = _pairing(anchor, [group for group in kinds if group is not anchor])
    picks: dict[str, Pick] = {}
    rest = sorted(
        (each for each in candidates if each is not anchor), key=lambda g: order(kinds[g])
    )
    for group in (anchor, *rest):
        text = pattern if group is anchor else others[group]
        if text is None:
            left.append((group, f"its names are not those of {pattern}"))
            continue
        name = _free(kinds[group], group, picks)
        if name is None:
            left.append((group, f"there is another group of {kinds[group]}"))
            continue
        picks[name] = _pick(name, group, looked[group], text)
    labels = [group for group, kind in kinds.items() if kind == LABEL]
    left += [
        (group, _why_no_label(group, anchor, pattern)) for group in labels if not others[group]
    ]
    fitting = sorted((group for group in labels if others[group]), key=_rank)
    return Roles(
        modalities=tuple(picks.values()),
        labels=tuple(_pick(LABEL, each, looked[each], str(others[each])) for each in fitting),
        left=tuple(left),
        unreadable=tuple(unreadable),
    )


def _find_drawings(kinds: dict[Group, str], looked: Mapping[Group, Facts]) -> None:
    """Colours that are labels drawn for people: few of them, where there are photographs, too."""
    colours = [group for group, kind in kinds.items() if kind == RGB]
    if len(colours) < 2:  # counting values takes a while
        return
    few = [group for group in colours if looked[group].few_values()]
    if len(few) < len(colours):
        kinds.update(dict.fromkeys(few, LABEL))


def _kind(group: Group, facts: Facts) -> str:
    """What names say; where they say nothing, what the pixels look like."""
    if group.kind is not None:
        return PREVIEW if _is_false_colour(group, facts) else group.kind
    if facts.few_values():
        return LABEL
    if facts.storage.channels > 2 and not facts.storage.is_array:
        return RGB
    return _slug(group.title)


def _is_false_colour(group: Group, facts: Facts) -> bool:
    """Whether a plane, such as depth, was drawn in colours for people to look at."""
    is_plane = group.kind not in (RGB, LABEL, PREVIEW, *COLOURED)
    return is_plane and facts.storage.channels > 2 and says_colour(group.title)


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_") or "image"


def _anchor(
    candidates: Sequence[Group], kinds: Mapping[Group, str], looked: Mapping[Group, Facts]
) -> Group | None:
    """The first modality: colour before others, and the one with the most files."""
    usable = [group for group in candidates if group.patterns]
    return min(
        usable,
        key=lambda group: (
            kinds[group] != RGB,
            -len(group.files),
            looked[group].storage.channels < 3,
            order(kinds[group]),
            group.title,
        ),
        default=None,
    )


def _pairing(anchor: Group, others: Sequence[Group]) -> tuple[str, dict[Group, str | None]]:
    """The anchor's pattern with which most files of other groups find their image."""
    best: tuple[int, str, dict[Group, str | None]] | None = None
    for text, files in anchor.patterns.items():
        chosen: dict[Group, str | None] = {}
        paired = 0
        for group in others:
            counts = {
                own: len(files.keys() & names.keys()) for own, names in group.patterns.items()
            }
            own = max(counts, key=lambda each: counts[each], default=None)
            enough = own is not None and counts[own] >= PAIRED * min(len(files), len(group.files))
            chosen[group] = own if enough else None
            paired += counts[own] if own is not None else 0
        if best is None or paired > best[0]:
            best = paired, text, chosen
    assert best is not None, "an anchor has a pattern"
    return best[1], best[2]


def _free(kind: str, group: Group, taken: Mapping[str, Pick]) -> str | None:
    """A name for a modality: its kind, or its folder's name where the kind is taken."""
    for name in (kind, _slug(group.title)):
        if name not in taken and (kind != RGB or name == RGB):
            return name
    return None


def _pick(name: str, group: Group, facts: Facts, pattern: str) -> Pick:
    return Pick(
        name=name, group=group, facts=facts, pattern=pattern, files=group.patterns[pattern]
    )


def _rank(group: Group) -> tuple[int, int, str]:
    title = f"{group.title} {group.affix.after}".lower().replace("_", "")
    place = next((i for i, word in enumerate(BEST_LABELS) if word in title), len(BEST_LABELS))
    return "color" in title, place, title


def _why_no_label(group: Group, anchor: Group, pattern: str) -> str:
    """Why labels do not fit; masks of one class each have a folder or a file for each class."""
    names = anchor.patterns[pattern].keys()
    parts = group.by_folder()
    fitting = [part for part in parts if any(own.keys() & names for own in part.patterns.values())]
    if len(fitting) > 1:
        return (
            f"{', '.join(part.title for part in fitting)} look like one mask for each class: merge"
            " them into one PNG of class numbers per image"
        )
    return f"its names are not those of {pattern}"
