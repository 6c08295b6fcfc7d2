"""Does depth help? UniM2 on RGB+depth against STEGO on RGB and on the sum of both.

    python -m benchmarks.comparison --storage embedded:FOLDER/postgres --folder FOLDER

Searches of 200 trials for each method on three scene seeds that were fixed before looking at any
of them. Trials, iterations, evaluations and ranges are equal, and nothing is pruned. The best
trial on val is reported on test, next to ridge regression on the same frozen features, which shows
what is possible with labels. ``unim2-identity`` starts at the frozen features. K-means of these,
with nothing to search, is one trial per set of scenes. Rows that the results have are kept; delete
them to run their searches again.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.markdown import markdown_table
from benchmarks.records import read_result, read_searches, write_result
from benchmarks.ridge import ridge_scores
from benchmarks.searches import UNPRUNED, Paths, Search, finish
from trainer.features import prepare

__all__ = ["COLUMNS", "METHODS", "SCENES", "TRIALS", "TUNED", "searches", "short_text", "text"]

#: Seeds of the scenes; the scenes were designed on seed 0.
SCENES = (1, 2, 3)
STUDY_SEED = 1
TRIALS = 200

#: Settings added to the preset ``rooms``, by name in the table.
METHODS: Mapping[str, Mapping[str, Any]] = {
    "unim2": {},
    "unim2-identity": {"method": {"options": {"start": "identity", "msn_residual": True}}},
    "stego-rgb": {"method": {"name": "stego"}, "data": {"modalities": ["rgb"]}},
    "stego-sum": {"method": {"name": "stego", "fusion": "sum"}},
    "kmeans-rgb": {"method": {"name": "kmeans"}, "data": {"modalities": ["rgb"]}},
    "kmeans": {"method": {"name": "kmeans"}},
}
#: The methods, as the front page calls them.
PLAIN: Mapping[str, str] = {
    "unim2": "UniM2 on RGB and depth",
    "unim2-identity": "UniM2, starting at the frozen features",
    "stego-rgb": "STEGO on RGB",
    "stego-sum": "STEGO on the sum of both",
    "kmeans-rgb": "K-means of the frozen features of RGB",
    "kmeans": "K-means of those of both",
}
#: Methods with something to search.
TUNED = tuple(name for name in METHODS if not name.startswith("kmeans"))


def searches() -> dict[tuple[str, int], Search]:
    """All searches of the comparison by method and scenes."""
    return {(method, scene): _search(method, scene) for scene in SCENES for method in METHODS}


def _search(method: str, scene: int) -> Search:
    over = METHODS[method]
    length = {"trials": TRIALS} if method in TUNED else {"trials": 1, "space": "fixed"}
    tables = {
        **over,
        "search": {**length, "seed": STUDY_SEED, **UNPRUNED},
        "data": {**over.get("data", {}), "seed": scene},
    }
    return Search(study=f"comparison-{method}-scenes-{scene}", preset="rooms", tables=tables)


def _row(method: str, scene: int, places: Paths) -> dict[str, Any]:
    """The result of one search, in percent."""
    study = _search(method, scene).study
    view, config, runs = read_searches(places.storage, [study])[study]
    assert view.best is not None and view.test is not None, f"{study} is not finished"
    best = runs[view.best.number]
    dataset_features = prepare(config.train, cache=places.folder / "cache")
    ridge = ridge_scores(dataset_features, config.train.data.modalities)
    return {
        "method": method,
        "scene": scene,
        "trials": len(runs),
        "best trial": best.number,
        "value": best.value,
        "val mIoU": best.reports[-1].cluster.miou,
        "test mIoU": view.test["cluster"]["miou"],
        "test accuracy": view.test["cluster"]["accuracy"],
        "test linear mIoU": view.test["linear"]["miou"],
        "test ridge mIoU": ridge.miou,
        "parameters": dict(best.parameters),
    }


COLUMNS = (
    "best trial",
    "value",
    "val mIoU",
    "test mIoU",
    "test accuracy",
    "test linear mIoU",
    "test ridge mIoU",
)


def text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table of all searches, the mean of each method, and the gain from depth."""
    table = markdown_table(
        ("method", "scenes", *COLUMNS),
        [(row["method"], row["scene"], *(row[name] for name in COLUMNS)) for row in rows],
    )
    found = _measured(rows)
    means = markdown_table(
        ("method", "test mIoU, mean ± deviation over scenes"),
        [(method, _mean(rows, method)) for method in found],
    )
    gaps = [
        f"- {method} minus {other}: {_gap(rows, method, other)}"
        for method in found
        if method.startswith("unim2")
        for other in found
        if not other.startswith("unim2")
    ]
    return "\n\n".join([table, means, "\n".join(gaps)])


def short_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Only the means."""
    return markdown_table(
        ("method", "test mIoU"), [(PLAIN[name], _mean(rows, name)) for name in _measured(rows)]
    )


def _measured(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The methods that have results on all scenes."""
    found = _by_search(rows)
    return [name for name in METHODS if all((name, scene) in found for scene in SCENES)]


def _mean(rows: Sequence[Mapping[str, Any]], method: str) -> str:
    values = np.array([row["test mIoU"] for row in rows if row["method"] == method])
    return f"{values.mean():.1f} ± {values.std(ddof=1):.1f}"


def _gap(rows: Sequence[Mapping[str, Any]], method: str, other: str) -> str:
    by, column = _by_search(rows), "test mIoU"
    gaps = np.array([by[method, scene][column] - by[other, scene][column] for scene in SCENES])
    return f"{gaps.mean():+.1f} points on the mean ({', '.join(f'{gap:+.1f}' for gap in gaps)})"


def main(
    storage: Annotated[str, typer.Option(help="Database of the searches.")],
    folder: Annotated[Path, typer.Option(help="Folder of caches and checkpoints.")],
) -> None:
    """Run missing searches, print the table, and save it as results/comparison.json."""
    places = Paths(storage=storage, folder=folder)
    rows = _by_search(read_result("comparison").get("rows", ()))
    for (method, scene), search in searches().items():
        if (method, scene) not in rows:
            finish(search, places)
            rows[method, scene] = _row(method, scene, places)
            write_result("comparison", {"rows": _in_order(rows)})
    print(text(_in_order(rows)))


def _by_search(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], Mapping[str, Any]]:
    return {(row["method"], row["scene"]): row for row in rows}


def _in_order(rows: Mapping[tuple[str, int], Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows, method by method."""
    return [rows[key] for key in itertools.product(METHODS, SCENES) if key in rows]


if __name__ == "__main__":
    typer.run(main)
