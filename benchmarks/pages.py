"""Write measured results from benchmarks/results, and tested tables, into the documents.

    python -m benchmarks.pages

A document marks the place of a text by ``<!-- measured: NAME -->`` and ``<!-- end -->``. A test
checks that the documents match the results.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import (
    collapse,
    comparison,
    driver_cost,
    driver_scale,
    expectation,
    feature_cost,
    from_clone,
    gains,
    lambda_and_b,
    memory,
    nyu,
    pictures,
    precision,
    reliability,
    report,
    slots,
    speed_up,
    start,
    step,
    step_parts,
    table,
    trivial_trials,
)
from benchmarks.blocks import read_records
from benchmarks.records import RESULTS, read_result
from benchmarks.search_quality import (
    calibration,
    confirmed,
    public_table,
    released_search,
    replay,
)
from tests import inputs
from tests.inputs.table import text as inputs_text

__all__ = ["PAGES", "TEXTS", "filled", "main"]

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "docs/comparison.md",
    "docs/choosing-without-labels.md",
    "docs/collapse.md",
    "docs/data.md",
    "docs/lambda-and-b.md",
    "docs/nyu.md",
    "docs/operations.md",
    "docs/reliability.md",
    "docs/report.md",
    "docs/search-quality.md",
    "docs/speed.md",
    "docs/tables.md",
)


def _results(name: str) -> list[dict[str, Any]]:
    """The measurements of a file with one per line, the oldest first; none without the file."""
    path = RESULTS / f"{name}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines]


def _last_result(name: str) -> dict[str, Any]:
    """The last measurement of a file with one per line."""
    return _results(name)[-1]


def _newest(
    name: str, text: Callable[[Mapping[str, Any]], str], *alike: str, gpu: bool = False
) -> str:
    """The newest measurements of a benchmark, one below the other.

    Args:
        name: The benchmark.
        text: Its text of a measurement.
        alike: Keys of a measurement; of those with equal values, only the newest is shown.
        gpu: Whether to show measurements on a GPU, or else those on a CPU.
    """
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in _results(name):
        found = {**record, **record.get("machine", {})}
        if (found["device"] != "cpu") is gpu:
            newest[tuple(found[key] for key in alike)] = record
    command = f"`python -m benchmarks.{name}{' --device cuda' * gpu}`"
    return "\n\n".join(map(text, newest.values())) or f"Not measured yet: {command}."


#: Texts in the documents, by the name used there.
TEXTS: Mapping[str, Callable[[], str]] = {
    "from clone": lambda: from_clone.text(read_result("from_clone")),
    "comparison": lambda: comparison.text(read_result("comparison")["rows"]),
    "comparison in short": lambda: comparison.short_text(read_result("comparison")["rows"]),
    "collapse": lambda: collapse.text(read_result("collapse")["rows"]),
    "calibration": lambda: calibration.text(public_table.read_table(), public_table.read_sets()),
    "recorded runs": lambda: public_table.text(
        public_table.read_table(), public_table.read_sets()
    ),
    "collapse on images": lambda: collapse.image_text(collapse.image_rows()),
    "expectation": lambda: expectation.text(read_result("expectation")["rows"]),
    "search replay": lambda: replay.text(replay.read_replays()),
    "released search": lambda: released_search.text(read_records(released_search.PATH)),
    "confirmed studies": lambda: confirmed.text(read_records(confirmed.PATH)),
    "confirmed in short": lambda: confirmed.short_text(read_records(confirmed.PATH)),
    "gains": lambda: gains.text(read_result("gains")["rows"]),
    "lambda and b": lambda: lambda_and_b.text(*lambda_and_b.read()),
    "rooms table": lambda: table.text(read_result("table-rooms")),
    "nyu": lambda: nyu.text(_results("nyu")),
    "nyu trust": lambda: nyu.trust_text(_results("nyu")),
    "nyu trust in short": lambda: nyu.trust_short_text(_results("nyu")),
    "nyu features": lambda: nyu.features_text(nyu.read_features()),
    "pictures": lambda: pictures.text(_last_result("pictures")),
    "report": lambda: report.text(_last_result("report")),
    "driver cost": lambda: _newest("driver_cost", driver_cost.text),
    "driver scale": lambda: _newest("driver_scale", driver_scale.text),
    "feature cost": lambda: _newest("feature_cost", feature_cost.text, "threads"),
    "feature cost on a GPU": lambda: _newest("feature_cost", feature_cost.text, gpu=True),
    "memory": lambda: _newest("memory", memory.text, "preset"),
    "slots": lambda: _newest("slots", slots.text, "threads"),
    "slots on a GPU": lambda: _newest("slots", slots.text, gpu=True),
    "precision": lambda: _newest("precision", precision.text),
    "precision on a GPU": lambda: _newest("precision", precision.text, gpu=True),
    "speed up": lambda: speed_up.text(_results("speed_up")),
    "start": lambda: _newest("start", start.text),
    "step": lambda: _newest("step", step.text, "threads"),
    "step on a GPU": lambda: _newest("step", step.text, gpu=True),
    "step parts": lambda: _newest("step_parts", step_parts.text),
    "step parts on a GPU": lambda: _newest("step_parts", step_parts.text, gpu=True),
    "trivial trials": lambda: _newest("trivial_trials", trivial_trials.text),
    "inputs": lambda: inputs_text(inputs.ROWS),
    **reliability.TEXTS,
}


def filled(page: str) -> str:
    """A document with the current results in their places.

    Args:
        page: The document's text.

    Raises:
        KeyError: If it asks for an unknown text.
    """

    def fill(found: re.Match[str]) -> str:
        return f"<!-- measured: {found[1]} -->\n{TEXTS[found[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- measured: (.+?) -->\n.*?<!-- end -->", fill, page, flags=re.DOTALL)


def main() -> None:
    """Update every document that differs."""
    for name in PAGES:
        path = ROOT / name
        before = path.read_text(encoding="utf-8")
        after = filled(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
        print(f"{name}: {'written' if after != before else 'unchanged'}")


if __name__ == "__main__":
    main()
