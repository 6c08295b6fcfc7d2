"""Replay searches on recorded runs: what pruning rules lose, and which sampler finds more.

    python -m benchmarks.search_quality.replay [--sets rooms,nyu,weedmap] [--minutes 20]

The runs are those of the public table (`public_table.py`). Every search is simulated with the
real sampler, schedule and pruner and four seats (`simulation.py`). There are three parts:

- *rules*: a search draws recorded runs at random, each at most once. No model is involved, and no
  sampler: every run is what it was.
- *samplers*: a search without pruning on a landscape that is fitted to the records
  (`surrogate.py`), with the noise of the recorded runs. Its result is what the best trial after
  50, 100 and 200 trials is worth without noise. There are two landscapes, a forest and a smooth
  one.
- *repeats*: the same with TPE, which spends its last 25 trials on repeats of the five settings
  that the model of expected values prefers, or on new settings. Its result is what the trial that
  the model prefers at the end is worth.

A line per simulated search is added to results/search_replay.jsonl, and another call continues.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

from benchmarks.blocks import append_record, read_records
from benchmarks.markdown import markdown_table
from benchmarks.records import RESULTS
from benchmarks.search_quality.recorded import (
    Recorded,
    RecordedCurve,
    read_recorded,
    value_of,
)
from benchmarks.search_quality.simulation import SEATS, Ended, Simulation
from benchmarks.search_quality.surrogate import (
    Family,
    Landscape,
    deviation_of,
    fit_landscape,
)
from search.driver.in_memory_study import InMemoryStudy
from search.pruners import build_pruner
from search.quality.expected import Expected, Point, expect
from search.samplers import find_sampler
from trainer.seeds import derive_seed, numpy_generator

__all__ = ["RULES", "SAMPLERS", "read_replays", "text"]

#: Sets whose runs are enough to fit a landscape.
USED = ("rooms", "nyu", "weedmap")
TRIALS = 200
STUDIES = 30
#: Pruners with their options, by the name in the table.
RULES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "none": ("none", {}),
    "keep 50 %, no warm-up (released)": ("median", {}),
    "keep 75 %, no warm-up": ("percentile", {"warm_up": 0.0}),
    "keep 75 %, warm-up 50 %": ("percentile", {}),
    "competitive": ("competitive", {}),
    "auto": ("auto", {}),
}
#: The sampler that the others are compared with, and the one that takes minutes a search.
BASE, SLOW = "tpe", "gp"
SAMPLERS = (BASE, "tpe-univariate", SLOW, "random", "sobol")
AT = (50, 100, 200)  # trials
BEST_SHARE = 0.1
REPEATS, FAVOURITES = 25, 5
#: A sampler becomes the default if it is ahead by so much over so many searches.
LEAD = 0.3
RESAMPLES, CONFIDENCE = 2000, 0.95

PATH = RESULTS / "search_replay.jsonl"
Part = Literal["rules", "samplers", "smooth samplers", "repeats", "landscape"]
#: The samplers' part on each landscape, and what the page calls that landscape.
ON: Mapping[Family, Part] = {"forest": "samplers", "process": "smooth samplers"}
PLAIN: Mapping[Family, str] = {"forest": "a random forest", "process": "a Gaussian process"}
Key = tuple[Part, str, int]
Job = tuple[Key, Callable[[], dict[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class _Bench:
    """The records of one data set, and how many trials a search on them has."""

    recorded: Recorded
    trials: int = TRIALS
    last: dict[tuple[str, str, int], Sequence[Ended]] = field(default_factory=dict)

    def rule(self, name: str, study: int) -> dict[str, Any]:
        """A search that draws recorded runs, under a pruning rule."""
        order = numpy_generator("replay", study).permutation(len(self.recorded.runs))
        drawn = [self.recorded.runs[index] for index in order[: self.trials].tolist()]
        pruner, options = RULES[name]
        ended = Simulation(
            space=self.recorded.space,
            propose=lambda memory, number: drawn[number].params,
            run_of=lambda number, params: drawn[number],
            pruner=build_pruner(pruner, self.recorded.evaluations, options),
            trials=len(drawn),
        ).finish()
        return _loss(drawn, ended.ended, self.recorded.evaluations)

    def sampler(self, name: str, study: int, landscape: Landscape) -> dict[str, Any]:
        """A search of the landscape."""
        ended = self._search(name, study, landscape)
        worth = {}
        for count in AT:
            if count <= self.trials:
                best = _best(each for each in ended if each.number < count)
                worth[str(count)] = None if best is None else landscape.worth(best.params)
        collapsed = sum(each.kind == "collapsed" for each in ended) / len(ended)
        return {"worth": worth, "optimum": landscape.optimum, "collapsed": collapsed}

    def repeats(self, name: str, study: int, landscape: Landscape) -> dict[str, Any]:
        """A search whose last trials repeat the model's favourites, or do not."""
        ended = self._search(BASE, study, landscape)
        if name != "none":
            ended = self._repeated(ended, study, landscape)
        found = self._expected(ended)
        preferred = next(each for each in ended if each.number == found.trial)
        worth = landscape.worth(preferred.params)
        return {"worth": worth, "optimum": landscape.optimum, "off": abs(found.mean - worth)}

    def _repeated(
        self, ended: Sequence[Ended], study: int, landscape: Landscape
    ) -> Sequence[Ended]:
        """The search up to its last trials, with repeats instead of those.

        Its first trials are those of the whole search, which no later trial changes.
        """
        first = self.trials - REPEATS
        before = [each for each in ended if each.number < first]
        params = {each.number: each.params for each in before}
        ranking = self._expected(before).ranking[:FAVOURITES]
        repeated = before[:]
        for index in range(REPEATS):
            chosen = params[ranking[index % len(ranking)][0]]
            run = landscape.run(chosen, "repeat", study, first + index)
            repeated.append(
                Ended(
                    number=first + index,
                    params=chosen,
                    value=value_of(run.scores),
                    trained=len(run.scores),
                    kind="complete" if run.collapsed is None else "collapsed",
                )
            )
        return repeated

    def _search(self, name: str, study: int, landscape: Landscape) -> Sequence[Ended]:
        """The trials of a search; the last one is kept, since several results follow from it."""
        key = (landscape.family, name, study)
        if key in self.last:
            return self.last[key]
        sampler, seed = find_sampler(name), derive_seed("replay", study)

        def propose(memory: InMemoryStudy, number: int) -> Mapping[str, float]:
            return sampler(memory.study, self.recorded.space, number, seed)

        found = Simulation(
            space=self.recorded.space,
            propose=propose,
            run_of=lambda number, params: landscape.run(params, study, number),
            pruner=build_pruner("none", self.recorded.evaluations),
            trials=self.trials,
        ).finish()
        self.last.clear()
        self.last[key] = found.ended
        return found.ended

    def _expected(self, ended: Sequence[Ended]) -> Expected:
        points = [
            Point(
                number=each.number,
                params=each.params,
                value=each.value,
                kind="complete" if each.kind == "complete" else "collapsed",
            )
            for each in sorted(ended, key=lambda each: each.number)
        ]
        found = expect(points, self.recorded.space)
        assert isinstance(found, Expected), found
        return found


def _best(ended: Iterator[Ended]) -> Ended | None:
    return max(
        (each for each in ended if each.kind == "complete"),
        key=lambda each: each.value,
        default=None,
    )


def _loss(
    drawn: Sequence[RecordedCurve], ended: Sequence[Ended], evaluations: int
) -> dict[str, Any]:
    """What a rule trained and lost, against the healthy runs that were drawn."""
    values = {
        number: run.value
        for number, run in enumerate(drawn)
        if run.collapsed is None and run.value == run.value
    }
    ranked = sorted(values, key=lambda number: -values[number])
    top = set(ranked[: max(1, round(BEST_SHARE * len(ranked)))])
    complete = [each for each in ended if each.kind == "complete"]
    best = max((each.value for each in complete), default=float("nan"))
    return {
        "compute": sum(each.trained for each in ended) / (len(drawn) * evaluations),
        "loss": values[ranked[0]] - best,
        "cut": 1 - len(top & {each.number for each in complete}) / len(top),
    }


def _jobs(bench: _Bench, studies: int, samplers: Sequence[str]) -> Iterator[Job]:
    """Every simulated search; those that take long are last."""
    forest, smooth = (_Once(bench.recorded, family) for family in ON)

    def rule(name: str, study: int) -> Job:
        return ("rules", name, study), lambda: bench.rule(name, study)

    def sampler(landscape: _Once, name: str, study: int) -> Job:
        key = (ON[landscape.family], name, study)
        return key, lambda: bench.sampler(name, study, landscape.get())

    def repeats(name: str, study: int) -> Job:
        return ("repeats", name, study), lambda: bench.repeats(name, study, forest.get())

    for study in range(studies):
        yield from (rule(name, study) for name in RULES)
    for landscape in (forest, smooth):
        yield ("landscape", landscape.family, 0), landscape.quality
    for study in range(studies):
        yield sampler(forest, BASE, study)
        yield from (repeats(name, study) for name in ("none", "repeats"))
        yield sampler(smooth, BASE, study)
        for name in (each for each in samplers if each not in (BASE, SLOW)):
            yield from (sampler(landscape, name, study) for landscape in (forest, smooth))
    if SLOW in samplers:
        yield from (sampler(forest, SLOW, study) for study in range(studies))


@dataclass
class _Once:
    """A landscape, fitted when it is first needed."""

    recorded: Recorded
    family: Family
    fitted: Landscape | None = None

    def get(self) -> Landscape:
        """The landscape."""
        self.fitted = self.fitted or fit_landscape(self.recorded, self.family)
        return self.fitted

    def quality(self) -> dict[str, Any]:
        """How well the model predicts settings that it has not seen."""
        found = self.get()
        return {
            "correlation": found.correlation,
            "determination": found.determination,
            "noise": deviation_of(found.residuals),
            "optimum": found.optimum,
        }


def read_replays(path: Path = PATH) -> list[dict[str, Any]]:
    """The results for the newest records of each data set."""
    lines = read_records(path)
    newest = {line["data"]: line["digest"] for line in lines}
    return [line for line in lines if line["digest"] == newest[line["data"]]]


def text(lines: Sequence[Mapping[str, Any]]) -> str:
    """The tables of every data set."""
    if not lines:
        return "Not measured yet: `python -m benchmarks.search_quality.replay`."
    names = dict.fromkeys(line["data"] for line in lines)
    return "\n\n".join(
        _text_of([line for line in lines if line["data"] == name]) for name in names
    )


def _text_of(lines: Sequence[Mapping[str, Any]]) -> str:
    parts = [f"**{lines[0]['runs']}.**"]
    if rules := _rows(lines, "rules"):
        parts.append(_rules_table(rules))
    qualities = _rows(lines, "landscape")
    for family, part in ON.items():
        for found in qualities.get(family, {}).values():
            parts.append(
                f"A landscape by {PLAIN[family]}: settings that it has not seen are predicted with"
                f" a rank correlation of {found['correlation']:.2f} and R²"
                f" {found['determination']:.2f}. Values of its runs have a deviation of"
                f" {found['noise']:.1f} points around what their setting is worth. The best"
                f" setting found is worth {found['optimum']:.1f}."
            )
        if samplers := _rows(lines, part):
            parts += [_samplers_table(samplers), _verdict(samplers)]
    if repeats := _rows(lines, "repeats"):
        parts += [_repeats_table(repeats), _repeats_verdict(repeats)]
    return "\n\n".join(part for part in parts if part)


#: Results by name, and of each by the number of the search.
_Rows = dict[str, dict[int, Mapping[str, Any]]]


def _rows(lines: Sequence[Mapping[str, Any]], part: Part) -> _Rows:
    found: _Rows = {}
    for line in lines:
        if line["part"] == part:
            found.setdefault(line["name"], {})[line["study"]] = line
    return found


def _rules_table(rows: _Rows) -> str:
    header = ("rule", "searches", "compute", "loss of the best", "worst loss", "best tenth cut")
    table = []
    for name in (each for each in RULES if each in rows):
        found = list(rows[name].values())
        losses = [each["loss"] for each in found]
        table.append(
            (
                name,
                len(found),
                _percent([each["compute"] for each in found]),
                _interval(losses),
                f"{max(losses):.2f}",
                _percent([each["cut"] for each in found]),
            )
        )
    return markdown_table(header, table)


def _samplers_table(rows: _Rows) -> str:
    header = ("sampler", "searches", *(f"regret at {count}" for count in AT), "collapsed")
    table = []
    for name in (each for each in SAMPLERS if each in rows):
        found = list(rows[name].values())
        table.append(
            (
                name,
                len(found),
                *(_interval(_regrets(found, count)) for count in AT),
                _percent([each["collapsed"] for each in found]),
            )
        )
    return markdown_table(header, table)


def _regrets(found: Sequence[Mapping[str, Any]], count: int) -> list[float]:
    worths = [(each["optimum"], each["worth"].get(str(count))) for each in found]
    return [optimum - worth for optimum, worth in worths if worth is not None]


def _verdict(rows: _Rows) -> str:
    """Whether a sampler is far enough ahead of TPE to replace it as the default."""
    if BASE not in rows:
        return ""
    sentences, ahead = [], []
    for name in (each for each in SAMPLERS if each in rows and each != BASE):
        leads = _leads(rows[BASE], rows[name], lambda each: each["worth"].get(str(AT[-1])))
        if not leads:
            continue
        sentences.append(f"`{name}` {_interval(leads)} over {len(leads)}")
        if statistics.fmean(leads) > LEAD and _bounds(leads)[0] > 0 and len(leads) >= STUDIES:
            ahead.append(name)
    if not sentences:
        return ""
    found = f"`{', '.join(ahead)}` is" if ahead else "No sampler is"
    return (
        f"Worth at {AT[-1]} trials above that of `{BASE}` in the same search:"
        f" {'; '.join(sentences)} searches. {found} ahead of it by more than {LEAD} points over"
        f" {STUDIES} searches."
    )


def _leads(
    before: Mapping[int, Mapping[str, Any]],
    after: Mapping[int, Mapping[str, Any]],
    worth: Callable[[Mapping[str, Any]], float | None],
) -> list[float]:
    """Differences in worth between the same searches."""
    pairs = [(worth(before[study]), worth(after[study])) for study in before if study in after]
    return [new - old for old, new in pairs if old is not None and new is not None]


def _repeats_table(rows: _Rows) -> str:
    header = ("last 25 trials", "searches", "regret of the preferred", "expectation off by")
    names = {"none": "new settings", "repeats": "repeats of five favourites"}
    return markdown_table(
        header,
        [
            (
                names[name],
                len(found),
                _interval([each["optimum"] - each["worth"] for each in found.values()]),
                _interval([each["off"] for each in found.values()]),
            )
            for name, found in rows.items()
        ],
    )


def _repeats_verdict(rows: _Rows) -> str:
    if len(rows) < 2:
        return ""
    leads = _leads(rows["none"], rows["repeats"], lambda each: float(each["worth"]))
    low, high = _bounds(leads)
    found = (
        "repeats help" if low > 0 else "repeats harm" if high < 0 else "no difference is certain"
    )
    return (
        f"Repeats change the worth of the preferred trial by {_interval(leads)} points: {found}."
    )


def _interval(values: Sequence[float]) -> str:
    """Mean and 95 % interval."""
    if not values:
        return ""
    low, high = _bounds(values)
    return f"{statistics.fmean(values):.2f} [{low:.2f}, {high:.2f}]"


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """The bootstrap's 95 % interval of the mean."""
    generator = numpy_generator("replay intervals")
    drawn = generator.integers(len(values), size=(RESAMPLES, len(values)))
    means = np.array(values)[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _percent(values: Sequence[float]) -> str:
    return f"{100 * statistics.fmean(values):.0f} %"


def main(
    sets: Annotated[str, typer.Option(help="Names, separated by commas.")] = ",".join(USED),
    studies: Annotated[int, typer.Option(help="Simulated searches of each kind.")] = STUDIES,
    trials: Annotated[int, typer.Option(help="Trials of a simulated search.")] = TRIALS,
    samplers: Annotated[str, typer.Option(help="Names, separated by commas.")] = ",".join(
        SAMPLERS
    ),
    minutes: Annotated[
        float, typer.Option(help="Stop after so many minutes of processor time.")
    ] = 20.0,
    out: Annotated[Path, typer.Option(help="File of the results.")] = PATH,
) -> None:
    """Simulate what is missing, and print the tables."""
    for recorded in read_recorded(sets.split(",")):
        about = {"data": recorded.name, "digest": recorded.digest, "trials": trials}
        print(f"{recorded.text()}; {SEATS} seats", flush=True)
        known = {
            (line["part"], line["name"], line["study"])
            for line in read_records(out)
            if about.items() <= line.items()
        }
        bench = _Bench(recorded=recorded, trials=trials)
        for key, job in _jobs(bench, studies, samplers.split(",")):
            if key in known:
                continue
            if time.process_time() > 60 * minutes:
                print("the time is up: the same command continues")
                break
            part, name, study = key
            head = {**about, "runs": recorded.text(), "part": part, "name": name, "study": study}
            append_record(out, {**head, **job()})
    print(text(read_replays(out)))


if __name__ == "__main__":
    typer.run(main)
