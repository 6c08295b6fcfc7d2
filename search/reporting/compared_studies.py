"""Several studies side by side, with unequal budgets marked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.quality.expected import Expected
from search.reporting.canonical import in_common
from search.reporting.digest import number_text
from search.reporting.measures import iterations_of, value_of
from search.reporting.study_details import StudyDetails

__all__ = ["Compared", "Comparison", "compare", "comparison_rows"]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One of the studies."""

    details: StudyDetails
    #: Iterations that all its trials trained.
    iterations: int
    #: Its best value once it had trained as much as the study that trained least; None before the
    #: first complete trial.
    best_at_equal: float | None
    #: Finished trials that another of the studies has, too: the same run up to the seed.
    in_common: int = 0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Studies side by side."""

    studies: tuple[Compared, ...]
    #: Iterations of the study that trained least.
    equal_iterations: int
    #: In what their budgets differ: ``trials``, ``iterations of a full run``.
    unequal: tuple[str, ...]
    #: Names of the objectives; values of several cannot be compared.
    objectives: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know before comparing the values, one sentence each."""
        notes = ["Equal budgets."]
        if self.unequal:
            notes = [
                f"Unequal budgets ({' and '.join(self.unequal)}): the best values cannot be"
                " compared as they stand; compare those after equal iterations."
            ]
        if len(self.objectives) > 1:
            notes.append("Several objectives: their values have different meanings.")
        return tuple(notes)


def compare(studies: Sequence[StudyDetails]) -> Comparison:
    """Put at least one study beside others."""
    spent = [sum(iterations_of(each, trial) for trial in each.view.trials) for each in studies]
    least = min(spent)
    budgets = {
        "trials": {each.view.counts.finished for each in studies},
        "iterations of a full run": {_planned(each) for each in studies},
    }
    return Comparison(
        studies=tuple(
            Compared(
                details=each,
                iterations=trained,
                best_at_equal=_best_after(each, least),
                in_common=in_common(
                    each.view, tuple(other.view for other in studies if other is not each)
                ),
            )
            for each, trained in zip(studies, spent, strict=True)
        ),
        equal_iterations=least,
        unequal=tuple(name for name, values in budgets.items() if len(values) > 1),
        objectives=tuple(dict.fromkeys(each.view.objective for each in studies)),
    )


def comparison_rows(found: Comparison) -> Mapping[str, tuple[str, ...]]:
    """The rows of the table by title, with a text for each study."""
    columns = [_column(each, found.equal_iterations) for each in found.studies]
    titles = dict.fromkeys(title for column in columns for title in column)
    return {title: tuple(column.get(title, "") for column in columns) for title in titles}


def _planned(details: StudyDetails) -> int:
    return int(details.setting("training.iterations") or 0)


def _best_after(details: StudyDetails, iterations: int) -> float | None:
    """The best value of the trials, in their order, that fit into so many iterations."""
    spent, best = 0, None
    for trial in details.view.trials:
        spent += iterations_of(details, trial)
        if spent > iterations:
            break
        if trial.state == "complete" and trial.counted:
            value = value_of(trial)
            best = value if best is None else max(best, value)
    return best


def _column(compared: Compared, equal_iterations: int) -> dict[str, str]:
    details = compared.details
    view = details.view
    test = view.test or {}
    at_equal = compared.best_at_equal
    return {
        "state": view.state,
        "objective": view.objective_title,
        "protocol": view.protocol or "of another version",
        "trials": f"{view.counts.finished} of {view.target}",
        "full runs": str(view.counts.complete),
        "collapsed": str(view.counts.collapsed),
        "trials in common": str(compared.in_common),
        "iterations of a full run": str(details.setting("training.iterations")),
        "iterations trained": f"{compared.iterations:,}",
        "best value": "" if view.best is None else f"{value_of(view.best):.2f}",
        f"after {equal_iterations:,} iterations": "" if at_equal is None else f"{at_equal:.2f}",
        **_trust(details),
        "test mIoU": f"{test['cluster']['miou']:.2f}" if "cluster" in test else "",
        "method": str(details.setting("method.name")),
        "data": str(details.setting("data.name")),
        "backbone": str(details.setting("backbone.name")),
        "space": str(details.setting("search.space")),
        "sampler": str(details.setting("search.sampler")),
        "pruner": str(details.setting("search.pruner")),
        "seed": str(view.seed),
        "revision": (details.revision or "unknown")[:12],
        "best trial": "" if view.best is None else str(view.best.number),
        **({} if view.best is None else _params(view.best.params)),
    }


def _trust(details: StudyDetails) -> dict[str, str]:
    """What to expect of the best trial, and what was confirmed."""
    found = details.assessment
    expected = None if found is None else found.expected
    confirmed = None if found is None else found.confirmed
    text = ""
    if isinstance(expected, Expected):
        text = f"{expected.mean:.2f} [{expected.low:.1f}, {expected.high:.1f}]"
    return {
        "expected of a fresh seed": text,
        "confirmed": "" if confirmed is None else f"{confirmed.best.mean:.2f}",
    }


def _params(params: Mapping[str, float]) -> dict[str, str]:
    return {f"best {name}": number_text(value) for name, value in params.items()}
