"""The printer for notes: a study as Markdown, with the user's text escaped."""

import dataclasses
import datetime
from collections.abc import Iterator

from search.records.stored_trial import kind_text
from search.records.study_note import NOTE_LINE
from search.reporting.auto_choice import auto_line
from search.reporting.digest import (
    BestTrial,
    best_of,
    counts_text,
    lines_of_others,
    more_trials,
    number_text,
    pruned_of,
    tally_reasons,
)
from search.reporting.markdown_text import markdown_table, plain
from search.reporting.study_view import State, StudyView

__all__ = ["study_note"]


def study_note(view: StudyView, *, state: State, now: datetime.datetime) -> str:
    """The note of a study in the dashboard: its state, and how to continue it.

    Args:
        view: The study, as its driver has it in memory.
        state: Its state; the driver knows it before it is stored.
        now: When the note is made.
    """
    view = dataclasses.replace(view, state=state)
    driver = f"{plain(view.driver)}; as" if view.driver else "As"
    parts = [
        f"## {plain(view.name)}",
        NOTE_LINE,
        f"{driver[0].upper()}{driver[1:]} of {now:%Y-%m-%d %H:%M:%S} UTC.",
        *_body(view),
        "### What next",
        markdown_table(("to", "run"), _commands(view), code=1),
    ]
    return "\n\n".join(parts) + "\n"


def _commands(view: StudyView) -> Iterator[tuple[str, str]]:
    """What to do, and the command that does it."""
    match view.state:
        case "running":
            yield "watch it", view.command("attach")
            yield "stop it after the running evaluations", view.command("stop")
        case "paused":
            yield "continue it", view.command("resume")
        case "finished":
            yield "see what should gain most", view.command("next")
            if not view.nothing_searched:
                yield "add trials", more_trials(view)
            yield "train the best trials with fresh seeds", view.command("confirm")
            yield "print the best settings", view.command("best", "--format", "toml")
    yield "write a report with health checks", view.command("report")


def _body(view: StudyView) -> list[str]:
    """State, best trial and reasons, one paragraph each."""
    parts = [f"{view.state.capitalize()}. {counts_text(view)}."]
    parts += [f"{plain(line)}." for line in lines_of_others(view)]
    if (chosen := auto_line(view)) is not None:
        parts.append(f"{plain(chosen)}.")
    best = best_of(view)
    if best is None:
        parts.append(f"No complete trial yet; score: {plain(view.objective_title)}.")
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
        parts.append(markdown_table(("pruned", "trials", "for example"), rows))
    return parts


def _best(best: BestTrial) -> list[str]:
    head = f"**Best trial {best.number}: {best.value:.2f}**, {plain(best.made)}."
    rows = (
        (name, number_text(value), _default(best, name)) for name, value in best.parameters.items()
    )
    scores = [f"{best.scores_text}."] if best.scores else []
    table = markdown_table(("hyper-parameter", "value", "default"), rows)
    return [head, *scores, *([table] if best.parameters else [])]


def _default(best: BestTrial, name: str) -> str:
    return number_text(best.defaults[name]) if name in best.defaults else ""
