"""The checker: compares a search as PostgreSQL stores it with what was promised.

Each rule is a function of the facts that yields one line for each thing that is wrong.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.chaos.acknowledged import Acknowledged
from tests.chaos.facts import StudyFacts, TrialFacts

__all__ = ["ASKED", "Expectation", "same_search", "violations"]

COUNTED = ("COMPLETE", "PRUNED")
ENDED = (*COUNTED, "FAIL")
REASONS = ("new", "adopted", "error", "lost", "stalled", "memory")
#: Parameters of a trial that another user queues, with which it has to run.
ASKED = {"b_self": 0.123}
PRINTED = 0.0051  # half of the last digit that a plain log prints


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """The expected result of a run."""

    #: Trials to be finished.
    trials: int
    #: Trials that the schedule broke for good: these, and no others, are FAIL.
    broken: tuple[int, ...] = ()
    #: The entries that drivers know to be stored.
    acknowledged: Sequence[Acknowledged] = ()
    #: Trials that other users wrote through Optuna's API: ``queued`` and to be run as asked,
    #: queued and ``unfit`` to be run, ``added`` as over, ``ended`` while it ran.
    others: Mapping[int, str] = field(default_factory=dict)

    def by_others(self, *kinds: str) -> set[int]:
        """Numbers of the trials that other users wrote in one of these ways."""
        return {number for number, kind in self.others.items() if kind in kinds}


Rule = Callable[[StudyFacts, Expectation], Iterator[str]]


def violations(facts: StudyFacts, expected: Expectation) -> list[str]:
    """Everything that is wrong, one line each; nothing for a clean run."""
    return [found for rule in RULES for found in rule(facts, expected)]


def same_search(facts: StudyFacts, undisturbed: StudyFacts) -> list[str]:
    """Where parameters and values are not those of the undisturbed run."""
    problems = []
    for one, other in zip(facts.trials, undisturbed.trials, strict=False):
        for what in ("state", "values", "parameters", "scores"):
            mine, theirs = getattr(one, what), getattr(other, what)
            if mine != theirs:
                problems.append(
                    f"trial {one.number} has {what} {mine}, in the undisturbed run {theirs}"
                )
    return problems


def _exact(facts: StudyFacts, expected: Expectation) -> Iterator[str]:
    """Exactly N trials are finished, and the study is marked so."""
    theirs = expected.by_others("added", "ended")
    mine = [trial for trial in facts.trials if trial.number not in theirs]
    counted = sum(trial.state in COUNTED for trial in mine)
    if counted != expected.trials:
        yield f"{counted} trials are finished, not {expected.trials}"
    if facts.target != expected.trials:
        yield f"the study's target is {facts.target}, not {expected.trials}"
    if not facts.finished:
        yield "the study is not marked as finished"


def _numbered(facts: StudyFacts, expected: Expectation) -> Iterator[str]:
    """Numbers are 0 … N+F-1, each once; F counts injected failures and trials of others."""
    failed = {trial.number for trial in facts.trials if trial.state == "FAIL"}
    waiting = {trial.number for trial in facts.trials if trial.state == "WAITING"}
    theirs = expected.by_others("added", "ended")
    on_order = set(expected.broken) - theirs | expected.by_others("unfit") - waiting
    if failed != on_order:
        yield f"trials {sorted(failed)} failed, those broken on order are {sorted(on_order)}"
    numbers = [trial.number for trial in facts.trials]
    if numbers != list(range(expected.trials + len(failed | theirs | waiting))):
        yield f"trials are numbered {numbers}"


def _ended(facts: StudyFacts, expected: Expectation) -> Iterator[str]:
    """None is left RUNNING or WAITING, except trials queued after the last one had begun."""
    queued = expected.by_others("queued", "unfit")
    last = max((one.number for one in facts.trials if one.attempts), default=-1)
    for trial in facts.trials:
        late = trial.state == "WAITING" and trial.number in queued and trial.number > last
        if trial.state not in ENDED and not late:
            yield f"trial {trial.number} is left {trial.state}"


def _valued(facts: StudyFacts, expected: Expectation) -> Iterator[str]:
    """A complete trial has one finite value, a pruned one at most one, a failed one none."""
    for trial in facts.trials:
        finite = [value for value in trial.values if value is not None and math.isfinite(value)]
        most = 0 if trial.state == "FAIL" else 1
        least = 1 if trial.state == "COMPLETE" else 0
        if len(finite) != len(trial.values) or not least <= len(finite) <= most:
            yield f"trial {trial.number} ({trial.state}) has the values {list(trial.values)}"


def _whole(facts: StudyFacts, expected: Expectation) -> Iterator[str]:
    """Every trial has all parameters, in range."""
    for trial in _run(facts, expected):
        if trial.parameters.keys() != facts.ranges.keys():
            odd = sorted(trial.parameters.keys() ^ facts.ranges.keys())
            yield f"trial {trial.number} lacks, or has too many, parameters: {', '.join(odd)}"
            continue
        for name, (low, high) in facts.ranges.items():
            if not low <= trial.parameters[name] <= high:
                yield f"trial {trial.number} has {name} = {trial.parameters[name]} out of range"


def _distinct(facts: StudyFacts, expected: Expectation) -> Iterator[str]:
    """All points differ."""
    points: dict[tuple[tuple[str, float], ...], int] = {}
    for trial in _run(facts, expected):
        first = points.setdefault(tuple(sorted(trial.parameters.items())), trial.number)
        if first != trial.number:
            yield f"trials {first} and {trial.number} are at the same point"


def _reported(facts: StudyFacts, expected: Expectation) -> Iterator[str]:
    """Reports are there from the first to the last, in order, and scores only beside them."""
    for trial in facts.trials:
        mine = [report for report in facts.reports if report.trial == trial.number]
        evaluations = [report.evaluation for report in mine]
        if evaluations != list(range(1, len(mine) + 1)):
            yield f"trial {trial.number} has the reports {evaluations}"
        if any(one.stored_at > next_.stored_at for one, next_ in pairwise(mine)):
            yield f"the reports of trial {trial.number} were not stored in their order"
        alone = sorted(trial.scores.keys() - set(evaluations))
        if alone:
            yield f"trial {trial.number} has scores without reports: {alone}"
    unknown = {report.trial for report in facts.reports}
    unknown -= {trial.number for trial in facts.trials}
    if unknown:
        yield f"there are reports of trials that are not there: {sorted(unknown)}"


def _attempted(facts: StudyFacts, expected: Expectation) -> Iterator[str]:
    """Attempts are numbered from 1, under epochs that were held, in their order."""
    held = {lease.epoch for lease in facts.leases}
    for trial in _run(facts, expected):
        numbers = [attempt for attempt, _, _ in trial.attempts]
        epochs = [epoch for _, epoch, _ in trial.attempts]
        reasons = [why for _, _, why in trial.attempts]
        if numbers != list(range(1, len(numbers) + 1)) or not numbers:
            yield f"trial {trial.number} has the attempts {numbers}"
        if epochs != sorted(epochs) or not set(epochs) <= held:
            yield f"the attempts of trial {trial.number} have the epochs {epochs}"
        begun = ["queued" if trial.number in expected.by_others("queued") else "new"]
        if reasons[:1] != begun or not set(reasons[1:]) <= set(REASONS[1:]):
            yield f"the attempts of trial {trial.number} began as {reasons}"


def _one_holder(facts: StudyFacts, expected: Expectation) -> Iterator[str]:
    """One owner at a time: epochs without a gap, each taken after the last was released."""
    epochs = [lease.epoch for lease in facts.leases]
    if epochs != list(range(1, facts.epoch + 1)):
        yield f"the lease has the epoch {facts.epoch}, its history {epochs}"
    for lease in facts.leases:
        if lease.released_at is not None and lease.released_at < lease.acquired_at:
            yield f"epoch {lease.epoch} was released before it was taken"
    for lease, successor in pairwise(facts.leases):
        if successor.acquired_at <= lease.acquired_at:
            yield f"epoch {successor.epoch} was taken before epoch {lease.epoch}"
        if lease.released_at is not None and lease.released_at > successor.acquired_at:
            yield f"epoch {lease.epoch} was released after epoch {successor.epoch} was taken"


def _one_writer(facts: StudyFacts, expected: Expectation) -> Iterator[str]:
    """A connection writes under one epoch alone, and no epoch comes back."""
    epochs: dict[str, set[int]] = {}
    for write in facts.writes:
        epochs.setdefault(write.backend, set()).add(write.epoch)
    for backend, seen in epochs.items():
        if len(seen) > 1:
            yield f"connection {backend} wrote under the epochs {sorted(seen)}"
    if any(one.epoch > next_.epoch for one, next_ in pairwise(facts.writes)):
        yield "something was written under an epoch that was over"


def _stored_once(facts: StudyFacts, expected: Expectation) -> Iterator[str]:
    """Nothing is stored twice: no end after an end, and no number is replaced by another."""
    ends: Counter[int | None] = Counter()
    theirs = {*expected.by_others("added", "ended"), None} if expected.others else set()
    for write in facts.writes:
        if write.trial in theirs:  # a trial has no number while it is being added
            continue
        if write.what == "trial":
            ends[write.trial] += write.after in ENDED
            if write.before in ENDED:
                yield f"trial {write.trial} was {write.before} and was written again"
        elif write.before is not None and write.before != write.after:
            yield f"{write.what} of trial {write.trial} went from {write.before} to {write.after}"
        elif ends[write.trial] and write.what != "trial_values":
            yield f"{write.what} of trial {write.trial} was written after its end"
    for trial, count in ends.items():
        if count > 1:
            yield f"the end of trial {trial} was stored {count} times"


def _retention(facts: StudyFacts, expected: Expectation) -> Iterator[str]:
    """Every entry that a driver knows to be stored is there, unchanged."""
    trials = {trial.number: trial for trial in facts.trials}
    reports = {(report.trial, report.evaluation) for report in facts.reports}
    # by process, because a driver that lost its study may find the end that its successor stored
    ends: Counter[tuple[int, int]] = Counter()
    for entry in expected.acknowledged:
        trial = trials.get(entry.trial)
        if trial is None:
            yield f"trial {entry.trial} was stored ({entry.what}) and is missing"
        elif entry.what == "add" and trial.parameters != entry.parameters:
            yield f"trial {entry.trial} has other parameters than were stored"
        elif entry.what == "report":
            yield from _kept_report(entry, trial, (entry.trial, entry.evaluation) in reports)
        elif entry.what == "line" and entry.trial in expected.by_others("ended"):
            continue  # printed before another user ended it
        elif entry.what in ("end", "line"):
            ends[entry.trial, entry.pid] += entry.what == "end"
            yield from _kept_end(entry, trial)
    for (number, _), count in ends.items():
        if count > 1:
            yield f"the end of trial {number} was acknowledged {count} times to one driver"


def _kept_report(entry: Acknowledged, trial: TrialFacts, stored: bool) -> Iterator[str]:
    if not stored:
        yield f"report {entry.evaluation} of trial {entry.trial} was stored and is missing"
    assert entry.evaluation is not None
    if entry.value is not None and trial.scores.get(entry.evaluation) != entry.value:
        yield (
            f"score {entry.evaluation} of trial {entry.trial} was stored as {entry.value} and is"
            f" {trial.scores.get(entry.evaluation)}"
        )


def _kept_end(entry: Acknowledged, trial: TrialFacts) -> Iterator[str]:
    value = trial.values[0] if trial.values else None
    if trial.state != entry.state or not _same(entry, value):
        yield (
            f"trial {entry.trial} was stored as {entry.state} {entry.value} and is"
            f" {trial.state} {value}"
        )


def _same(entry: Acknowledged, value: float | None) -> bool:
    if entry.what == "end":
        return value == entry.value
    if entry.value is None:  # a plain log prints no value of a pruned trial
        return True
    return value is not None and abs(value - entry.value) < PRINTED


def _asked(facts: StudyFacts, expected: Expectation) -> Iterator[str]:
    """A trial queued by others runs with the parameters asked for; one ended by them stays."""
    for trial in facts.trials:
        kind = expected.others.get(trial.number)
        if kind == "queued" and trial.state != "WAITING":
            if not ASKED.items() <= trial.parameters.items():
                yield f"trial {trial.number} was queued with {ASKED}, and is {trial.parameters}"
        elif kind in ("added", "ended") and (trial.state, trial.values) != ("COMPLETE", (99.0,)):
            yield f"trial {trial.number} was {kind} as COMPLETE 99, and is {trial.state}"


def _run(facts: StudyFacts, expected: Expectation) -> Iterator[TrialFacts]:
    """The trials that were to be run."""
    late = {trial.number for trial in facts.trials if trial.state == "WAITING"}
    never = expected.by_others("added", "unfit") | late
    return (trial for trial in facts.trials if trial.number not in never)


RULES: tuple[Rule, ...] = (
    _exact,
    _numbered,
    _ended,
    _valued,
    _whole,
    _distinct,
    _reported,
    _attempted,
    _one_holder,
    _one_writer,
    _stored_once,
    _retention,
    _asked,
)
