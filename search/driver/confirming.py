"""The phases that confirm a finished search: fresh runs of its finalists, then test."""

from dataclasses import dataclass

from search.driver.confirm_phase import ConfirmPhase
from search.driver.confirmed_on_test import ConfirmedOnTest
from search.driver.phases import Phase, PhaseContext
from search.driver.plan import Plan
from search.records.confirmation import Confirmation, ConfirmationPlan

__all__ = ["Confirming", "confirming_phases"]


@dataclass(frozen=True, kw_only=True)
class Confirming:
    """What to confirm, and what is already stored of it."""

    plan: ConfirmationPlan
    stored: Confirmation
    #: How often the test split was scored before.
    readings: int


def confirming_phases(
    confirming: Confirming, plan: Plan, context: PhaseContext
) -> tuple[Phase, ...]:
    """The two phases, which share their results.

    Args:
        confirming: What to confirm.
        plan: The plan of the study.
        context: What the phases work with.
    """
    results = dict(confirming.stored.runs)
    confirm = ConfirmPhase(
        plan=confirming.plan,
        results=results,
        rules=plan.rules,
        seed=plan.seed,
        context=context,
    )
    test = ConfirmedOnTest(
        plan=confirming.plan,
        results=results,
        stored=confirming.stored,
        readings=confirming.readings,
        context=context,
    )
    return (confirm, test)
