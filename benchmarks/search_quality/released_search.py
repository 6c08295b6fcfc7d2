"""The released search against this one: trials until fresh runs confirm the same score.

    python -m benchmarks.search_quality.released_search --folder FOLDER

Both train real runs of the preset `rooms`, one after the other in this process, so that they have
the same worker, and sample by TPE that models each number on its own. They differ in what else a
search decides:

|  | released | this one |
|---|---|---|
| space | seven numbers per modality, uniform | that of the preset |
| pruning | the better half is kept, from the start | competitive rule and collapse rules |
| value of a stopped trial | 0, as if it had ended | its last score; a collapsed one is the worst |
| value of a run | its best evaluation | the median of its last five |
| result | the trial with the best value | the trial that the model of all trials prefers |

After 25, 50, 100, 150 and 200 trials, the result so far is trained again with five fresh seeds.
Its score is the mean of their values, for both the median of the last five evaluations.

A line per run is added to results/released_search.jsonl, and another call continues.
"""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import optuna
import torch
import typer
from optuna.trial import FrozenTrial, TrialState, create_trial

from benchmarks.blocks import append_record, read_records
from benchmarks.markdown import markdown_table
from benchmarks.measuring import RESULTS
from benchmarks.searches import UNPRUNED
from search.config.configuration import LaunchConfig, resolve
from search.driver.in_memory_study import InMemoryStudy
from search.quality.expected import Expected, Point, PointKind, expect
from search.records.outcome import Prune
from search.records.stored_trial import COLLAPSE_ATTRIBUTE
from search.samplers import find_sampler
from trainer.engine.run import Run
from trainer.features import DatasetFeatures, prepare
from trainer.seeds import derive_seed

__all__ = ["SEARCHES", "LiveSearch", "config_of", "text"]

PATH = RESULTS / "released_search.jsonl"
Kind = Literal["released", "ours"]
SEARCHES: tuple[Kind, ...] = ("released", "ours")
STUDIES, TRIALS, SEEDS = 5, 200, 5
AT = (25, 50, 100, 150, 200)
TARGET = 0.25  # of the released search's trials
Record = Mapping[str, Any]


def config_of(kind: Kind, seed: int, iterations: int | None) -> LaunchConfig:
    """The configuration of a search."""
    training = {} if iterations is None else {"training": {"iterations": iterations}}
    if kind == "ours":
        return resolve("rooms", None, {"search": {"seed": seed}, **training})
    released = {
        "seed": seed,
        "space": "per-modality",
        "sampler": "tpe-univariate",
        "pruner": "median",
        "collapse": UNPRUNED["collapse"],
    }
    found = resolve("rooms", None, {"search": released, **training})
    return dataclasses.replace(found, search=dataclasses.replace(found.search, ranges={}))


@dataclass(frozen=True, kw_only=True)
class LiveSearch:
    """One search, trial by trial."""

    kind: Kind
    config: LaunchConfig
    dataset_features: DatasetFeatures
    #: Records of its trials that have ended, by number.
    ended: Sequence[Record]

    def trial(self) -> dict[str, Any]:
        """Sample and train the next trial; returns its record."""
        number, seed = len(self.ended), self.config.search.seed
        memory = self._memory()
        sampler, space = find_sampler(self.config.search.sampler), self.config.space()
        params = sampler(memory.study, space, number, seed)
        memory.add(
            create_trial(
                state=TrialState.RUNNING, params=params, distributions=space.distributions
            )
        )
        run = self._started(params, derive_seed(seed, number, "run"))
        objective, stopped = self.config.objective(), None
        while not run.finished and stopped is None:
            run.advance()
            score = objective.score(run.reports[-1])
            memory.report(number, run.reports[-1].evaluation, score)
            stopped = self._stopped(memory, number, run)
        scores = [objective.score(report) for report in run.reports]
        outcome = "complete" if stopped is None else stopped.kind
        value = scores[-1]
        if stopped is None:
            value = objective.value(run.reports, "last" if self.kind == "ours" else "best")
        elif self.kind == "released":
            value = 0.0
        return {
            "number": number,
            "params": params,
            "outcome": outcome,
            "scores": scores,
            "value": value,
        }

    def result(self, trials: int) -> Record | None:
        """What the search would return after so many trials; None before a complete one."""
        seen = self.ended[:trials]
        complete = [each for each in seen if each["outcome"] == "complete"]
        best = max(complete, key=lambda each: float(each["value"]), default=None)
        if self.kind == "released" or best is None:
            return best
        found = expect([_point(each) for each in seen], self.config.space())
        return seen[found.trial] if isinstance(found, Expected) else best

    def fresh(self, params: Mapping[str, float], seed: int) -> float:
        """The value of a run with a fresh seed, for both searches the median of the last."""
        run = self._started(params, derive_seed(self.config.search.seed, seed, "fresh run"))
        while not run.finished:
            run.advance()
        return self.config.objective().value(run.reports)

    def _started(self, params: Mapping[str, float], seed: int) -> Run:
        train = self.config.train.with_trial(hyper=params, seed=seed)
        return Run.start(train, self.dataset_features, torch.device("cpu"))

    def _stopped(self, memory: InMemoryStudy, number: int, run: Run) -> Prune | None:
        rules, objective = self.config.search.collapse, self.config.objective()
        verdict = rules.verdict(run.reports, run.evaluations, objective)
        if not isinstance(verdict, Prune) and not run.finished:
            verdict = self.config.pruner().decide(memory.study, memory.trial(number))
        return verdict if isinstance(verdict, Prune) else None

    def _memory(self) -> InMemoryStudy:
        memory = InMemoryStudy(self.kind)
        for record in self.ended:
            memory.add(self._stored(record))
        return memory

    def _stored(self, record: Record) -> FrozenTrial:
        """The trial as the search stores it; the released one stores a stopped one as ended."""
        complete = record["outcome"] == "complete" or self.kind == "released"
        return optuna.create_trial(
            state=TrialState.COMPLETE if complete else TrialState.PRUNED,
            value=record["value"],
            params=dict(record["params"]),
            distributions=self.config.space().distributions,
            intermediate_values=dict(enumerate(record["scores"], start=1)),
            system_attrs={COLLAPSE_ATTRIBUTE: float(record["outcome"] == "collapsed")},
        )


def _point(record: Record) -> Point:
    kinds: Mapping[str, PointKind] = {
        "complete": "complete",
        "collapsed": "collapsed",
        "behind": "behind",
    }
    kind = kinds[record["outcome"]]
    value = None if kind == "collapsed" else float(record["value"])
    return Point(number=record["number"], params=record["params"], value=value, kind=kind)


def text(records: Sequence[Record]) -> str:
    """Confirmed scores by number of trials, and how many trials each search needs."""
    confirmed = [each for each in records if each["part"] == "confirmed"]
    if not confirmed:
        return "Not measured yet: `python -m benchmarks.search_quality.released_search`."
    at = sorted({each["trials"] for each in confirmed})
    scores = {
        kind: {
            count: [
                statistics.fmean(each["values"])
                for each in confirmed
                if each["search"] == kind and each["trials"] == count
            ]
            for count in at
        }
        for kind in SEARCHES
    }
    rows = [
        (kind, *(_mean(scores[kind][count]) for count in at), max(map(len, scores[kind].values())))
        for kind in SEARCHES
    ]
    header = ("search", *(f"after {count} trials" for count in at), "searches")
    return "\n\n".join([markdown_table(header, rows), _verdict(scores, at)])


def _mean(values: Sequence[float]) -> str:
    if not values:
        return ""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.1f} ± {deviation:.1f}"


def _verdict(scores: Mapping[Kind, Mapping[int, Sequence[float]]], at: Sequence[int]) -> str:
    last = scores["released"][at[-1]]
    if not last:
        return ""
    goal = statistics.fmean(last)
    reached = [count for count in at if scores["ours"][count]]
    needed = [count for count in reached if statistics.fmean(scores["ours"][count]) >= goal]
    if not needed:
        return f"This search does not reach {goal:.1f}, what the released one confirms at its end."
    share = needed[0] / at[-1]
    met = "met" if share <= TARGET else "**missed**"
    return (
        f"This search confirms {goal:.1f}, what the released one confirms after {at[-1]} trials,"
        f" after {needed[0]}: {100 * share:.0f} % (target {100 * TARGET:.0f} %: {met})."
    )


def main(
    folder: Annotated[Path, typer.Option(help="Folder of the feature cache.")],
    studies: Annotated[int, typer.Option(help="Searches of each kind.")] = STUDIES,
    trials: Annotated[int, typer.Option(help="Trials of each.")] = TRIALS,
    iterations: Annotated[
        int | None, typer.Option(help="Iterations of a run; by default those of the preset.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Fresh runs of each result.")] = SEEDS,
    out: Annotated[Path, typer.Option(help="File of the results.")] = PATH,
) -> None:
    """Run what is missing, and print the table."""
    torch.set_num_threads(1)
    for study in range(1, studies + 1):
        for kind in SEARCHES:
            config = config_of(kind, study, iterations)
            features = prepare(config.train, cache=folder / "cache")
            _finish(
                LiveSearch(kind=kind, config=config, dataset_features=features, ended=()),
                trials=trials,
                seeds=seeds,
                out=out,
            )
    print(text(read_records(out)))


def _finish(live: LiveSearch, *, trials: int, seeds: int, out: Path) -> None:
    """Run the missing trials of a search, and confirm its results."""
    head = {"search": live.kind, "study": live.config.search.seed}
    known = [each for each in read_records(out) if head.items() <= each.items()]
    ended: list[Record] = [each for each in known if each["part"] == "trial"]
    done = {each["trials"] for each in known if each["part"] == "confirmed"}
    values: dict[int, list[float]] = {
        each["number"]: each["values"] for each in known if each["part"] == "confirmed"
    }
    while len(ended) < trials:
        record = {**head, "part": "trial", **dataclasses.replace(live, ended=ended).trial()}
        append_record(out, record)
        ended.append(record)
    live = dataclasses.replace(live, ended=ended)
    for count in (each for each in AT if each <= trials and each not in done):
        result = live.result(count)
        if result is None:
            continue
        number = int(result["number"])
        if number not in values:
            values[number] = [live.fresh(result["params"], seed) for seed in range(1, seeds + 1)]
        append_record(
            out,
            {
                **head,
                "part": "confirmed",
                "trials": count,
                "number": number,
                "claimed": result["value"],
                "values": values[number],
            },
        )


if __name__ == "__main__":
    typer.run(main)
