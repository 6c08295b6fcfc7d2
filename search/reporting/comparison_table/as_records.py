"""The printers for programs: a comparison table as JSON and CSV, with unrounded numbers."""

import dataclasses
from typing import Any

from search.reporting.comparison_table.table_view import RowView, Spread, TableView
from search.reporting.csv_text import csv_text

__all__ = ["table_csv", "table_json"]


def table_json(view: TableView) -> dict[str, Any]:
    """The table and its rows as plain data; what is not known is None."""
    head = {name: getattr(view, name) for name in ("name", "title", "trials", "seeds")}
    return {
        **head,
        "finalists": view.finalists,
        "finished": view.finished,
        "rows": [dataclasses.asdict(row) for row in view.rows],
    }


def table_csv(view: TableView) -> str:
    """One line for each row."""
    return csv_text([_flat(row) for row in view.rows])


def _flat(row: RowView) -> dict[str, Any]:
    flat: dict[str, Any] = dataclasses.asdict(row.texts)
    if row.published is not None:
        published = dataclasses.asdict(row.published)
        single = published.pop("classes")
        flat |= {f"published_iou_{name}": value for name, value in single.items()}
        flat |= {f"published_{name}": value for name, value in published.items()}
    if row.result is None:
        return flat
    result = row.result
    spreads = {"val": result.val, "test_miou": result.miou, "test_accuracy": result.accuracy}
    names = ("study", "state", "target", "trial", "chosen_by", "objective")
    costs = ("searched", "dimensions", "looks", "iterations", "hours", "protocol", "readings")
    return {
        **flat,
        **{name: getattr(result, name) for name in names},
        "complete": result.counts.complete,
        "pruned": result.counts.pruned,
        "failed": result.counts.failed,
        "fresh_runs_failed": result.failed,
        "fresh_runs_collapsed": result.collapsed,
        **{key: value for name, found in spreads.items() for key, value in _of(name, found)},
        **{name: getattr(result, name) for name in costs},
        **{f"val_iou_{name}": value for name, value in result.classes.items()},
    }


def _of(name: str, found: Spread | None) -> list[tuple[str, float | None]]:
    if found is None:
        return [(f"{name}_mean", None), (f"{name}_deviation", None), (f"{name}_runs", None)]
    return [
        (f"{name}_mean", found.mean),
        (f"{name}_deviation", found.deviation),
        (f"{name}_runs", found.runs),
    ]
