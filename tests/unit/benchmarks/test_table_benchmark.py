"""The kept result of a comparison table: rows of several calls together."""

from typing import Any

from benchmarks.table import text, with_earlier


def row(name: str, state: str, miou: float | None = None) -> dict[str, Any]:
    spread = None if miou is None else {"mean": miou, "deviation": 1.0, "runs": 5}
    return {
        "texts": {"label": name, "modalities": "rgb", "fusion": ""},
        "result": {
            "study": f"rooms-{name}",
            "state": state,
            "counts": {"collapsed": 1, "behind": 2},
            "target": 40,
            "miou": spread,
            "accuracy": spread,
            "searched": 7,
            "iterations": 100,
            "hours": None if miou is None else 0.5,
        },
    }


def test_rows_that_are_not_finished_keep_their_earlier_result() -> None:
    quoted = {"texts": {"label": "quoted"}, "result": None}
    earlier: dict[str, Any] = {"rows": [row("a", "finished", 1.0), row("b", "finished", 2.0)]}
    found: dict[str, Any] = {
        "seeds": 5,
        "rows": [
            row("a", "not started"),
            row("b", "finished", 3.0),
            row("c", "searching"),
            quoted,
        ],
    }

    merged = with_earlier(found, earlier)

    assert [(each["result"] or {}).get("miou") for each in merged["rows"]] == [
        earlier["rows"][0]["result"]["miou"],
        found["rows"][1]["result"]["miou"],
        None,
        None,
    ]
    assert merged["finished"] == 2
    assert "| a | rgb | - | 1.0 ± 1.0 |" in text(merged)
    assert "| c |" not in text(merged)
    assert "Together 60 minutes" in text(merged)


def test_without_an_earlier_result_the_table_is_as_it_was_printed() -> None:
    found = {"seeds": 5, "rows": [row("a", "finished", 1.0), row("b", "searching")]}
    assert with_earlier(found, {}) == {**found, "finished": 1}
