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
    expectation,
    from_clone,
    gains,
    lambda_and_b,
    nyu,
    pictures,
    reliability,
    report,
    table,
)
from benchmarks.records import RESULTS
from tests import inputs
from tests.inputs.table import text as inputs_text

__all__ = ["PAGES", "TEXTS", "filled", "main"]

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "docs/comparison.md",
    "docs/collapse.md",
    "docs/data.md",
    "docs/lambda-and-b.md",
    "docs/nyu.md",
    "docs/operations.md",
    "docs/reliability.md",
    "docs/report.md",
    "docs/search-quality.md",
    "docs/tables.md",
)


def _result(name: str) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return table


def _last_result(name: str) -> dict[str, Any]:
    """The last measurement of a file with one per line."""
    lines = (RESULTS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    table: dict[str, Any] = json.loads(lines[-1])
    return table


#: Texts in the documents, by the name used there.
TEXTS: Mapping[str, Callable[[], str]] = {
    "from clone": lambda: from_clone.text(_result("from_clone")),
    "comparison": lambda: comparison.text(_result("comparison")["rows"]),
    "comparison in short": lambda: comparison.short_text(_result("comparison")["rows"]),
    "collapse": lambda: collapse.text(_result("collapse")["rows"]),
    "collapse on images": lambda: collapse.image_text(collapse.image_rows()),
    "expectation": lambda: expectation.text(_result("expectation")["rows"]),
    "gains": lambda: gains.text(_result("gains")["rows"]),
    "lambda and b": lambda: lambda_and_b.text(*lambda_and_b.read()),
    "rooms table": lambda: table.text(_result("table-rooms")),
    "nyu": lambda: nyu.text(nyu.read_records()),
    "nyu features": lambda: nyu.features_text(nyu.read_features()),
    "pictures": lambda: pictures.text(_last_result("pictures")),
    "report": lambda: report.text(_last_result("report")),
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
