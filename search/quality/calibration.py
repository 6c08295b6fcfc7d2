"""How well criteria that need no labels follow the labelled mIoU, and what their picks are worth.

Pure functions of recorded numbers. Every criterion is compared with the mIoU of the same runs
(Spearman's rank correlation), and with means over seeds, because one run per setting mostly ranks
seeds where their noise is large. The reliability of the mIoU itself bounds what any criterion can
reach.
``docs/choosing-without-labels.md`` explains each number.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from search.objectives import OBJECTIVES
from search.objectives.objective import LAST_EVALUATIONS
from search.quality.expected import NORMAL_95
from trainer.scoring.criteria import CRITERIA

__all__ = [
    "LOWER",
    "TARGET",
    "TOP",
    "Calibrated",
    "Calibration",
    "CalibrationRun",
    "Floor",
    "NotCalibrated",
    "attainable",
    "calibrate",
    "intraclass",
    "last_numbers",
    "spearman",
]

TARGET = "miou"  # the labelled criterion that the others should follow
#: Criteria of which a lower number is better; the loss is not in the table of criteria.
LOWER = ("loss", *(each.name for each in CRITERIA.values() if each.lower_is_better))
TOP = (1, 5, 10)  # of how many favourites the best is compared with the best of all
LEAST_RUNS = 10  # below which nothing is computed
LEAST_MEANS = 5  # settings with several seeds, below which their means are not compared


#: What else must exceed a reference, by the criterion that an objective maximises.
LEADS: Mapping[str, Mapping[str, float]] = {
    each.criteria[0]: each.leads for each in OBJECTIVES.values() if len(each.criteria) == 1
}


@dataclass(frozen=True, kw_only=True)
class CalibrationRun:
    """What was recorded of one run."""

    #: Runs of one setting have the same hyper-parameters.
    setting: int
    seed: int
    #: Criteria by name; one that is undefined is NaN or absent.
    numbers: Mapping[str, float]

    def number(self, name: str) -> float:
        """A criterion, with the sign that makes higher numbers better."""
        found = self.numbers.get(name, math.nan)
        return -found if name in LOWER else found


@dataclass(frozen=True, kw_only=True)
class NotCalibrated:
    """Nothing can be said."""

    #: Why, in one phrase.
    reason: str


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """One criterion against the labelled mIoU."""

    name: str
    #: Whether lower numbers are better; all figures below count for that direction.
    lower: bool
    #: Runs in which it is defined.
    runs: int
    #: Spearman's rank correlation with the mIoU over runs, with its 95 % interval; None if either
    #: does not vary.
    rho: float | None
    low: float | None
    high: float | None
    #: The same for means over seeds; None without enough of them.
    rho_means: float | None
    #: Mean mIoU of its pick, and what percentage of the labelled pick's that is.
    worth: float
    share: float
    #: By how much the best of its favourites is below the best setting, by number of favourites.
    regret: Mapping[int, float]
    #: The lowest mIoU among its most numerous favourites of :data:`TOP`.
    worst: float
    #: In how many rounds the pick's mIoU is not above that of a reference; in how many the floor
    #: rule says so, because its criterion is not above that of a reference; and in how many both.
    below: int
    fires: int
    caught: int


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """All criteria against the labelled mIoU."""

    #: Runs whose mIoU is defined, and their settings.
    runs: int
    settings: int
    #: Settings with several seeds, and how many they have on average.
    repeated: int
    seeds: float
    #: Intraclass correlation of the mIoU: the share of its variance that is due to settings, not
    #: to seeds. None without enough repeated settings.
    reliability: float | None
    #: The largest correlation that a criterion can be expected to reach, which knows the true mean
    #: of each setting: for single runs, and for means over seeds.
    ceiling: float | None
    ceiling_means: float | None
    #: How often a pick was made: once per seed if picks are judged by the other seeds, else once.
    rounds: int
    held_out: bool
    #: Mean mIoU of the labelled pick, of the best setting and of the median setting.
    labelled: float
    best: float
    median: float
    #: Mean mIoU of the references, such as ``kmeans``.
    references: Mapping[str, float]
    #: By name.
    criteria: tuple[Calibrated, ...]


def calibrate(
    runs: Sequence[CalibrationRun],
    *,
    repeats: Sequence[CalibrationRun],
    references: Mapping[str, Sequence[CalibrationRun]],
) -> Calibration | NotCalibrated:
    """Compare every criterion with the labelled mIoU.

    If enough settings have several seeds, a criterion picks among the runs of one seed, and its
    pick is judged by the mean mIoU of the other seeds; so in turn for each seed. Otherwise it is
    judged by the mIoU of the run that it picked, which flatters the labelled pick.

    Args:
        runs: Runs that nobody chose: the trials of a search, or recorded runs.
        repeats: Runs of settings with several seeds, for their means.
        references: Runs of settings that a pick must exceed, by name.
    """
    known = _defined(runs)
    if not runs:
        return NotCalibrated(reason="it has no full run yet")
    if not known:
        return NotCalibrated(reason="no run has a mIoU: its val split has no labels")
    settings = {run.setting for run in known}
    if len(settings) < LEAST_RUNS:
        return NotCalibrated(
            reason=f"needs full runs of {LEAST_RUNS} settings, there are {len(settings)}"
        )
    groups = _groups(_defined(repeats))
    scores = [[run.number(TARGET) for run in group] for group in groups]
    several = len(groups) >= LEAST_MEANS
    reliability = intraclass(scores) if several else None
    seeds = statistics.fmean(len(group) for group in groups) if groups else 1.0
    rounds = _rounds(known)
    measured = {name: _defined(each) for name, each in references.items()}
    names = sorted({name for run in known for name in run.numbers})
    targets = Floor.of(measured)
    labelled = statistics.fmean(each.pick(TARGET).worth for each in rounds)
    return Calibration(
        runs=len(known),
        settings=len(settings),
        repeated=len(groups),
        seeds=seeds,
        reliability=reliability,
        ceiling=None if reliability is None else attainable(reliability, 1),
        ceiling_means=None if reliability is None else attainable(reliability, seeds),
        rounds=len(rounds),
        held_out=len(rounds) > 1,
        labelled=labelled,
        best=statistics.fmean(max(each.worths) for each in rounds),
        median=statistics.fmean(statistics.median(each.worths) for each in rounds),
        references={
            name: statistics.fmean(run.number(TARGET) for run in each)
            for name, each in measured.items()
            if each
        },
        criteria=tuple(
            _calibrated(name, known, groups if several else [], rounds, targets, labelled)
            for name in names
        ),
    )


def last_numbers(looks: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Every criterion of a run as objectives value it: the median of the last evaluations.

    Args:
        looks: The criteria of each evaluation in order, at least one.

    Returns:
        The numbers by name; NaN where one of them is undefined, without those that an evaluation
        lacks.
    """
    last = looks[-LAST_EVALUATIONS:]
    return {
        name: _median([each[name] for each in last])
        for name in last[-1]
        if all(name in each for each in last)
    }


def _median(numbers: Sequence[float]) -> float:
    return statistics.median(numbers) if all(map(math.isfinite, numbers)) else math.nan


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation; None for fewer than three pairs, or if one side is constant.

    Args:
        first: Finite numbers.
        second: As many.
    """
    if len(first) < 3:
        return None
    ranks = [scipy.stats.rankdata(np.asarray(each)) for each in (first, second)]
    centred = [each - each.mean() for each in ranks]
    length = float(np.linalg.norm(centred[0]) * np.linalg.norm(centred[1]))
    return float(centred[0] @ centred[1]) / length if length > 0 else None


def intraclass(groups: Sequence[Sequence[float]]) -> float | None:
    """Intraclass correlation ICC(1) of Shrout and Fleiss 1979, for groups of unequal sizes.

    Args:
        groups: The numbers of each group, at least two of each.

    Returns:
        The share of the variance that is between groups, from 0 to 1; None with fewer than two
        groups or without variance.
    """
    count, total = len(groups), sum(map(len, groups))
    if count < 2 or total <= count:
        return None
    mean = statistics.fmean(number for group in groups for number in group)
    between = sum(len(group) * (statistics.fmean(group) - mean) ** 2 for group in groups)
    within = sum((number - statistics.fmean(group)) ** 2 for group in groups for number in group)
    size = (total - sum(len(group) ** 2 for group in groups) / total) / (count - 1)
    between, within = between / (count - 1), within / (total - count)
    if between + within <= 0:
        return None
    return max(0.0, (between - within) / (between + (size - 1) * within))


def attainable(reliability: float, seeds: float) -> float:
    """The correlation with means over seeds that the true mean of each setting has.

    The reliability of a mean of several runs is that of Spearman and Brown, and its root bounds
    the correlation with anything that does not depend on the seeds. A criterion that is computed
    from the same runs shares their luck, and may be above it.

    Args:
        reliability: That of a single run.
        seeds: Number of runs in a mean.
    """
    return math.sqrt(seeds * reliability / (1 + (seeds - 1) * reliability))


@dataclass(frozen=True, kw_only=True)
class _Pick:
    """The favourites of a criterion in one round."""

    #: The run that it prefers.
    run: CalibrationRun
    #: What each of its favourites is worth, from the first.
    worths: Sequence[float]

    @property
    def worth(self) -> float:
        return self.worths[0]


@dataclass(frozen=True, kw_only=True)
class _Round:
    """Runs to pick from, one per setting, and the mIoU by which each pick is judged."""

    runs: Sequence[CalibrationRun]
    worths: Sequence[float]

    def pick(self, name: str) -> _Pick:
        """The favourites of a criterion; of equal ones, those that were recorded first."""
        numbers = [run.number(name) for run in self.runs]
        keys = [number if math.isfinite(number) else -math.inf for number in numbers]
        order = sorted(range(len(keys)), key=lambda index: -keys[index])[: max(TOP)]
        return _Pick(run=self.runs[order[0]], worths=[self.worths[index] for index in order])


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What a pick must exceed: the references' means, by criterion and name."""

    numbers: Mapping[str, Mapping[str, float]]

    @classmethod
    def of(cls, references: Mapping[str, Sequence[CalibrationRun]]) -> "Floor":
        """Those of some references; criteria that are undefined in a run are left out."""
        found: dict[str, dict[str, float]] = {}
        for reference, runs in references.items():
            for name in {name for run in runs for name in run.numbers}:
                numbers = [run.number(name) for run in runs]
                if all(map(math.isfinite, numbers)):
                    found.setdefault(name, {})[reference] = statistics.fmean(numbers)
        return cls(numbers=found)

    def above(self, name: str, number: float) -> bool:
        """Whether a number exceeds that of every reference; True without any."""
        return all(number > each for each in self.numbers.get(name, {}).values())

    def fires(self, name: str, run: CalibrationRun) -> bool:
        """Whether a pick of a criterion is said not to be a success."""
        leads = {name: 0.0, **LEADS.get(name, {})}
        return not all(self.above(each, run.number(each) - lead) for each, lead in leads.items())


def _calibrated(
    name: str,
    runs: Sequence[CalibrationRun],
    groups: Sequence[Sequence[CalibrationRun]],
    rounds: Sequence[_Round],
    floor: Floor,
    labelled: float,
) -> Calibrated:
    pairs = [(run.number(name), run.number(TARGET)) for run in runs]
    defined = [pair for pair in pairs if math.isfinite(pair[0])]
    rho = spearman(*zip(*defined, strict=True)) if defined else None
    low, high = _interval(rho, len(defined))
    picks = [each.pick(name) for each in rounds]
    below = [not floor.above(TARGET, pick.worth) for pick in picks]
    fires = [floor.fires(name, pick.run) for pick in picks]
    worth = statistics.fmean(pick.worth for pick in picks)
    return Calibrated(
        name=name,
        lower=name in LOWER,
        runs=len(defined),
        rho=rho,
        low=low,
        high=high,
        rho_means=_of_means(name, groups),
        worth=worth,
        share=100 * worth / labelled if labelled > 0 else math.nan,
        regret={
            top: statistics.fmean(
                max(each.worths) - max(pick.worths[:top])
                for each, pick in zip(rounds, picks, strict=True)
            )
            for top in TOP
        },
        worst=statistics.fmean(min(pick.worths) for pick in picks),
        below=sum(below),
        fires=sum(fires),
        caught=sum(one and other for one, other in zip(below, fires, strict=True)),
    )


def _of_means(name: str, groups: Sequence[Sequence[CalibrationRun]]) -> float | None:
    means = [
        tuple(statistics.fmean(run.number(each) for run in group) for each in (name, TARGET))
        for group in groups
    ]
    defined = [(first, second) for first, second in means if math.isfinite(first)]
    return spearman(*zip(*defined, strict=True)) if defined else None


def _interval(rho: float | None, runs: int) -> tuple[float | None, float | None]:
    """The 95 % interval of Bonett and Wright 2000, by Fisher's transformation."""
    if rho is None or runs <= 3:
        return None, None
    if abs(rho) >= 1:
        return rho, rho
    apart = NORMAL_95 * math.sqrt((1 + rho**2 / 2) / (runs - 3))
    return math.tanh(math.atanh(rho) - apart), math.tanh(math.atanh(rho) + apart)


def _defined(runs: Sequence[CalibrationRun]) -> list[CalibrationRun]:
    """The runs that have a mIoU."""
    return [run for run in runs if math.isfinite(run.number(TARGET))]


def _groups(runs: Sequence[CalibrationRun]) -> list[list[CalibrationRun]]:
    """The runs of each setting that has several."""
    found: dict[int, list[CalibrationRun]] = {}
    for run in runs:
        found.setdefault(run.setting, []).append(run)
    return [group for group in found.values() if len(group) > 1]


def _rounds(runs: Sequence[CalibrationRun]) -> list[_Round]:
    groups = _groups(runs)
    if len(groups) < LEAST_RUNS:
        first = {run.setting: run for run in reversed(runs)}
        chosen = [first[setting] for setting in sorted(first)]
        return [_Round(runs=chosen, worths=[run.number(TARGET) for run in chosen])]
    found = []
    for seed in sorted({run.seed for group in groups for run in group}):
        chosen, worths = [], []
        for group in groups:
            own = [run for run in group if run.seed == seed]
            others = [run.number(TARGET) for run in group if run.seed != seed]
            if own:
                chosen.append(own[0])
                worths.append(statistics.fmean(others))
        found.append(_Round(runs=chosen, worths=worths))
    return found
