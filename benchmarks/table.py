"""A comparison table by the real command; its result is kept for documents.

    python -m benchmarks.table [TABLE.toml] --storage embedded:FOLDER/postgres --folder FOLDER

The command continues a table that was stopped, and only reads one that is finished. With
``--rows NAMES`` it runs these rows alone, and keeps what was saved of the others.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.markdown import markdown_table
from benchmarks.records import read_result, write_result

__all__ = ["text", "with_earlier"]

FINISHED = "finished"
ROOMS = Path(__file__).parents[1] / "tables/rooms.toml"
HEADER = (
    "method",
    "modalities",
    "fusion",
    "mIoU",
    "accuracy",
    "trials",
    "pruned",
    "searched",
    "iterations",
)


def text(found: Mapping[str, Any]) -> str:
    """The finished rows of a table, and what they cost together.

    Args:
        found: What ``python -m search table TABLE.toml --json`` printed.
    """
    measured = [row for row in found["rows"] if _is_finished(row)]
    hours = sum(row["result"]["hours"] for row in measured)
    return "\n\n".join(
        [
            markdown_table(HEADER, [_cells(row) for row in measured]),
            f"Mean ± standard deviation on test over {found['seeds']} fresh seeds of each row's"
            f" best trial. Together {60 * hours:.0f} minutes.",
        ]
    )


def with_earlier(found: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """The table with the earlier results of rows that it has not finished.

    Args:
        found: What the command printed.
        earlier: The same, as it was saved before; empty if it was not.
    """
    finished = {
        row["result"]["study"]: row for row in earlier.get("rows", ()) if _is_finished(row)
    }
    rows = [
        row
        if row["result"] is None or _is_finished(row)
        else finished.get(row["result"]["study"], row)
        for row in found["rows"]
    ]
    return {**found, "rows": rows, "finished": sum(map(_is_finished, rows))}


def _is_finished(row: Mapping[str, Any]) -> bool:
    return row["result"] is not None and row["result"]["state"] == FINISHED


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    texts, result = row["texts"], row["result"]
    counts = result["counts"]
    return (
        texts["label"],
        texts["modalities"],
        texts["fusion"] or "-",
        _spread(result["miou"]),
        _spread(result["accuracy"]),
        str(result["target"]),
        str(counts["collapsed"] + counts["behind"]),
        str(result["searched"]),
        str(result["iterations"]),
    )


def _spread(found: Mapping[str, Any] | None) -> str:
    """A score over the seeds; a row without a usable run has none."""
    return "-" if found is None else f"{found['mean']:.1f} ± {found['deviation']:.1f}"


def main(
    storage: Annotated[str, typer.Option(help="Database of the studies.")],
    folder: Annotated[Path, typer.Option(help="Folder of caches, checkpoints and pages.")],
    table: Annotated[Path, typer.Argument(help="The table.")] = ROOMS,
    rows: Annotated[str | None, typer.Option(help="Rows to run. Default: all.")] = None,
) -> None:
    """Run or continue the table, and save it as results/table-NAME.json."""
    command = [sys.executable, "-m", "search", "table", str(table), "--json", "--plain"]
    command += ["--storage", storage, "--out", str(folder / "out")]
    command += [f"--{name}={folder / name}" for name in ("cache", "checkpoints")]
    command += [] if rows is None else ["--rows", rows]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"the table ended with exit code {done.returncode}: run the command again")
    found = json.loads(done.stdout)
    name = f"table-{found['name']}"
    written = write_result(name, with_earlier(found, read_result(name)))
    print(text(json.loads(written.read_text(encoding="utf-8"))))  # rounded, as the page has it
    print(written)


if __name__ == "__main__":
    typer.run(main)
