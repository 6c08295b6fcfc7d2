"""How far what a search claims and expects is from what fresh runs confirm.

    python -m benchmarks.search_quality.confirmed --storage embedded:DB --folder FOLDER

Each study is a search of the preset `rooms` with a seed of its own, run with the real commands
`launch` and `confirm`. A line per study is added to results/confirmed.jsonl, and another call
continues, also in the middle of a study. With `--start identity`, every run of the studies starts
at the frozen features (``docs/backbones.md``); `--sampler` names another sampler
than the default, and studies of the same seed are compared.
"""

import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.blocks import append_record, read_records
from benchmarks.differences import mean_and_interval
from benchmarks.markdown import markdown_table
from benchmarks.measuring import RESULTS, processor
from search.config.configuration import SearchConfig

__all__ = ["PATH", "record_of", "short_text", "text"]

PATH = RESULTS / "confirmed.jsonl"
PRESET = "rooms"
STUDIES = 10
TARGET = 0.5  # points between the expected and the confirmed value
#: References that every confirmation trains, and how lines call them.
REFERENCES: Mapping[str, str] = {"defaults": "the defaults", "kmeans": "K-means"}
#: Settings over the preset, by where training starts.
STARTS: Mapping[str, str] = {
    "random": "",
    "identity": '[method.options]\nstart = "identity"\nmsn_residual = true\n',
}

#: The starts, as the front page calls them.
PLAIN: Mapping[str, str] = {"random": "at random weights", "identity": "at the frozen features"}

Kind = tuple[str, str]  # start and sampler
Studies = list[Mapping[str, Any]]


def record_of(status: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a confirmed study.

    Args:
        status: What `status --json` prints.

    Returns:
        What it claims, expects and confirms; of the confirmed, also the trial that the model
        prefers, and the trial with the best value if that was among the finalists.
    """
    claimed, expected, confirmed = (status[key] for key in ("claimed", "expected", "confirmed"))
    fresh = {each["trial"]: each["value"] for each in confirmed["finalists"]}
    return {
        "claimed": claimed["value"],
        "claimed trial": claimed["trial"],
        "expected": None if expected is None else expected["value"],
        "expected interval": None if expected is None else expected["interval"],
        "expected trial": None if expected is None else expected["trial"],
        "confirmed": confirmed["value"],
        "confirmed interval": confirmed["interval"],
        "confirmed trial": confirmed["trial"],
        "held out": confirmed["held_out"],
        "confirmed of the claimed": fresh.get(claimed["trial"]),
        "confirmed of the expected": None if expected is None else fresh.get(expected["trial"]),
        "references": {name: each["value"] for name, each in confirmed["references"].items()},
    }


def text(records: Sequence[Mapping[str, Any]]) -> str:
    """The table of studies, and how far the numbers are apart."""
    if not records:
        return "Not measured yet: `python -m benchmarks.search_quality.confirmed`."
    header = (
        *("start", "sampler", "seed", "claimed", "expected", "confirmed", "defaults", "K-means"),
        *("launch", "confirm"),
    )
    rows = [
        (
            each["start"],
            each["sampler"],
            each["seed"],
            f"{each['claimed']:.2f}",
            "" if each["expected"] is None else f"{each['expected']:.2f}",
            _with_interval(each["confirmed"], each["confirmed interval"]),
            *(f"{each['references'][name]:.2f}" for name in REFERENCES),
            f"{each['launch seconds']:.0f} s",
            f"{each['confirm seconds']:.0f} s",
        )
        for each in records
    ]
    first = records[0]
    about = (
        f"{len(records)} search{'' if len(records) == 1 else 'es'} of {first['trials']} trials,"
        f" {first['iterations']} iterations each, on {first['processor']};"
        f" {first['seeds']} fresh runs of each of {first['top']} finalists:"
    )
    kinds = list(_kinds(records).items())
    found = [f"{_name(kind)}:\n\n{_apart(own)}\n{_gains(own)}" for kind, own in kinds]
    return "\n\n".join([about, markdown_table(header, rows), *found, *_leads(kinds)])


def _kinds(records: Sequence[Mapping[str, Any]]) -> dict[Kind, Studies]:
    kinds: dict[Kind, Studies] = {}
    for each in records:
        kinds.setdefault((each["start"], each["sampler"]), []).append(each)
    return kinds


def _name(kind: Kind) -> str:
    start, sampler = kind
    return f"Start `{start}`, sampler `{sampler}`"


def _leads(kinds: Sequence[tuple[Kind, Studies]]) -> list[str]:
    """What one sampler confirms above another from the same start, over their common seeds."""
    lines = []
    for ((start, sampler), own), ((other_start, other), others) in itertools.combinations(
        kinds, 2
    ):
        before = {each["seed"]: each["confirmed"] for each in own}
        after = {each["seed"]: each["confirmed"] for each in others}
        common = sorted(before.keys() & after.keys())
        if start != other_start or len(common) < 2:
            continue
        leads = [after[seed] - before[seed] for seed in common]
        lines.append(
            f"Start `{start}`: `{other}` confirms {mean_and_interval(leads, digits=2)} points"
            f" above `{sampler}` over {len(leads)} seeds."
        )
    return lines


def short_text(records: Sequence[Mapping[str, Any]]) -> str:
    """The mean numbers of the searches of each start with the default sampler."""
    rows = []
    for (start, sampler), own in _kinds(records).items():
        if sampler != SearchConfig.sampler:
            continue
        numbers = [[each[name] for each in own] for name in ("claimed", "expected", "confirmed")]
        numbers += [[each["references"][name] for each in own] for name in REFERENCES]
        rows.append((PLAIN[start], len(own), *map(_mean_and_range, numbers)))
    header = (
        *("training starts", "searches", "claimed", "expected", "confirmed"),
        *("defaults", "K-means"),
    )
    return markdown_table(header, rows)


def _mean_and_range(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return "".join(f"{value:.1f}" for value in known)
    return f"{statistics.fmean(known):.1f} ({min(known):.1f} to {max(known):.1f})"


def _with_interval(value: float, interval: Sequence[float] | None) -> str:
    if interval is None:
        return f"{value:.2f}"
    return f"{value:.2f} [{interval[0]:.1f}, {interval[1]:.1f}]"


def _apart(records: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for name, one, other in (
        ("claimed and confirmed", "claimed", "confirmed"),
        ("expected and confirmed", "expected", "confirmed"),
        (
            "expected and confirmed of the same trial",
            "expected",
            "confirmed of the expected",
        ),
    ):
        pairs = [(each[one], each[other]) for each in records]
        differences = [a - b for a, b in pairs if a is not None and b is not None]
        if not differences:
            continue
        apart = [abs(each) for each in differences]
        mean = statistics.fmean(apart)
        line = f"- {name}: {mean:.2f} points apart on average, {max(apart):.2f} at most,"
        line += f" the first minus the second {statistics.fmean(differences):+.2f} on average"
        if name == "expected and confirmed":
            line += f" (target {TARGET} on average: {'met' if mean <= TARGET else '**missed**'})"
        lines.append(line)
    lines += _within(records)
    return "\n".join(lines)


def _within(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """How exactly fresh runs tell the value of a trial: nothing nearer can be told apart."""
    known = [
        each for each in records if None not in (each["expected"], each["confirmed interval"])
    ]
    if not known:
        return []
    intervals = [each["confirmed interval"] for each in known]
    half = statistics.fmean((high - low) / 2 for low, high in intervals)
    inside = sum(
        low <= each["expected"] <= high for each, (low, high) in zip(known, intervals, strict=True)
    )
    return [
        f"- the confirmed value has a 95 % interval of ± {half:.2f} points on average; the"
        f" expected value is inside in {inside} of {len(known)} searches"
    ]


def _gains(records: Sequence[Mapping[str, Any]]) -> str:
    """By how much the confirmed value is above each reference."""
    lines = []
    for name, title in REFERENCES.items():
        gains = [each["confirmed"] - each["references"][name] for each in records]
        won = sum(gain > 0 for gain in gains)
        lines.append(
            f"- confirmed minus {title}: {statistics.fmean(gains):+.2f} on average, above it in"
            f" {won} of {len(gains)} searches"
        )
    return "\n".join(lines)


def _command(*words: object) -> list[str]:
    return [sys.executable, "-m", "search", *map(str, words)]


def _timed(command: Sequence[str]) -> float:
    """Run a command, and return the seconds that it took.

    Raises:
        SystemExit: If it fails.
    """
    began = time.monotonic()
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: run this again")
    return time.monotonic() - began


def main(
    storage: Annotated[str, typer.Option(help="Database of the searches.")],
    folder: Annotated[Path, typer.Option(help="Folder of caches and checkpoints.")],
    studies: Annotated[int, typer.Option(help="Number of searches.")] = STUDIES,
    trials: Annotated[int, typer.Option(help="Trials of each.")] = 200,
    iterations: Annotated[
        int | None, typer.Option(help="Iterations of a run; by default those of the preset.")
    ] = None,
    top: Annotated[int, typer.Option(help="Finalists.")] = 5,
    seeds: Annotated[int, typer.Option(help="Fresh runs of each.")] = 5,
    workers: Annotated[int | None, typer.Option(help="Workers of each search.")] = None,
    start: Annotated[str, typer.Option(help=f"One of {', '.join(STARTS)}.")] = "random",
    sampler: Annotated[str, typer.Option(help="Sampler of each search.")] = SearchConfig.sampler,
    out: Annotated[Path, typer.Option(help="File of the results.")] = PATH,
) -> None:
    """Run what is missing, and print the table."""
    places = ["--storage", storage, "--cache", folder / "cache", "--plain"]
    places += ["--checkpoints", folder / "checkpoints", "--oversubscribe"]
    places += [] if workers is None else ["--workers", workers]
    if start not in STARTS:
        raise SystemExit(f"--start {start} is not known: choose from {', '.join(STARTS)}")
    settings = folder / f"{start}.toml"
    folder.mkdir(parents=True, exist_ok=True)
    settings.write_text(STARTS[start], encoding="utf-8")
    done = {(each["start"], each["sampler"], each["seed"]) for each in read_records(out)}
    for seed in range(1, studies + 1):
        if (start, sampler, seed) in done:
            continue
        study = f"confirmed-{PRESET}-{start}-{sampler}-{seed}"
        launch = _command("launch", "--preset", PRESET, "--seed", seed, "--study", study, *places)
        launch += ["--config", str(settings)]
        launch += ["--trials", str(trials), "--sampler", sampler]
        launch += [] if iterations is None else ["--iterations", str(iterations)]
        launched = _timed(launch)
        confirmed = _timed(_command("confirm", study, "--top", top, "--seeds", seeds, *places))
        shown = subprocess.run(
            _command("status", study, "--storage", storage, "--json"),
            check=True,
            capture_output=True,
            text=True,
        )
        exported = subprocess.run(
            _command("export", study, "--storage", storage, "--format", "json"),
            check=True,
            capture_output=True,
            text=True,
        )
        config = json.loads(exported.stdout)["config"]
        append_record(
            out,
            {
                "study": study,
                "start": start,
                "sampler": sampler,
                "seed": seed,
                "trials": trials,
                "iterations": config["training"]["iterations"],
                "top": top,
                "seeds": seeds,
                "processor": processor(),
                "launch seconds": launched,
                "confirm seconds": confirmed,
                **record_of(json.loads(shown.stdout)),
            },
        )
    print(text(read_records(out)))


if __name__ == "__main__":
    typer.run(main)
