"""Apply the collapse rules to recorded runs on images.

    python -m benchmarks.search_quality.collapsed

judges the runs of the public table (``benchmarks.search_quality.public_table``) as
``benchmarks.collapse`` judges those of its searches, and saves a row per set for
``docs/collapse.md``. The thresholds are those of the rules as they are.

Where one class covers most of the images, a constant prediction has a higher mIoU than K-means of
the frozen features, and the definition calls nearly every run collapsed. Each row therefore also
counts the runs that end with one cluster on nearly all pixels, which needs no labels. Each row
counts as well the runs that stay collapsed for as many evaluations as the rules require: a run
that collapses after that leaves nothing to stop.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.collapse import (
    IMAGES,
    KMEANS,
    Judged,
    image_rows,
    image_text,
    judge,
    merged,
    summary,
)
from benchmarks.records import RecordedRun, write_result
from benchmarks.search_quality.public_table import TableRun, read_sets, read_table
from search.objectives import DEFAULT_OBJECTIVE, find_objective
from search.pruners import CollapseRules

__all__ = ["recorded_rows"]

#: Sets of real images.
ON_IMAGES = ("nyu", "nyu-vit", "weedmap", "cityscapes")

#: Share of the pixels in one cluster at the last evaluation.
ONE_CLUSTER = 0.95


def recorded_rows(
    runs: Sequence[TableRun], sets: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """A row per set on images that has runs."""
    rules, rows = CollapseRules(), []
    for name in ON_IMAGES:
        own = [run for run in runs if run.set == name and run.kind == "run"]
        if not own:
            continue
        constant = float(sets[name]["constant_miou"])
        judged = [judge(_recorded(run), constant=constant, rules=rules) for run in own]
        head = {
            "search": f"recorded-{name}",
            "runs": len(own),
            "constant mIoU": constant,
            KMEANS: _kmeans(runs, name),
        }
        rows.append(head | summary(judged) | _lasting(judged, rules) | _one_cluster(judged))
    return rows


def _kmeans(runs: Sequence[TableRun], name: str) -> float | None:
    """Val mIoU of K-means of the frozen features, mean over its seeds; None if not recorded."""
    found = [run.looks[-1]["miou"] for run in runs if run.set == name and run.kind == "kmeans"]
    return statistics.fmean(found) if found else None


def _lasting(judged: Sequence[Judged], rules: CollapseRules) -> dict[str, int]:
    """Counts of runs that are collapsed at the last evaluations, and of those that are stopped."""
    lasting = [each for each in judged if each.collapsed and each.lasting >= rules.in_a_row]
    return {
        "lasting": len(lasting),
        "lasting stopped": sum(each.stopped is not None for each in lasting),
    }


def _one_cluster(judged: Sequence[Judged]) -> dict[str, int]:
    """Counts of runs that end with one cluster, and of those of them that the rules stop."""
    ended = [each for each in judged if not _largest_share(each) < ONE_CLUSTER]  # also NaN
    stopped, of_these = (
        sum(each.stopped is not None for each in runs) for runs in (judged, ended)
    )
    return {
        "one cluster": len(ended),
        "one cluster stopped": of_these,
        "more clusters stopped": stopped - of_these,
    }


def _largest_share(judged: Judged) -> float:
    return judged.run.reports[-1].signals.largest_share


def _recorded(run: TableRun) -> RecordedRun:
    reports = run.reports()
    return RecordedRun(
        number=run.setting,
        parameters=run.params,
        value=find_objective(DEFAULT_OBJECTIVE).value(reports),
        reports=reports,
    )


def main() -> None:
    """Judge, print the table, and save the rows."""
    rows: list[Mapping[str, Any]] = list(image_rows())
    for row in recorded_rows(read_table(), read_sets()):
        rows = merged(rows, row)
    print(image_text(rows))
    print(write_result(IMAGES, {"rows": rows}))


if __name__ == "__main__":
    main()
