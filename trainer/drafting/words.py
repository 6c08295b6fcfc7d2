"""Words in the names of folders and files, and the kind of picture they stand for."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

__all__ = [
    "LABEL",
    "PREVIEW",
    "RGB",
    "SPLITS",
    "Affix",
    "find_affix",
    "find_split",
    "kind_in",
    "merge_kinds",
    "order",
    "says_colour",
]

#: Kinds that are no other modality: labels, colour, and pictures made for people to look at.
LABEL, RGB, PREVIEW = "label", "rgb", "preview"

#: Kind to the words that stand for it, in the order of modalities in a description.
WORDS: Mapping[str, str] = {
    LABEL: "label labels lbl gt groundtruth mask masks annotation annotations anno ann seg segm"
    " segmentation segmentations semantic semantics trainids",
    RGB: "rgb rgba bgr color colour colors colours visible vis vi",
    PREVIEW: "overlay overlays preview previews thumb thumbs thumbnail thumbnails viz"
    " visualization visualisation colored coloured colorized colourised pred preds"
    " prediction predictions instance instances confidence panoptic",
    "red": "red",
    "green": "green gre",
    "blue": "blue",
    "rededge": "rededge reg",
    "nir": "nir nearinfrared",
    "thermal": "thermal therm tir lwir ir infrared heat temperature flir fir",
    "depth": "depth depths depthmap tof",
    "disparity": "disparity disparities disp",
    "swir": "swir",
    "mwir": "mwir",
    "hha": "hha",
    "height": "height elevation dsm dem dtm chm ndsm altitude",
    "aolp": "aolp aop",
    "dolp": "dolp dop",
    "normals": "normal normals",
    "ndvi": "ndvi",
    "lidar": "lidar",
    "events": "event events",
    "sar": "sar",
}
KIND = {word: kind for kind, words in WORDS.items() for word in words.split()}
ORDER = {kind: place for place, kind in enumerate(WORDS)}
#: Words that stand for colour where nothing else is said.
WEAK = frozenset("img imgs image images photo photos picture pictures frame frames jpeg".split())
#: Words of labels that may also say that another kind is exact.
TRUTH = frozenset("gt groundtruth".split())
#: Words beside a kind that say nothing about it.
BESIDE = frozenset("raw mm cm fine coarse id ids map maps warped aligned registered left".split())

#: Split to the names of its folder or list.
SPLITS: Mapping[str, frozenset[str]] = {
    "train": frozenset({"train", "training", "tr"}),
    "val": frozenset({"val", "valid", "validation", "dev", "eval"}),
    "test": frozenset({"test", "testing", "ts"}),
}

#: Capitals, a word with or without a first capital, digits, letters of other scripts.
TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")


@dataclass(frozen=True, kw_only=True)
class Affix:
    """What a file's stem begins with or ends in beside the image's name."""

    before: str = ""
    after: str = ""
    kind: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left for the name, as in ``0001/depth.png``."""
        return self.before == self.after != ""


def kind_in(text: str) -> str | None:
    """The kind of picture that a name says; None where it says none.

    Depth in colours is depth, and so is true depth: ``depth_vis``, ``gt_depth``.
    """
    words = [word for word, _, _ in _words(text)]
    kinds = [KIND[word] for word in words if word in KIND]
    beside = {RGB, LABEL} if TRUTH & set(words) else {RGB}
    if not {LABEL, PREVIEW} & (set(kinds) - beside):
        kinds = [kind for kind in kinds if kind not in beside] or kinds
    kind = merge_kinds(kinds)
    if kind is None and any(word in WEAK for word in words):
        return RGB
    return kind


def says_colour(text: str) -> bool:
    """Whether a name has a word for colour."""
    return any(KIND.get(word) == RGB for word, _, _ in _words(text))


def merge_kinds(kinds: Sequence[str]) -> str | None:
    """What several kinds say together: colours of labels are labels, a mask of depth is neither.

    Args:
        kinds: As they are read, those of outer folders first.
    """
    found = set(kinds)
    if PREVIEW in found:
        return PREVIEW
    if LABEL in found and found - {LABEL, RGB}:
        return PREVIEW
    if LABEL in found:
        return LABEL
    return kinds[-1] if kinds else None


def order(kind: str) -> int:
    """The place of a kind among the modalities; those of no known kind come last."""
    return ORDER.get(kind, len(ORDER))


def find_affix(stem: str) -> Affix:
    """The words at the end, or else at the beginning, of a stem that say its kind."""
    words = list(_words(stem))
    run = _run(list(reversed(words)))
    kind = kind_in(" ".join(word for word, _, _ in run))
    if kind is not None:
        start = _with_separators(stem, min(start for _, start, _ in run))
        return Affix(after=stem[start:], before=stem if start == 0 else "", kind=kind)
    run = _run(words)
    kind = kind_in(" ".join(word for word, _, _ in run if word in KIND))
    if kind is None:
        return Affix()
    end = max(end for _, _, end in run)
    while end < len(stem) and not stem[end].isalnum():
        end += 1
    return Affix(before=stem[:end], kind=kind)


def find_split(text: str) -> tuple[int, int] | None:
    """Where a name has the one word of a split, and its year, beside other words.

    Args:
        text: Name of a folder, such as ``train_images`` or ``masks_val2017``.
    """
    words = list(_words(text))
    found = [
        (start, end)
        for word, start, end in words
        if any(word in names for names in SPLITS.values())
    ]
    if len(found) != 1:
        return None
    (start, end), *_ = found
    end += len(text[end:]) - len(text[end:].lstrip("0123456789"))
    return (start, end) if end - start < len(text.strip("_-. ")) else None


def _words(text: str) -> Iterator[tuple[str, int, int]]:
    """Words in small letters with where they begin and end; two that make one word are one."""
    tokens = [(found[0].lower(), *found.span()) for found in TOKEN.finditer(text)]
    index = 0
    while index < len(tokens):
        word, start, end = tokens[index]
        pair = word + tokens[index + 1][0] if index + 1 < len(tokens) else ""
        if pair in KIND or pair in ("8bit", "16bit"):
            word, end = pair, tokens[index + 1][2]
            index += 1
        yield word, start, end
        index += 1


def _run(words: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """The words up to the first that says no kind, and nothing beside a kind."""
    run = []
    for word in words:
        if not (
            word[0] in KIND or word[0] in WEAK or word[0] in BESIDE or word[0].endswith("bit")
        ):
            break
        run.append(word)
    return run


def _with_separators(stem: str, start: int) -> int:
    while start > 0 and not stem[start - 1].isalnum():
        start -= 1
    return start
