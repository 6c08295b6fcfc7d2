"""Fresh runs of the best trials: the values of a search are partly luck."""

from search.quality.confirmed import confirmed
from search.quality.expected import Expected
from search.quality.gains import gain_of_confirming
from search.records.confirmation import FINALISTS, SEEDS, StoredConfirmation
from search.records.jobs import REFERENCES
from search.reporting.advice.situation import Situation
from search.reporting.advice.step import Step

__all__ = ["confirm"]


def confirm(situation: Situation) -> Step | None:
    """Confirm the finalists of a finished search, or tell those apart that look alike."""
    view, expected = situation.view, situation.expected
    if view.state != "finished" or expected is None:
        return None
    plan = view.confirmation.plan
    if plan is None:
        return _first(situation, expected)
    jobs = plan.jobs()
    missing = sum(job not in view.confirmation.runs for job in jobs)
    if missing:
        return Step(
            name="confirm",
            command=view.command("confirm", "--top", len(plan.trials), "--seeds", plan.seeds),
            line=f"{missing} of {len(jobs)} fresh runs are missing",
        )
    return _further_seeds(situation, plan)


def _further_seeds(situation: Situation, plan: StoredConfirmation) -> Step | None:
    """Twice the seeds, if those so far do not tell the best finalist from others."""
    view = situation.view
    found = confirmed(view.confirmation)
    if found is None or len(found.not_worse) < 2:
        return None
    others = ", ".join(map(str, found.not_worse[1:]))
    return Step(
        name="confirm",
        command=view.command("confirm", "--top", len(plan.trials), "--seeds", 2 * plan.seeds),
        line=f"{2 * plan.seeds} seeds: {plan.seeds} do not tell {found.best.name} from {others}",
        hours=situation.hours_of_runs(plan.seeds * _trained_subjects(len(plan.trials))),
    )


def _trained_subjects(finalists: int) -> int:
    """Finalists and references, without K-means: it trains no network, so it takes little."""
    return finalists + len(REFERENCES) - 1


def _first(situation: Situation, expected: Expected) -> Step:
    """Confirm the finalists that the model prefers."""
    means = situation.means[:FINALISTS]
    gain = gain_of_confirming(
        means, expected.deviations[: len(means)], noise=expected.noise, seeds=SEEDS
    )
    runs = SEEDS * _trained_subjects(len(means))
    share = runs * situation.planned / situation.trained if situation.trained else 0.0
    return Step(
        name="confirm",
        command=situation.view.command("confirm", "--top", len(means), "--seeds", SEEDS),
        line=(
            f"confirm the top {len(means)} with {SEEDS} seeds: {100 * share:.0f} % more compute,"
            f" the pick changes in {100 * gain.changes:.0f} % of simulations and gains {gain.text}"
        ),
        gain=gain,
        hours=situation.hours_of_runs(runs),
    )
