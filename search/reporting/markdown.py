"""The printer for notes: a study as Markdown, with the user's text escaped."""

import re
from collections.abc import Iterable, Sequence

from search.records.stored_trial import kind_text
from search.reporting.digest import (
    BestTrial,
    best_of,
    counts_text,
    lines_of_others,
    number_text,
    pruned_of,
    tally_reasons,
)
from search.reporting.study_view import StudyView

__all__ = ["study_markdown"]

#: Markup inside a line. Text of the user never begins a line.
MARKUP = re.compile(r"([\\`*_\[\]<>|~&$])")


def study_markdown(view: StudyView) -> str:
    """The state of a study, its best trial, and why trials were pruned."""
    parts = [f"## {_plain(view.name)}", f"{view.state.capitalize()}. {counts_text(view)}."]
    parts += [f"{_plain(line)}." for line in lines_of_others(view)]
    best = best_of(view)
    if best is None:
        parts.append(f"No complete trial yet; score: {_plain(view.objective_title)}.")
    else:
        parts += _best(best)
    reasons = tally_reasons(pruned_of(view))
    if reasons:
        rows = (
            (
                kind_text(row.kind),
                str(row.count),
                f"trial {row.example.number}: {row.example.reason}",
            )
            for row in reasons
        )
        parts.append(_table(("pruned", "trials", "for example"), rows))
    return "\n\n".join(parts) + "\n"


def _best(best: BestTrial) -> list[str]:
    head = f"**Best trial {best.number}: {best.value:.2f}**, {_plain(best.made)}."
    rows = (
        (name, number_text(value), _default(best, name)) for name, value in best.parameters.items()
    )
    scores = [f"{best.scores_text}."] if best.scores else []
    return [head, *scores, _table(("hyper-parameter", "value", "default"), rows)]


def _default(best: BestTrial, name: str) -> str:
    return number_text(best.defaults[name]) if name in best.defaults else ""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """One line of text, escaped so that Markdown shows it literally."""
    return MARKUP.sub(r"\\\1", " ".join(text.split()))
