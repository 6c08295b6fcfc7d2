"""Check that the collapse rules stop the runs that collapse, and no others.

    python -m benchmarks.collapse --storage embedded:FOLDER/postgres --folder FOLDER

A run has collapsed if at its last evaluation its val mIoU is at most one point above that of the
best constant prediction, or not a number. This definition uses labels and is independent of the
rules, which use none. The thresholds were chosen on the first search. The other searches, with
other seeds, scenes and methods and on real street frames (`--cityscapes`), are only reported. All
runs train to their end, and the rules are applied to their reports afterwards. Settings are drawn
uniformly, because a sampler soon learns to avoid collapse. The searches of
`benchmarks.comparison`, in the same database, are read without changes.

    python -m benchmarks.collapse --storage ... --folder FOLDER --images NYU --preset nyu-cpu

With `--images` it is only one search, on a folder of images, and its row is saved for itself.
"""

import dataclasses
import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.comparison import SCENES, TUNED
from benchmarks.comparison import searches as comparison_searches
from benchmarks.markdown import markdown_table
from benchmarks.records import (
    RecordedRun,
    read_result,
    read_searches,
    write_result,
    write_runs,
)
from benchmarks.searches import UNPRUNED, Paths, Search, finish
from search.objectives import DEFAULT_OBJECTIVE, find_objective
from search.pruners import CollapseRules
from search.records.outcome import Prune
from trainer.config.described import described_modalities
from trainer.features import prepare
from trainer.features.dataset_features import IGNORE, DatasetFeatures
from trainer.scoring.metrics import scores_of

__all__ = [
    "Judged",
    "choose",
    "constant_miou",
    "image_rows",
    "image_search",
    "image_text",
    "judge",
    "merged",
    "summary",
    "text",
]

MARGIN = 1.0  # points of mIoU above the best constant prediction
BEST = 20  # best runs, none of which may be stopped
#: Study seeds and the number of trials; the thresholds were chosen on the first.
SEEDS = {1: 200, 2: 60, 3: 60}
CITYSCAPES_TRIALS = 30
IMAGE_TRIALS = 60
IMAGES = "collapse_images"  # name of the result
KMEANS = "K-means mIoU"
CLUSTER_COUNTS = ("one cluster", "one cluster stopped", "more clusters stopped")
#: Thresholds that were tried on the first search.
GRID: Mapping[str, tuple[Any, ...]] = {
    "entropy_floor": (0.01, 0.02, 0.05, 0.1, 0.2),
    "share_ceiling": (0.9, 0.95, 0.98, 0.99),
    "cosine_ceiling": (0.95, 0.97, 0.98, 0.99),
    "in_a_row": (2, 3, 4),
    "least_iterations": (10, 20),
}
COUNTED = (
    *("collapsed", "stopped", "late", "before 40 %"),
    *("best 20 stopped", "others stopped", "others"),
)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A run, judged by the definition and by the rules. Evaluations count from 1."""

    run: RecordedRun
    collapsed: bool
    #: First evaluation at which the definition holds; None if it never does.
    since: int | None
    #: Evaluation after which the rules stop it; None if they do not.
    stopped: int | None
    #: Number of last evaluations at which the definition holds without a break.
    lasting: int

    @property
    def share(self) -> float:
        """Fraction of the run after which it is stopped."""
        assert self.stopped is not None
        return self.stopped / len(self.run.reports)

    @property
    def late(self) -> bool:
        """Whether it collapsed and is not stopped within two evaluations."""
        if not self.collapsed or self.since is None:
            return False
        return self.stopped is None or self.stopped > self.since + 2


def constant_miou(dataset_features: DatasetFeatures) -> float:
    """Val mIoU of the best prediction of a single class, percent."""
    labels = np.asarray(dataset_features.val.labels)
    counts = np.bincount(labels[labels != IGNORE], minlength=len(dataset_features.classes))
    return max(scores_of(_constant(counts, cls)).miou for cls in range(len(counts)))


def _constant(counts: NDArray[np.int64], predicted: int) -> NDArray[np.int64]:
    """Counts of labels (rows) by predictions (columns)."""
    matrix = np.zeros((len(counts), len(counts)), dtype=np.int64)
    matrix[:, predicted] = counts
    return matrix


def judge(run: RecordedRun, *, constant: float, rules: CollapseRules) -> Judged:
    """Apply the definition and the rules to a recorded run."""
    total = len(run.reports)
    # "not above" also holds for NaN
    low = [not report.cluster.miou > constant + MARGIN for report in run.reports]
    objective = find_objective(DEFAULT_OBJECTIVE)
    verdicts = (
        rules.verdict(run.reports[:seen], total, objective) for seen in range(1, total + 1)
    )
    stopped = [index for index, verdict in enumerate(verdicts, 1) if isinstance(verdict, Prune)]
    return Judged(
        run=run,
        collapsed=low[-1],
        since=low.index(True) + 1 if any(low) else None,
        stopped=stopped[0] if stopped else None,
        lasting=next((n for n, each in enumerate(reversed(low)) if not each), total),
    )


def summary(judged: Sequence[Judged]) -> dict[str, int]:
    """Counts of collapsed and other runs, and of those that the rules stop."""
    collapsed = [each for each in judged if each.collapsed]
    healthy = [each for each in judged if not each.collapsed]
    caught = [each for each in collapsed if each.stopped is not None]
    best = sorted(healthy, key=lambda each: -_value(each.run))[:BEST]
    return {
        "collapsed": len(collapsed),
        "stopped": len(caught),
        "late": sum(each.late for each in caught),
        "before 40 %": sum(each.share < 0.4 for each in caught),
        "best 20 stopped": sum(each.stopped is not None for each in best),
        "others stopped": sum(each.stopped is not None for each in healthy),
        "others": len(healthy),
    }


def _value(run: RecordedRun) -> float:
    """Its value; that of a run without one is below all others."""
    return run.value if run.value is not None and math.isfinite(run.value) else -math.inf


def choose(runs: Sequence[RecordedRun], constant: float) -> CollapseRules:
    """The best thresholds on these runs.

    Of all settings of a grid that meet every target, those that stop most collapsed runs; of
    these, the ones that stop fewest others. If several remain, the middle of the remaining values
    of each threshold, the stricter of two middles.
    """
    summaries = {}
    for values in itertools.product(*GRID.values()):
        rules = CollapseRules(**dict(zip(GRID, values, strict=True)))
        summaries[values] = summary([judge(run, constant=constant, rules=rules) for run in runs])
    good = {key: row for key, row in summaries.items() if all(met for _, met in _targets([row]))}
    top = max((row["stopped"], -row["others stopped"]) for row in good.values())
    best = [key for key, row in good.items() if (row["stopped"], -row["others stopped"]) == top]
    left = (sorted(set(values)) for values in zip(*best, strict=True))
    middles = (
        statistics.median_low(values) if name.endswith("floor") else statistics.median_high(values)
        for name, values in zip(GRID, left, strict=True)
    )
    return CollapseRules(**dict(zip(GRID, middles, strict=True)))


def text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table of all searches, and each target for the searches not used for the thresholds."""
    table = markdown_table(list(rows[0]), [list(row.values()) for row in rows])
    return "\n\n".join([table, "All but the first search together:", _target_lines(rows[1:])])


def _target_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return _as_list(_targets(rows))


def _as_list(targets: Sequence[tuple[str, bool]]) -> str:
    return "\n".join(f"- {target}: {'met' if met else '**missed**'}" for target, met in targets)


def _targets(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, bool]]:
    """Each target with its count, and whether it is met."""
    total = {name: sum(row[name] for row in rows) for name in COUNTED}
    collapsed, stopped, others = total["collapsed"], total["stopped"], total["others"]
    late, early = total["late"], total["before 40 %"]
    best, healthy = total["best 20 stopped"], total["others stopped"]
    return [
        (f"{stopped} of {collapsed} collapsed runs are stopped", stopped >= 0.9 * collapsed),
        (f"{late} of those later than within two evaluations", late == 0),
        (f"{early} of those before 40 % of the run", 2 * early >= stopped),
        (f"{best} of the {BEST} best of each search are stopped", best == 0),
        (f"{healthy} of {others} others are stopped", healthy <= 0.02 * others),
    ]


def image_search(images: Path, preset: str, trials: int) -> Search:
    """The search on a folder of images.

    Args:
        images: Folder of the data set.
        preset: Settings of the runs. Its data set reads the folder; for `own`, a description.
        trials: Number of runs.
    """
    described = described_modalities(str(images))
    modalities = {"modalities": described[1]} if described and preset.startswith("own") else {}
    return Search(
        study=f"collapse-{images.resolve().name}-{preset}",
        preset=preset,
        tables={
            "search": {"trials": trials, "seed": 1, "sampler": "random", **UNPRUNED},
            "data": {"root": str(images), **modalities},
        },
    )


def image_rows() -> list[dict[str, Any]]:
    """The saved rows of searches on images; none before the first."""
    rows: list[dict[str, Any]] = read_result(IMAGES).get("rows", [])
    return rows


def merged(rows: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows with one more, which replaces an earlier one of the same search."""
    return [*(each for each in rows if each["search"] != row["search"]), row]


def image_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table of searches on images, and the targets.

    Where a constant prediction is better than K-means, the definition says nothing, and the runs
    that end with one cluster count instead.
    """
    if not rows:
        return "Nothing was measured yet."
    header = list(dict.fromkeys(name for row in rows for name in row))
    table = markdown_table(header, [[row.get(name, "") for name in header] for row in rows])
    parts = [table]
    other = [row for row in rows if _constant_wins(row)]
    if usual := [row for row in rows if row not in other]:
        parts += ["By the definition, where K-means is above the best constant prediction:"]
        parts += [_target_lines(usual)]
        if any("lasting" in row for row in usual):
            parts[-1] += "\n" + _lasting_line(usual)
    if other:
        parts += ["By the clusters in use, where it is not:", _cluster_lines(other)]
    return "\n\n".join(parts)


def _constant_wins(row: Mapping[str, Any]) -> bool:
    return row.get(KMEANS) is not None and row[KMEANS] < row["constant mIoU"]


def _lasting_line(rows: Sequence[Mapping[str, Any]]) -> str:
    lasting, stopped = (
        sum(row.get(name, 0) for row in rows) for name in ("lasting", "lasting stopped")
    )
    return (
        f"- of the {lasting} that stay collapsed for the evaluations that the rules require,"
        f" {stopped} are stopped"
    )


def _cluster_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    runs, ended, stopped, more = (
        sum(row[name] for row in rows) for name in ("runs", *CLUSTER_COUNTS)
    )
    others = runs - ended
    return _as_list(
        [
            (
                f"{stopped} of {ended} runs that end with one cluster are stopped",
                stopped >= 0.9 * ended,
            ),
            (f"{more} of {others} others are stopped", more <= 0.02 * others),
        ]
    )


def _row_of(search: Search, places: Paths) -> tuple[dict[str, Any], list[RecordedRun]]:
    """The row of a finished search under the rules as they are, and its runs."""
    _, config, runs = read_searches(places.storage, [search.study])[search.study]
    constant = constant_miou(prepare(config.train, cache=places.folder / "cache"))
    judged = [judge(run, constant=constant, rules=CollapseRules()) for run in runs]
    head = {"search": search.study, "runs": len(runs), "constant mIoU": constant}
    return head | summary(judged), runs


def _calibration(places: Paths) -> list[Search]:
    found = [
        Search(
            study=f"collapse-rooms-seed-{seed}",
            preset="rooms",
            tables={
                "search": {"trials": trials, "seed": seed, "sampler": "random", **UNPRUNED},
                "data": {"seed": SCENES[0]},
            },
        )
        for seed, trials in SEEDS.items()
    ]
    if places.cityscapes is not None:
        tables = {"trials": CITYSCAPES_TRIALS, "seed": 1, "sampler": "random", **UNPRUNED}
        found.append(
            Search(
                study="collapse-cityscapes",
                preset="cityscapes-rgbd",
                tables={"search": tables, "data": {"root": str(places.cityscapes)}},
            )
        )
    return found


def main(
    storage: Annotated[str, typer.Option(help="Database of the searches.")],
    folder: Annotated[Path, typer.Option(help="Folder of caches and checkpoints.")],
    cityscapes: Annotated[
        Path | None, typer.Option(help="Cityscapes frames; by default only rooms are used.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of a data set: only one search, on its images.")
    ] = None,
    preset: Annotated[str, typer.Option(help="Settings of the runs on --images.")] = "own",
    trials: Annotated[int, typer.Option(help="Runs on --images.")] = IMAGE_TRIALS,
) -> None:
    """Run missing searches, print the table, and save runs and table as results/collapse*."""
    places = Paths(storage=storage, folder=folder, cityscapes=cityscapes)
    if images is not None:
        search = image_search(images, preset, trials)
        finish(search, places)
        rows = merged(image_rows(), _row_of(search, places)[0])
        print(image_text(rows))
        print(write_result(IMAGES, {"rows": rows}))
        return
    calibration = _calibration(places)
    for search in calibration:
        finish(search, places)
    rules, rows, kept, chosen = CollapseRules(), [], {}, None
    compared = [search for (method, _), search in comparison_searches().items() if method in TUNED]
    for search in (*calibration, *compared):
        row, runs = _row_of(search, places)
        chosen = chosen or choose(runs, row["constant mIoU"])
        rows.append(row)
        if search in calibration:
            kept[search.study] = runs
    assert chosen is not None
    print(text(rows))
    if chosen != rules:
        print(f"the first search chooses {chosen}, the rules have {rules}")
    print(write_result("collapse", {"chosen": dataclasses.asdict(chosen), "rows": rows}))
    print(write_runs("collapse-runs", kept))


if __name__ == "__main__":
    typer.run(main)
