"""The printer for notes: a study as Markdown, with nothing of the user's taken for markup."""

import re
from collections.abc import Iterable, Sequence

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

#: What is markup inside a line; nothing of the user's begins one.
MARKUP = re.compile(r"([\\`*_\[\]<>|~&$])")


def study_markdown(view: StudyView) -> str:
    """How a study stands, its best trial, and why others were pruned."""
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
            (row.kind, str(row.count), f"trial {row.example.number}: {row.example.reason}")
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
    return [head, *scores, _table(("parameter", "value", "default"), rows)]


def _default(best: BestTrial, name: str) -> str:
    return number_text(best.defaults[name]) if name in best.defaults else ""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """Text in one line that Markdown shows as it is."""
    return MARKUP.sub(r"\\\1", " ".join(text.split()))
