"""Which values of lambda and b make runs collapse, and which are good, from a recorded search.

    python -m benchmarks.lambda_and_b

Reads results/collapse.json and collapse-runs.jsonl.gz, written by `benchmarks.collapse`: 200 runs
whose settings were drawn uniformly. Writes docs/pictures/lambda-and-b.png and .svg, and prints the
tables of docs/lambda-and-b.md.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from benchmarks.collapse import MARGIN
from benchmarks.markdown import markdown_table
from benchmarks.records import RecordedRun, read_kept_runs, read_result

__all__ = ["draw", "text"]

STUDY = "collapse-rooms-seed-1"
PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
PAIRS = ("self", "knn", "random")
BINS = 4  # of [0, 1], for the tables
GOOD = 20  # number of best runs


def read() -> tuple[list[RecordedRun], float]:
    """The recorded runs, and the val mIoU up to which a run counts as collapsed."""
    row = next(row for row in read_result("collapse")["rows"] if row["search"] == STUDY)
    return read_kept_runs("collapse-runs", STUDY), row["constant mIoU"] + MARGIN


def draw(runs: Sequence[RecordedRun], limit: float) -> Figure:
    """One panel per pair: lambda against b, coloured by val mIoU, collapsed runs crossed."""
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    last = _last(runs)
    fallen = last <= limit
    panels = figure.subplots(1, len(PAIRS), sharey=True)
    for axes, pair in zip(panels, PAIRS, strict=True):
        weight, bias = _values(runs, f"lambda_{pair}"), _values(runs, f"b_{pair}")
        points = axes.scatter(
            bias[~fallen], weight[~fallen], c=last[~fallen], s=34, cmap="viridis", vmin=0
        )
        axes.scatter(bias[fallen], weight[fallen], marker="x", s=46, color="#d62728", lw=1.8)
        axes.set(title=f"{pair} pairs", xlabel=f"b_{pair}", xlim=(-0.03, 1.03))
        axes.set(ylim=(-0.03, 1.03))
        axes.set_ylabel("lambda of the pair")
    figure.colorbar(points, ax=panels, label="val mIoU at the end, percent", pad=0.01)
    mark = Line2D([], [], marker="x", color="#d62728", ls="", label="collapsed", mew=1.8)
    figure.legend(handles=[mark], loc="outside lower left")
    figure.suptitle(f"{len(runs)} runs of UniM2 on rooms, settings drawn evenly")
    return figure


def text(runs: Sequence[RecordedRun], limit: float) -> str:
    """Number of collapsed runs, and of the best runs, in each part of each range."""
    last = _last(runs)
    best = np.isin(np.arange(len(runs)), np.argsort(-last)[:GOOD])
    rows = []
    for name in (f"{kind}_{pair}" for pair in PAIRS for kind in ("lambda", "b")):
        part = np.minimum((_values(runs, name) * BINS).astype(int), BINS - 1)
        cells = [_cell(part == index, last <= limit, best) for index in range(BINS)]
        rows.append([name, *cells])
    header = [f"{index / BINS:g} to {(index + 1) / BINS:g}" for index in range(BINS)]
    return markdown_table(["hyper-parameter", *header], rows)


def _cell(inside: NDArray[np.bool_], fallen: NDArray[np.bool_], best: NDArray[np.bool_]) -> str:
    return f"{(inside & fallen).sum()} / {(inside & best).sum()} of {inside.sum()}"


def _last(runs: Sequence[RecordedRun]) -> NDArray[np.float64]:
    return np.array([np.nan_to_num(run.reports[-1].cluster.miou) for run in runs])


def _values(runs: Sequence[RecordedRun], name: str) -> NDArray[np.float64]:
    return np.array([run.parameters[name] for run in runs])


def main() -> None:
    """Draw the picture and print the tables."""
    runs, limit = read()
    PICTURES.mkdir(parents=True, exist_ok=True)
    figure = draw(runs, limit)
    for suffix in ("png", "svg"):
        figure.savefig(
            PICTURES / f"lambda-and-b.{suffix}",
            dpi=110,
            metadata={"Date": None} if suffix == "svg" else None,
        )
    print(f"{len(runs)} runs; collapsed / among the {GOOD} best, of the runs in each quarter")
    print(text(runs, limit))


if __name__ == "__main__":
    main()
