"""The recorded runs of all sets as one public table.

    python -m benchmarks.search_quality.public_table --folder FOLDER

reads what ``benchmarks.search_quality.record`` wrote to a folder, and writes

- ``results/label-free-runs.csv.gz``: a line per evaluation, with the columns ``set``, ``kind``,
  ``setting``, ``seed``, ``iteration``, ``finite``, ``loss``, a column ``params.NAME`` per
  parameter and a column per criterion. An empty cell is a number that is undefined, or that was
  not computed when the run was recorded. Numbers have four significant digits.
- ``results/label-free-sets.json``: what is common to the runs of a set, by its name: budget,
  space, backbone, and the mIoU of the best constant prediction.

Runs that the folder lacks stay in the table, unless the folder has the set with another budget,
space, backbone or number of images.

``docs/choosing-without-labels.md`` describes the columns.
"""

import csv
import gzip
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.blocks import read_records
from benchmarks.markdown import markdown_table
from benchmarks.measuring import RESULTS
from benchmarks.search_quality.sets import COMMON, SETS
from search.quality.calibration import CalibrationRun, last_numbers
from trainer.config.paths import user_path
from trainer.records import RECORDED, CollapseIndicators, Report, Scores

__all__ = [
    "RUNS",
    "SETS_FILE",
    "TableRun",
    "kept_runs",
    "read_sets",
    "read_table",
    "text",
    "write_table",
]

RUNS = RESULTS / "label-free-runs.csv.gz"
SETS_FILE = RESULTS / "label-free-sets.json"
DIGITS = 4
PARAMS = "params."
#: Columns that are no criteria.
KEYS = ("set", "kind", "setting", "seed", "iteration", "finite")

#: Kind, setting and seed.
RunKey = tuple[str, int, int]


@dataclass(frozen=True, kw_only=True)
class TableRun:
    """A run of the table."""

    set: str
    #: ``run``, or the reference ``defaults`` or ``kmeans``.
    kind: str
    setting: int
    seed: int
    params: Mapping[str, float]
    #: Loss and criteria of each evaluation; NaN where one is undefined or absent.
    looks: Sequence[Mapping[str, float]]
    iterations: Sequence[int]
    finite: Sequence[bool]

    def numbers(self) -> CalibrationRun:
        """Its criteria as a search values them."""
        return CalibrationRun(
            setting=self.setting, seed=self.seed, numbers=last_numbers(self.looks)
        )

    def reports(self) -> tuple[Report, ...]:
        """Its evaluations as the collapse rules read them."""
        return tuple(
            _report(number, iteration, finite, look)
            for number, (iteration, finite, look) in enumerate(
                zip(self.iterations, self.finite, self.looks, strict=True), start=1
            )
        )


def _report(number: int, iteration: int, finite: bool, look: Mapping[str, float]) -> Report:
    def record(name: str) -> dict[str, float]:
        return {
            key: look.get(criterion, math.nan)
            for criterion, (where, key) in RECORDED.items()
            if where == name
        }

    cluster = record("cluster")
    return Report(
        evaluation=number,
        iteration=iteration,
        loss=look["loss"],
        cluster=Scores(miou_all=math.nan, **cluster),
        linear=Scores(miou_all=math.nan, accuracy=math.nan, **record("linear")),
        signals=CollapseIndicators(finite=finite, **record("signals")),
        criteria={name: value for name, value in look.items() if name != "loss"},
    )


def write_table(folder: Path, *, runs: Path = RUNS, sets: Path = SETS_FILE) -> int:
    """Write what a folder of records holds; returns the number of its runs.

    Args:
        folder: As the recorder wrote it. Runs that it lacks stay, unless its set differs.
        runs: The table.
        sets: What is common to the runs of a set.
    """
    records = {name: read_records(folder / f"{name}.jsonl") for name in SETS}
    found = {name: each for name, each in records.items() if each}
    heads = {
        name: {k: v for k, v in each[0].items() if k != "kind"} for name, each in found.items()
    }
    groups, before = _table_groups(runs), read_sets(sets)
    for name, (_, *own) in found.items():
        kept = groups.get(name, {}) if _alike(before.get(name), heads[name]) else {}
        groups[name] = kept | {_key(record): list(_lines(record)) for record in own}
    _write_lines(
        runs,
        [
            line
            for name in SETS
            for _, lines in sorted(groups.get(name, {}).items(), key=_place)
            for line in lines
        ],
    )
    all_heads = before | heads
    ordered = {name: all_heads[name] for name in SETS if name in all_heads}
    sets.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
    return sum(len(each) - 1 for each in found.values())


def kept_runs(
    head: Mapping[str, Any], *, runs: Path = RUNS, sets: Path = SETS_FILE
) -> frozenset[RunKey]:
    """Kind, setting and seed of the runs that the table has.

    Args:
        head: The first record of a set. Runs of a set that differs do not count.
        runs: The table.
        sets: What is common to the runs of a set.
    """
    name = head["set"]
    if not _alike(read_sets(sets).get(name), head):
        return frozenset()
    return frozenset(_table_groups(runs).get(name, {}))


def _alike(one: Mapping[str, Any] | None, other: Mapping[str, Any]) -> bool:
    """Whether the runs of two sets can be compared."""
    return one is not None and all(one.get(key) == other[key] for key in COMMON)


def _key(found: Mapping[str, Any]) -> RunKey:
    return found["kind"], int(found["setting"]), int(found["seed"])


def _place(group: tuple[RunKey, object]) -> tuple[bool, int, int, str]:
    """References first, then the runs of each seed."""
    kind, setting, seed = group[0]
    return kind == "run", seed, setting, kind


def _table_groups(path: Path) -> dict[str, dict[RunKey, list[dict[str, str]]]]:
    """Lines of the table by set and run."""
    found: dict[str, dict[RunKey, list[dict[str, str]]]] = {}
    for line in _read_lines(path):
        found.setdefault(line["set"], {}).setdefault(_key(line), []).append(line)
    return found


def _read_lines(path: Path) -> Iterator[dict[str, str]]:
    """The lines of the table, in order; none if there is no table."""
    if path.is_file():
        with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
            yield from csv.DictReader(stream)


def _write_lines(path: Path, lines: Sequence[Mapping[str, str]]) -> None:
    names = {name: None for line in lines for name in line if name not in KEYS}
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [*KEYS, *sorted(names)], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    path.write_bytes(gzip.compress(stream.getvalue().encode(), mtime=0))


def _lines(record: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    head = {name: str(record[name]) for name in ("set", "kind", "setting", "seed")}
    params = {f"{PARAMS}{name}": _short(value) for name, value in record["params"].items()}
    for look in record["looks"]:
        numbers = {
            name: _short(value)
            for name, value in look.items()
            if name not in ("iteration", "finite")
        }
        yield {
            **head,
            **params,
            "iteration": str(look["iteration"]),
            "finite": str(int(look["finite"])),
            **numbers,
        }


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.{DIGITS}g}"


def read_table(path: Path = RUNS) -> list[TableRun]:
    """The runs of the table, in the order of its lines; none if there is no table."""
    return [_run(lines) for own in _table_groups(path).values() for lines in own.values()]


def _run(lines: Sequence[Mapping[str, str]]) -> TableRun:
    first = lines[0]
    return TableRun(
        set=first["set"],
        kind=first["kind"],
        setting=int(first["setting"]),
        seed=int(first["seed"]),
        params={
            name.removeprefix(PARAMS): float(text)
            for name, text in first.items()
            if name.startswith(PARAMS) and text
        },
        looks=[
            {
                name: float(text) if text else math.nan
                for name, text in line.items()
                if name not in KEYS and not name.startswith(PARAMS)
            }
            for line in lines
        ],
        iterations=[int(line["iteration"]) for line in lines],
        finite=[line["finite"] == "1" for line in lines],
    )


def read_sets(path: Path = SETS_FILE) -> dict[str, dict[str, Any]]:
    """What is common to the runs of each set, by its name; none if there is no table."""
    if not path.is_file():
        return {}
    found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def text(runs: Sequence[TableRun], sets: Mapping[str, Mapping[str, Any]]) -> str:
    """What the table holds, a line per set."""
    if not runs:
        return "Nothing was recorded yet."
    rows = []
    for name, head in sets.items():
        own = [run for run in runs if run.set == name and run.kind == "run"]
        size = "".join(f"{sum(run.seed == seed for run in own)}, " for seed in _seeds(own))
        rows.append(
            [
                *(name, head["preset"], head["backbone"], head["classes"], head["images"]),
                *(head["iterations"], head["evaluations"], len(head["space"])),
                size.removesuffix(", "),
                sum(run.set == name and run.kind != "run" for run in runs),
            ]
        )
    return markdown_table(COLUMNS, rows)


COLUMNS = (
    *("set", "preset", "backbone", "classes", "val images", "iterations", "looks"),
    *("parameters", "settings of each seed", "reference runs"),
)


def _seeds(runs: Sequence[TableRun]) -> list[int]:
    return sorted({run.seed for run in runs})


def main(
    folder: Annotated[Path, typer.Option(help="Folder of the records.", parser=user_path)],
) -> None:
    """Write the table."""
    count = write_table(folder)
    print(f"{RUNS}: {count} runs, {RUNS.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    typer.run(main)
