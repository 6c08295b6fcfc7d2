"""Apply the collapse rules to recorded runs on images.

    python -m benchmarks.search_quality.collapsed

judges the runs of the public table (``benchmarks.search_quality.public_table``) as
``benchmarks.collapse`` judges those of its searches, and saves a row per set for
``docs/collapse.md``. The thresholds are those of the rules as they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.collapse import IMAGES, image_rows, image_text, judge, merged, summary
from benchmarks.records import RecordedRun, write_result
from benchmarks.search_quality.public_table import TableRun, read_sets, read_table
from search.objectives import DEFAULT_OBJECTIVE, find_objective
from search.pruners import CollapseRules

__all__ = ["recorded_rows"]

#: Sets of real images.
ON_IMAGES = ("nyu", "nyu-vit", "weedmap", "cityscapes")


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
        head = {"search": f"recorded-{name}", "runs": len(own), "constant mIoU": constant}
        rows.append(head | summary(judged))
    return rows


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
