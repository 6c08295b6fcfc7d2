"""NYU-Depth-v2 on pretrained features: what do methods add to frozen K-means, and does depth help?

    python -m benchmarks.nyu features --data NYU --folder FOLDER
    python -m benchmarks.nyu rows --data NYU --folder FOLDER --rows kmeans-rgb,unim2 --trials 20

``features`` measures how long features take, in processes of their own and with an empty cache.
``rows`` tunes each method with equal trials and iterations on val, which is held out of train,
then trains the best trial again with fresh seeds and scores those runs once on test. Every run
that ends is a line of ``results/nyu.jsonl``, and a second call continues behind the last one, so
the table can be filled in small blocks (``--minutes``), also on another machine.
"""

import dataclasses
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.blocks import append_record, read_records
from benchmarks.differences import mean_and_interval
from benchmarks.markdown import markdown_table
from benchmarks.measuring import machine
from benchmarks.records import RESULTS, read_result, write_result
from benchmarks.ridge import ridge_scores
from benchmarks.short_search import ShortSearch, fresh_run
from search.config.configuration import LaunchConfig, resolve
from search.objectives import DEFAULT_OBJECTIVE, find_objective
from search.quality.confirmed import interval_of_mean
from search.quality.expected import Expected, Point, expect
from trainer.commands.setup import run_of
from trainer.config.configuration import TrainConfig
from trainer.config.layers import lay_over
from trainer.config.sources import read_layers
from trainer.config.toml_records import toml_text
from trainer.console.durations import duration_text
from trainer.features import DatasetFeatures, prepare
from trainer.seeds import derive_seed

__all__ = [
    "ROWS",
    "Block",
    "Budget",
    "features_text",
    "read_features",
    "run_row",
    "text",
    "trust_short_text",
    "trust_text",
]

PRESET = "nyu-cpu"
STUDY_SEED = 1
#: Settings of every search; all rows have the sampler of the first ones.
SEARCH: Mapping[str, Any] = {"seed": STUDY_SEED, "sampler": "tpe", "pruner": "none"}
RECORDS = RESULTS / "nyu.jsonl"
DEFAULT = "efficientnet-lite0"  # backbone
VIT = "vit_small_patch14_dinov2"
VIT_FEATURES = {"train_resolution": 224, "eval_resolution": 322}
RIDGE = "ridge"
TIMES = "nyu_features"  # name of the result
NOTHING = "Nothing was measured yet."

RGB: Mapping[str, Any] = {"data": {"modalities": ["rgb"]}}
DEPTH: Mapping[str, Any] = {"data": {"modalities": ["depth"]}}
FROZEN: Mapping[str, Any] = {"method": {"name": "kmeans"}}
IDENTITY: Mapping[str, Any] = {"start": "identity"}
UNIM2: Mapping[str, Any] = {"method": {"options": IDENTITY}}
STEGO: Mapping[str, Any] = {"method": {"name": "stego", "options": IDENTITY}}
RANDOM: Mapping[str, Any] = {"start": "random", "msn_residual": False}

#: Settings added to the preset, by name of the row.
ROWS: Mapping[str, Mapping[str, Any]] = {
    "kmeans-rgb": {**FROZEN, **RGB},
    "kmeans-depth": {**FROZEN, **DEPTH},
    "kmeans-both": {**FROZEN},
    "ridge-rgb": {**RGB},
    "ridge-depth": {**DEPTH},
    "ridge-both": {},
    "stego-rgb": {**STEGO, **RGB},
    "stego-rgb-random": {"method": {"name": "stego"}, **RGB},
    "stego-depth": {**STEGO, **DEPTH},
    "stego-sum": lay_over(STEGO, {"method": {"fusion": "sum"}}),
    "stego-conv": lay_over(STEGO, {"method": {"fusion": "conv"}}),
    # Channel 0 of HHA grows with the inverse of the distance.
    "depthg": {"method": {"name": "depthg", "options": {"values": "inverse"}}},
    "smooseg": {"method": {"name": "smooseg"}},
    "hp": {"method": {"name": "hp"}},
    "eagle": {"method": {"name": "eagle"}},
    "primaps-stego": {"method": {"name": "primaps", "options": {"base": "stego"}}},
    "transfgu": {"method": {"name": "transfgu", "options": {"width": 192}}},
    "coral": {"method": {"name": "coral"}},
    "mmd": {"method": {"name": "mmd"}},
    "cosine": {"method": {"name": "cosine"}},
    "unim2": UNIM2,
    "unim2-first": {"method": {"options": {"start": "first"}}},
    "unim2-random": {"method": {"options": RANDOM}},
    "unim2-no-msn": lay_over(UNIM2, {"method": {"options": {"msn": False}}}),
    "unim2-no-cmh": lay_over(UNIM2, {"method": {"options": {"anchor": "both"}}}),
}

#: Rows that are compared seed by seed.
COMPARED = (
    ("stego-rgb", "kmeans-rgb"),
    ("stego-rgb", "stego-rgb-random"),
    ("stego-sum", "stego-rgb"),
    ("stego-conv", "stego-sum"),
    ("depthg", "stego-rgb-random"),
    ("unim2", "kmeans-both"),
    ("unim2", "kmeans-rgb"),
    ("unim2", "stego-rgb"),
    ("unim2-first", "unim2"),
    ("unim2-first", "kmeans-rgb"),
    ("unim2-first", "stego-rgb"),
    ("unim2", "unim2-random"),
    ("unim2", "unim2-no-msn"),
    ("unim2", "unim2-no-cmh"),
)

#: The row with the preset's own settings, and the one that it has to beat.
BEST_ROW, FROZEN_ROW = "unim2-first", "kmeans-rgb"

Record = dict[str, Any]
app = typer.Typer(help=__doc__, no_args_is_help=True)


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What each row may spend."""

    trials: int
    iterations: int
    evaluations: int
    seeds: int

    def key(self) -> Record:
        """What tells records of other budgets apart; more seeds and trials are added to."""
        return {"iterations": self.iterations, "evaluations": self.evaluations}


@dataclass(frozen=True, kw_only=True)
class Block:
    """One call: what it reads, where it writes, and when it ends."""

    data: Path
    folder: Path
    budget: Budget
    results: Path
    #: Monotonic seconds after which no further run begins.
    until: float
    #: Name of the backbone in the records, and the settings for it.
    backbone: str = DEFAULT
    over: Mapping[str, Any] = field(default_factory=dict)

    def on_vit(self, weights: Path) -> "Block":
        """The same on DINOv2 ViT-S/14 with weights from a file."""
        over = {"backbone": {"name": VIT, "weights": str(weights)}, "features": VIT_FEATURES}
        return dataclasses.replace(self, backbone=f"{VIT} ({weights.stem})", over=over)

    def flags(self, row: str) -> dict[str, Any]:
        """Settings of a row over the preset."""
        size = {
            "data": {"root": str(self.data)},
            "training": {"iterations": self.budget.iterations},
            "evaluation": {"evaluations": self.budget.evaluations},
        }
        return lay_over(lay_over(size, self.over), ROWS[row])

    def train(self, row: str) -> TrainConfig:
        """The run of a row."""
        return run_of(read_layers(PRESET, None, self.flags(row)))

    def launch(self, row: str) -> LaunchConfig:
        """The search of a row: only the collapse rules stop a trial early."""
        search = {"trials": self.budget.trials, **SEARCH}
        return resolve(PRESET, None, {**self.flags(row), "search": search})

    def common(self, row: str, kind: str) -> Record:
        """What every record of a row begins with."""
        record: Record = {"backbone": self.backbone, "row": row, "kind": kind}
        return record if kind == RIDGE else record | self.budget.key()

    def found(self, row: str, kind: str) -> list[Record]:
        """The records that earlier calls made."""
        wanted = self.common(row, kind)
        return [
            record
            for record in read_records(self.results)
            if all(record.get(name) == value for name, value in wanted.items())
        ]

    def append(self, row: str, kind: str, record: Mapping[str, Any]) -> None:
        """Store a record and print it."""
        print(append_record(self.results, {**self.common(row, kind), **record}), flush=True)

    @property
    def time_is_up(self) -> bool:
        """Whether no further run may begin."""
        return time.monotonic() > self.until


def run_row(row: str, block: Block) -> bool:
    """Run what a row lacks; returns whether it is complete."""
    kind = row.partition("-")[0]
    if block.time_is_up:
        return False
    dataset_features = prepare(block.train(row), cache=block.folder / "cache", verify="sizes")
    if kind == RIDGE:
        _run_ridge(row, block, dataset_features)
        return True
    if kind == "kmeans":
        return _run_fresh(row, block, dataset_features, trial=None)
    if not _run_trials(row, block, dataset_features):
        return False
    best = _best(block.found(row, "trial")[: block.budget.trials])
    if best is None:
        print(f"{row}: no complete trial in {block.budget.trials}")
        return True
    return _run_fresh(row, block, dataset_features, trial=best)


def _run_ridge(row: str, block: Block, dataset_features: DatasetFeatures) -> None:
    if block.found(row, RIDGE):
        return
    began = time.process_time()
    scores = ridge_scores(dataset_features, block.train(row).data.modalities)
    seconds = time.process_time() - began
    block.append(row, RIDGE, {"test": dataclasses.asdict(scores), "cpu": seconds})


def _run_trials(row: str, block: Block, dataset_features: DatasetFeatures) -> bool:
    config = block.launch(row)
    while len(ended := block.found(row, "trial")) < block.budget.trials:
        if block.time_is_up:
            return False
        search = ShortSearch(config=config, dataset_features=dataset_features, ended=ended)
        block.append(row, "trial", search.trial())
    return True


def _run_fresh(
    row: str, block: Block, dataset_features: DatasetFeatures, *, trial: Record | None
) -> bool:
    """Fresh runs of the chosen trial; a method without hyper-parameters has none to choose."""
    chosen = {} if trial is None else {"trials": block.budget.trials, "trial": trial["number"]}
    done = {record["seed"] for record in _chosen(block.found(row, "fresh"), chosen.get("trials"))}
    for seed in range(1, block.budget.seeds + 1):
        if seed in done:
            continue
        if block.time_is_up:
            return False
        found = fresh_run(
            block.train(row),
            dataset_features,
            params={} if trial is None else trial["params"],
            seed=derive_seed(STUDY_SEED, "confirm", seed),
            value=find_objective(DEFAULT_OBJECTIVE).value,
        )
        block.append(row, "fresh", {**chosen, "seed": seed, **found})
    return True


def _best(trials: Sequence[Record]) -> Record | None:
    complete = [record for record in trials if record["outcome"] == "complete"]
    return max(complete, key=lambda record: float(record["value"]), default=None)


def _chosen(records: Sequence[Record], trials: int | None) -> list[Record]:
    """The fresh runs of the trial that was chosen from so many."""
    return [record for record in records if record.get("trials") == trials]


def text(records: Sequence[Record]) -> str:
    """A table per backbone and budget, and what was spent."""
    groups: dict[tuple[str, int, int], list[Record]] = {}
    for record in records:
        if record["kind"] != RIDGE:
            key = (record["backbone"], record["iterations"], record["evaluations"])
            groups.setdefault(key, []).append(record)
    if not groups:
        return NOTHING
    parts = []
    for (backbone, iterations, evaluations), own in groups.items():
        ridge = [
            each for each in records if each["kind"] == RIDGE and each["backbone"] == backbone
        ]
        rows = [*_frozen_rows(ridge), *_searched_rows(own)]
        spent = duration_text(sum(record["cpu"] for record in [*own, *ridge]))
        parts += [
            f"{backbone}, {iterations} iterations, {evaluations} evaluations; {spent} of"
            " processor time:",
            markdown_table(COLUMNS, rows),
            *filter(None, ["\n".join(_differences(own))]),
        ]
    return "\n\n".join(parts)


COLUMNS = (
    *("row", "trials", "collapsed", "best on val", "seeds"),
    *("test mIoU", "test accuracy", "test linear mIoU"),
)


def _frozen_rows(ridge: Sequence[Record]) -> Iterator[list[object]]:
    for record in ridge:
        test = record["test"]
        yield [record["row"], "", "", "", "", test["miou"], test["accuracy"], ""]


def _searched_rows(records: Sequence[Record]) -> Iterator[list[object]]:
    """Rows in the order of :data:`ROWS`, one per number of trials from which was chosen."""
    for row in ROWS:
        own = [record for record in records if record["row"] == row]
        trials = [record for record in own if record["kind"] == "trial"]
        fresh = [record for record in own if record["kind"] == "fresh"]
        counts = sorted({record.get("trials", 0) for record in fresh})
        for count in counts or ([len(trials)] if trials else []):
            yield _searched_row(row, trials[:count], _chosen(fresh, count or None))


def _searched_row(row: str, trials: Sequence[Record], fresh: Sequence[Record]) -> list[object]:
    best = _best(trials)
    return [
        row,
        len(trials) or "",
        sum(record["outcome"] != "complete" for record in trials) if trials else "",
        "" if best is None else best["value"],
        len(fresh) or "",
        _spread([record["test"]["miou"] for record in fresh]),
        _spread([record["test"]["accuracy"] for record in fresh]),
        _spread([record["test linear"]["miou"] for record in fresh]),
    ]


def _differences(records: Sequence[Record]) -> Iterator[str]:
    """Lines that compare two rows seed by seed: all rows share their seeds."""
    for row, other in COMPARED:
        found = [_test_miou(records, name) for name in (row, other)]
        common = sorted(found[0].keys() & found[1].keys())
        if len(common) < 2:
            continue
        gaps = [found[0][seed] - found[1][seed] for seed in common]
        yield (
            f"- {row} minus {other}: {mean_and_interval(gaps, digits=1)} test mIoU over"
            f" {len(gaps)} seeds"
        )


def _test_miou(records: Sequence[Record], row: str) -> dict[int, float]:
    """Test mIoU of a row's fresh runs by seed, of those chosen from the most trials."""
    fresh = _from_most([each for each in records if each["row"] == row])
    return {each["seed"]: each["test"]["miou"] for each in fresh}


def _from_most(own: Sequence[Record]) -> list[Record]:
    """The fresh runs of a row that were chosen from the most trials."""
    fresh = [record for record in own if record["kind"] == "fresh"]
    most = max((record.get("trials", 0) for record in fresh), default=0)
    return [record for record in fresh if record.get("trials", 0) == most]


def trust_text(records: Sequence[Record]) -> str:
    """What the best trial claims, what the model of all trials expects of it, what seeds confirm.

    Values are those of the objective on val.
    """
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record["kind"] != RIDGE:
            groups.setdefault((record["backbone"], record["row"]), []).append(record)
    found = [
        [backbone, row, *_trust(row, groups[backbone, row])]
        for backbone in dict.fromkeys(backbone for backbone, _ in groups)
        for row in ROWS
        if _from_most(groups.get((backbone, row), []))
    ]
    if not found:
        return NOTHING
    return "\n\n".join([markdown_table(TRUST_COLUMNS, found), *filter(None, [_apart(found)])])


def trust_short_text(records: Sequence[Record]) -> str:
    """The same of the preset's method, beside K-means, for the front page."""
    own = {
        row: [each for each in records if each["row"] == row and each["backbone"] == DEFAULT]
        for row in (BEST_ROW, FROZEN_ROW)
    }
    if not all(map(_from_most, own.values())):
        return NOTHING
    _, claimed, expected, confirmed, interval = _trust(BEST_ROW, own[BEST_ROW])
    *_, frozen, around = _trust(FROZEN_ROW, own[FROZEN_ROW])
    return (
        f"Claimed {claimed:.1f}, expected {expected:.1f}, confirmed {confirmed:.1f} ({interval});"
        f" K-means of the frozen features of RGB {frozen:.1f} ({around})."
    )


def _apart(rows: Sequence[Sequence[object]]) -> str:
    """How far claims and expectations are from what was confirmed, on average over rows."""
    lines = []
    for name in ("claimed", "expected"):
        column, confirmed = (TRUST_COLUMNS.index(each) for each in (name, "confirmed"))
        pairs = [(row[column], row[confirmed]) for row in rows]
        gaps = [
            one - other
            for one, other in pairs
            if isinstance(one, float) and isinstance(other, float)
        ]
        if len(gaps) > 1:
            lines.append(
                f"- {name} minus confirmed: {statistics.fmean(gaps):+.1f} on average over"
                f" {len(gaps)} rows, {min(gaps):+.1f} to {max(gaps):+.1f}"
            )
    return "\n".join(lines)


TRUST_COLUMNS = ("backbone", "row", "trials", "claimed", "expected", "confirmed", "95 % interval")


def _trust(row: str, own: Sequence[Record]) -> list[object]:
    """The number of trials, and the three numbers."""
    fresh = _from_most(own)
    values, count = [record["value"] for record in fresh], fresh[0].get("trials", 0)
    low, high = interval_of_mean(values) or (math.nan, math.nan)
    trials = [record for record in own if record["kind"] == "trial"][:count]
    best = _best(trials)
    return [
        count or "",
        "" if best is None else best["value"],
        "" if best is None else _expected(row, trials, best["number"]),
        statistics.fmean(values),
        f"{low:.1f} to {high:.1f}",
    ]


def _expected(row: str, trials: Sequence[Record], number: int) -> object:
    """What the model says of a trial; a dash where it says nothing."""
    points = [
        Point(
            number=record["number"],
            params=record["params"],
            value=record["value"],
            kind=record["outcome"],
        )
        for record in trials
    ]
    found = expect(points, resolve(PRESET, None, dict(ROWS[row])).space())
    return dict(found.ranking)[number] if isinstance(found, Expected) else "-"


def _spread(values: Sequence[float]) -> str:
    """Mean and deviation over seeds."""
    if len(values) < 2:
        return "".join(f"{value:.1f}" for value in values)
    return f"{statistics.fmean(values):.1f} ± {statistics.stdev(values):.1f}"


@app.command()
def rows(
    data: Annotated[Path, typer.Option(help="Folder of NYU-Depth-v2.")],
    folder: Annotated[Path, typer.Option(help="Folder of the feature cache.")],
    rows: Annotated[str, typer.Option(help="Names of rows, separated by commas.")] = ",".join(
        ROWS
    ),
    trials: Annotated[int, typer.Option(help="Trials of each row.")] = 20,
    iterations: Annotated[int, typer.Option(help="Iterations of each run.")] = 400,
    evaluations: Annotated[int, typer.Option(help="Evaluations of each run.")] = 10,
    seeds: Annotated[int, typer.Option(help="Fresh runs of the best trial, scored on test.")] = 5,
    weights: Annotated[Path | None, typer.Option(help="Weights of DINOv2 ViT-S/14.")] = None,
    minutes: Annotated[float, typer.Option(help="Begin no run after so long.")] = 1e6,
    results: Annotated[Path, typer.Option(help="File of the records.")] = RECORDS,
) -> None:
    """Run what the rows lack, and print the table."""
    wanted = rows.split(",")
    if unknown := [row for row in wanted if row not in ROWS]:
        sys.exit(f"--rows {unknown[0]} is not known: choose from {', '.join(ROWS)}")
    torch.set_num_threads(1)  # sums in one order, on every machine
    block = Block(
        data=data,
        folder=folder,
        budget=Budget(trials=trials, iterations=iterations, evaluations=evaluations, seeds=seeds),
        results=results,
        until=time.monotonic() + 60 * minutes,
    )
    if weights is not None:
        block = block.on_vit(weights)
    for row in wanted:
        if not run_row(row, block):
            print(f"{row}: not complete, run the command again")
    print(text(read_records(results)))


# How long features take


@app.command()
def features(
    data: Annotated[Path, typer.Option(help="Folder of NYU-Depth-v2.")],
    folder: Annotated[Path, typer.Option(help="Folder for a feature cache; must not exist.")],
) -> None:
    """Compute features with an empty cache, then others that need less, and save the times."""
    found = []
    for name, tables in FEATURES.items():
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            over = {**tables, "data": {"root": str(data), **tables.get("data", {})}}
            file.write(toml_text({"base": PRESET, **over}))
            file.flush()
            command = [sys.executable, "-m", "trainer", "features", file.name]
            found.append({"features": name, **_timed([*command, "--cache", str(folder)])})
        print(found[-1], flush=True)
    print(write_result(TIMES, {"rows": found, "machine": machine(torch.device("cpu"))}))
    print(features_text(read_features()))


#: What is computed, one after the other in one cache: settings added to the preset.
FEATURES: Mapping[str, Mapping[str, Any]] = {
    "EfficientNet-Lite0, RGB and depth": {},
    "the same on RGB alone": {"data": {"modalities": ["rgb"]}},
    "another backbone, RGB and depth": {"backbone": {"name": "efficientnet-lite0", "blocks": [4]}},
}


def _timed(command: Sequence[str]) -> Record:
    """Seconds of a command, and of the processors it and its children used."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "wall": time.monotonic() - began,
        "user": after.ru_utime - before.ru_utime,
        "system": after.ru_stime - before.ru_stime,
        "busy before": load,
        "cores": cores,
    }


def read_features() -> Record:
    """The saved times; no rows if there are none."""
    return {"rows": []} | read_result(TIMES)


def features_text(table: Mapping[str, Any]) -> str:
    """The times as a table."""
    if not table["rows"]:
        return NOTHING
    head = ("features", "elapsed, s", "user, s", "system, s", "system share", "load before")
    lines = [
        [
            row["features"],
            *(row[name] for name in ("wall", "user", "system")),
            f"{100 * row['system'] / (row['user'] + row['system']):.0f} %",
            row["busy before"],
        ]
        for row in table["rows"]
    ]
    cores, threads = table["rows"][0]["cores"], table["machine"]["threads"]
    return (
        f"{markdown_table(head, lines)}\n\n{cores} cores, PyTorch on {threads}. *load before*:"
        " processes that wanted a core when the command began. With others on the machine the"
        " elapsed time includes waiting for them, so read the processor's seconds."
    )


if __name__ == "__main__":
    app()
