"""Shared by the printers for people: the best trial, counts, and why trials were pruned."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from search.records.stored_trial import PruneKind
from search.reporting.auto_choice import auto_line
from search.reporting.measures import ended_compute
from search.reporting.study_view import WAITS, StudyView

__all__ = [
    "MORE_TRIALS",
    "BestTrial",
    "PrunedTrial",
    "ReasonRow",
    "after",
    "best_of",
    "compute_lines",
    "counts_text",
    "lines_of_others",
    "more_trials",
    "number_text",
    "pruned_of",
    "tally_reasons",
    "trials_left",
]

MORE_TRIALS = 100  # suggested at the end of a search
#: Figures, in which two reasons given by the same rule may differ.
FIGURE = re.compile(r"-?\d+(\.\d+)?(, -?\d+)*( and -?\d+)?")


@dataclass(frozen=True, kw_only=True)
class BestTrial:
    """The trial with the highest value."""

    number: int
    value: float
    #: How the value was computed, such as "median of the last 5 evaluations on the val split".
    protocol: str
    parameters: Mapping[str, float]
    #: Label of the objective, with its unit; empty if unknown.
    objective: str = ""
    #: Default values, for comparison.
    defaults: Mapping[str, float] = field(default_factory=dict)
    #: Scores by name, in percent, such as ``{"test mIoU": 31.0}``.
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def made(self) -> str:
        """The objective, and how the value was computed."""
        return "; ".join(filter(None, (self.objective, self.protocol)))

    @property
    def scores_text(self) -> str:
        """``val mIoU 31.20, test mIoU 30.10``; empty without scores."""
        return ", ".join(f"{name} {score:.2f}" for name, score in self.scores.items())


@dataclass(frozen=True, kw_only=True)
class PrunedTrial:
    """A trial that a rule stopped."""

    number: int
    kind: PruneKind
    reason: str


@dataclass(frozen=True, kw_only=True)
class ReasonRow:
    """The trials that one rule stopped."""

    kind: PruneKind
    count: int
    #: One of them.
    example: PrunedTrial


def best_of(view: StudyView) -> BestTrial | None:
    """The best trial; None before the first complete one."""
    if view.best is None:
        return None
    assert view.best.value is not None, "a complete trial has a value"
    return BestTrial(
        number=view.best.number,
        value=view.best.value,
        protocol=view.protocol or "computed by another version of this program",
        parameters=view.best.params,
        objective=view.objective_title,
        defaults=view.defaults,
        scores=_scores(view),
    )


def _scores(view: StudyView) -> dict[str, float]:
    """The scores of the last evaluation on val, and on test once it was evaluated."""
    assert view.best is not None
    figures = view.best.figures
    scores = {
        f"val {shown}": figures[name]
        for name, shown in (("miou", "mIoU"), ("accuracy", "accuracy"))
        if name in figures
    }
    if view.test and view.test["trial"] == view.best.number and "cluster" in view.test:
        scores["test mIoU"] = view.test["cluster"]["miou"]
        scores["test accuracy"] = view.test["cluster"]["accuracy"]
    return scores


def pruned_of(view: StudyView) -> tuple[PrunedTrial, ...]:
    """The trials that a rule stopped, by number."""
    return tuple(
        PrunedTrial(number=trial.number, kind=trial.kind, reason=trial.reason)
        for trial in view.trials
        if trial.kind is not None
    )


def counts_text(view: StudyView) -> str:
    """How many trials have ended in each way, and how many are running."""
    counts = view.counts
    return (
        f"{counts.finished} of {view.target} trials: {counts.complete} complete,"
        f" {counts.collapsed} collapsed, {counts.behind} underperforming;"
        f" {counts.failed} failed, {counts.running} running"
    )


def compute_lines(view: StudyView) -> Iterator[str]:
    """What ended trials trained of what was planned, and why not all; none before one ended.

    Also what the pruner ``auto`` chose.
    """
    found = ended_compute(view)
    planned = sum(each.planned for each in found.values())
    if not planned:
        return
    trained = sum(each.trained for each in found.values())
    missing = {outcome: each.planned - each.trained for outcome, each in found.items()}
    reasons = ", ".join(
        f"{100 * count / planned:.0f} % {outcome}"
        for outcome, count in missing.items()
        if count > 0
    )
    line = (
        f"{trained:,} of {planned:,} planned iterations trained ({100 * trained / planned:.0f} %)"
    )
    yield f"{line}; not trained: {reasons}" if reasons else line
    if (chosen := auto_line(view)) is not None:
        yield chosen


def lines_of_others(view: StudyView) -> Iterator[str]:
    """Changes from outside the search: trials that were queued, added, ended or imported."""
    waiting = [number for number, how in view.queued.items() if how == WAITS]
    for number, how in view.queued.items():
        if how != WAITS:
            yield f"trial {number} was queued {how}"
    if waiting and view.state == "finished":
        more = more_trials(view, len(waiting))
        yield f"{len(waiting)} queued after the last trial had started: `{more}` runs them"
    elif waiting:
        yield f"{len(waiting)} queued, to run as the next trials"
    if view.counts.foreign:
        yield f"{view.counts.foreign} ended by somebody else: not counted"
    if view.counts.imported:
        line = f"{view.counts.imported} imported: not counted"
        yield f"{line}, but the sampler learns from them"


def after(view: StudyView) -> str:
    """The command that a user who has seen the state of a study probably wants next."""
    match view.state:
        case "running":
            return view.command("attach")
        case "paused":
            return view.command("resume")
        case "finished":
            return view.command("next")


def trials_left(view: StudyView) -> int:
    """Trials that the study still has to finish; 0 for one that is finished."""
    return 0 if view.state == "finished" else max(0, view.target - view.counts.finished)


def more_trials(view: StudyView, trials: int = MORE_TRIALS) -> str:
    """The command that finishes more trials: those that are left, or else so many further ones."""
    if view.state == "running":
        return view.command("attach")
    if trials_left(view):
        return view.command("resume")
    return view.command("resume", "--trials", max(view.target, view.counts.finished) + trials)


def number_text(value: float) -> str:
    """A number with four decimals, or with three significant digits if it is small."""
    return f"{value:.4f}" if value == 0 or abs(value) >= 0.01 else f"{value:.3g}"


def tally_reasons(pruned: Iterable[PrunedTrial]) -> tuple[ReasonRow, ...]:
    """Group pruned trials by kind and rule: collapsed ones first, then by frequency.

    Two reasons belong to the same rule if they differ in figures only. The example is the latest
    trial.
    """
    groups: dict[tuple[PruneKind, str], list[PrunedTrial]] = {}
    for trial in sorted(pruned, key=lambda trial: trial.number):
        groups.setdefault((trial.kind, FIGURE.sub("#", trial.reason)), []).append(trial)
    rows = [
        ReasonRow(kind=kind, count=len(trials), example=trials[-1])
        for (kind, _), trials in groups.items()
    ]
    return tuple(sorted(rows, key=lambda row: (row.kind != "collapsed", -row.count)))
