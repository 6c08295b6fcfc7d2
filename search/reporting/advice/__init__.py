"""What to do next with a study: at most three commands, by expected gain per hour.

Failures and collapses come before that: more of such trials would teach little.

A new advice is one file and one line in the table. It computes its number from the stored study
alone.
"""

from typing import Any

from search.reporting.advice.collapsed import collapsed
from search.reporting.advice.confirm import confirm
from search.reporting.advice.failures import failures
from search.reporting.advice.more import more_trials
from search.reporting.advice.situation import Situation
from search.reporting.advice.step import Advice, Step
from search.reporting.advice.stop import stop
from search.reporting.advice.widen import widen
from search.reporting.study_details import StudyDetails

__all__ = ["ADVICE", "MOST", "Advice", "Step", "next_steps", "steps_json"]

#: Every advice; the order decides between those whose gain per hour is equal or unknown.
ADVICE: tuple[Advice, ...] = (failures, collapsed, more_trials, confirm, widen, stop)
#: More commands than this are not advice.
MOST = 3


def next_steps(details: StudyDetails) -> tuple[Step, ...]:
    """At most :data:`MOST` steps.

    Those that come first are followed by those with the highest expected gain per hour, and those
    whose gain is unknown.
    """
    situation = Situation(details)
    found = [step for step in (advise(situation) for advise in ADVICE) if step is not None]
    return tuple(sorted(found, key=_place)[:MOST])


def _place(step: Step) -> tuple[bool, bool, float]:
    """Steps with smaller values come first."""
    return not step.comes_first, step.rate is None, -max(step.rate or 0.0, 0.0)


def steps_json(steps: tuple[Step, ...]) -> list[dict[str, Any]]:
    """The steps as JSON."""
    return [
        {
            "step": step.name,
            "command": step.command,
            "line": step.line,
            "gain": None if step.gain is None else step.gain.mean,
            "deviation": None if step.gain is None else step.gain.deviation,
            "hours": step.hours,
            "gain_per_hour": step.rate,
        }
        for step in steps
    ]
