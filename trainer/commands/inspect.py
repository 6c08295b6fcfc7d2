"""``inspect``: read a whole data set and print a summary of it and every fault."""

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.causes import group_alike
from trainer.commands.setup import read_config, say, show_progress
from trainer.commands.tables import NONE, say_table
from trainer.config.configuration import TrainConfig
from trainer.console.sizes import bytes_text
from trainer.datasets import find_dataset
from trainer.errors import DataError
from trainer.inspection import (
    Finding,
    Inspection,
    KindFacts,
    Shift,
    measure_readiness,
    walk_through,
)
from trainer.inspection.facts import Range
from trainer.inspection.readiness import Readiness

__all__ = ["findings_text", "inspect_data", "inspect_file"]

#: Kinds of findings that already have one line per folder, with its number of files.
COUNTED = ("unused",)


def inspect_file(path: Path, *, cache: Path | None, as_json: bool) -> bool:
    """Print a summary of a run's or a described data set, and every fault.

    Args:
        path: TOML file of a run or of a data set's description, or the folder that holds the
            latter.
        cache: Folder of the feature cache; None for the user's own.
        as_json: Whether to print one JSON object instead of tables.

    Returns:
        Whether training would start and be able to read every image.

    Raises:
        ConfigError: If the file or a setting is wrong.
    """
    return inspect_data(read_config(path, announce=not as_json), cache=cache, as_json=as_json)


def inspect_data(config: TrainConfig, *, cache: Path | None, as_json: bool) -> bool:
    """Print a summary of a configuration's data set, and every fault.

    Args:
        config: The run.
        cache: Folder of the feature cache; None for the user's own.
        as_json: Whether to print one JSON object instead of tables.

    Returns:
        Whether training would start and be able to read every image.

    Raises:
        ConfigError: If a setting is wrong.
    """
    try:
        data_set = find_dataset(config.data)
    except DataError as error:
        say(
            json.dumps({"trains": False, "faults": [_finding("data set", str(error))]})
            if as_json
            else f"fault: {error}\ntraining would fail"
        )
        return False
    ready = measure_readiness(config, data_set, cache)
    with show_progress() as progress:
        found = walk_through(data_set, progress)
    faults = (*found.faults, *ready.faults)
    if as_json:
        say(json.dumps(_json(found, ready), indent=1))
    else:
        _say_all(found, ready)
    return not faults


def _say_all(found: Inspection, ready: Readiness) -> None:
    _say_splits(found)
    say("")
    _say_kinds(found)
    if found.shifts:
        say("")
        _say_shifts(found.shifts)
    if any(split.labelled for split in found.splits.values()):
        say("")
        _say_classes(found)
    say("")
    say(_cache_line(ready))
    for note in found.notes:
        say(f"note: {note}")
    faults = (*found.faults, *ready.faults)
    for line in (
        *findings_text("suspicious", found.suspicions),
        *findings_text("fault", faults),
    ):
        say(line)
    say(_verdict(faults, found.suspicions))


def findings_text(what: str, findings: Sequence[Finding]) -> list[str]:
    """A line per cause, however many files it has.

    Args:
        what: What each line begins with.
        findings: What was found.
    """
    said = []
    for kind in dict.fromkeys(finding.kind for finding in findings):
        texts = [each.text for each in findings if each.kind == kind]
        lines = texts if kind in COUNTED else [alike.line for alike in group_alike(texts)]
        said += [f"{what} ({kind}): {line}" for line in lines]
    return said


def _say_splits(found: Inspection) -> None:
    rows = [
        (name, str(split.images), "yes" if split.labelled else "no")
        for name, split in found.splits.items()
    ]
    say_table(("split", "images", "labelled"), rows)


def _say_kinds(found: Inspection) -> None:
    columns = ("", "read", "width x height", "stored as", "stored range", "encoded range")
    rows = [
        (
            kind,
            str(facts.read),
            _counted({f"{width} x {height}": n for (width, height), n in facts.sizes.items()}),
            _counted(facts.stored_as),
            _range_text(facts.stored),
            _range_text(facts.encoded),
        )
        for kind, facts in found.kinds.items()
    ]
    say_table(columns, rows)


def _say_shifts(shifts: Mapping[str, Shift]) -> None:
    rows = [
        (
            modality,
            f"{shift.across:+.1%} of the width, {shift.down:+.1%} of the height"
            if shift.known
            else "unknown: too little in common",
            f"{shift.distinctness:.1f}",
            str(shift.pairs),
        )
        for modality, shift in shifts.items()
    ]
    say_table(("", "shift right and down", "distinctness", "pairs"), rows, numbers=2)


def _say_classes(found: Inspection) -> None:
    labelled = {name: split for name, split in found.splits.items() if split.labelled}
    totals = {name: max(1, int(split.pixels_Y.sum())) for name, split in labelled.items()}
    rows = [
        (
            name,
            *(_share(int(split.pixels_Y[y]), totals[where]) for where, split in labelled.items()),
        )
        for y, name in enumerate(found.classes)
    ]
    voids = (
        f"{split.void / max(1, split.void + int(split.pixels_Y.sum())):.2%}"
        for split in labelled.values()
    )
    columns = ("share of the labelled pixels of whole images", *labelled)
    say_table(columns, [*rows, ("(share of all: without a class)", *voids)], numbers=len(labelled))


def _cache_line(ready: Readiness) -> str:
    free = "" if ready.free is None else f", {bytes_text(ready.free)} free"
    where = f"{ready.folder}{free}"
    if ready.needed is None:
        return f"feature cache: its size is unknown without the backbone ({where})"
    built = ", already built" if ready.built else ""
    return f"feature cache: {bytes_text(ready.needed)} in {where}{built}"


def _verdict(faults: tuple[Finding, ...], suspicions: tuple[Finding, ...]) -> str:
    parts = [
        f"{len(findings)} {what}{'s' if len(findings) > 1 else ''}"
        f" ({_counted(Counter(each.kind for each in findings))})"
        for what, findings in (("fault", faults), ("suspicion", suspicions))
        if findings
    ]
    verdict = "training would fail" if faults else "training would start"
    return f"{verdict}: {', '.join(parts)}" if parts else f"{verdict}: nothing is wrong"


def _share(pixels: int, total: int) -> str:
    return f"{pixels / total:.2%}" if pixels else NONE


def _counted(counts: Mapping[str, int]) -> str:
    """The values, the most frequent first, with counts if there are several."""
    if len(counts) == 1:
        return next(iter(counts))
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    text = ", ".join(f"{count} of {what}" for what, count in ordered[:3])
    return text + (f" and {len(ordered) - 3} more" if len(ordered) > 3 else "")


def _range_text(numbers: Range) -> str:
    return NONE if numbers.empty else f"{numbers.low:.6g} to {numbers.high:.6g}"


def _json(found: Inspection, ready: Readiness) -> dict[str, Any]:
    faults = (*found.faults, *ready.faults)
    return {
        "trains": not faults,
        "splits": {
            name: {
                "images": split.images,
                "labelled": split.labelled,
                "pixels": dict(zip(found.classes, split.pixels_Y.tolist(), strict=True)),
                "void": split.void,
            }
            for name, split in found.splits.items()
        },
        "kinds": {kind: _kind_json(facts) for kind, facts in found.kinds.items()},
        "shifts": {name: dataclasses.asdict(shift) for name, shift in found.shifts.items()},
        "bank": {
            "bytes": ready.needed,
            "free": ready.free,
            "folder": str(ready.folder),
            "built": ready.built,
        },
        "notes": list(found.notes),
        "suspicions": [dataclasses.asdict(finding) for finding in found.suspicions],
        "faults": [dataclasses.asdict(finding) for finding in faults],
    }


def _kind_json(facts: KindFacts) -> dict[str, Any]:
    def ends(numbers: Range) -> list[float] | None:
        return None if numbers.empty else [numbers.low, numbers.high]

    return {
        "read": facts.read,
        "sizes": {f"{width} x {height}": n for (width, height), n in facts.sizes.items()},
        "stored as": dict(facts.stored_as),
        "stored range": ends(facts.stored),
        "encoded range": ends(facts.encoded),
    }


def _finding(kind: str, text: str) -> dict[str, str]:
    return dataclasses.asdict(Finding(kind=kind, text=text))
