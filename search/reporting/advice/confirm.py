"""Fresh runs of the best trials: the values of a search are partly luck."""

from search.quality.confirmed import confirmed
from search.quality.expected import Expected
from search.quality.gains import gain_of_confirming
from search.records.confirmation import FINALISTS, SEEDS
from search.records.jobs import REFERENCES
from search.reporting.advice.situation import Situation
from search.reporting.advice.step import Step

__all__ = ["confirm"]


def confirm(situation: Situation) -> Step | None:
    """Confirm the finalists of a finished search, or tell those apart that look alike."""
    view, expected = situation.view, situation.expected
    if view.state != "finished" or expected is None:
        return None
    found = confirmed(view.confirmation)
    if found is None:
        return _first(situation, expected)
    if found.done < found.planned:
        line = f"{found.planned - found.done} of {found.planned} fresh runs are missing"
        command = view.command("confirm", "--top", len(found.finalists), "--seeds", found.seeds)
        return Step(name="confirm", command=command, line=line)
    if len(found.not_worse) < 2:
        return None
    seeds = 2 * found.seeds
    others = ", ".join(map(str, found.not_worse[1:]))
    runs = found.seeds * (len(found.finalists) + 1)
    return Step(
        name="confirm",
        command=view.command("confirm", "--top", len(found.finalists), "--seeds", seeds),
        line=f"{seeds} seeds: {found.seeds} do not tell {found.best.name} from {others}",
        hours=situation.hours_of_runs(runs),
    )


def _first(situation: Situation, expected: Expected) -> Step:
    means = situation.means[:FINALISTS]
    gain = gain_of_confirming(
        means, expected.deviations[: len(means)], noise=expected.noise, seeds=SEEDS
    )
    # K-means takes next to nothing: it trains no network.
    runs = SEEDS * (len(means) + len(REFERENCES) - 1)
    share = runs * situation.planned / situation.trained if situation.trained else 0.0
    return Step(
        name="confirm",
        command=situation.view.command("confirm", "--top", len(means), "--seeds", SEEDS),
        line=(
            f"confirm the top {len(means)} with {SEEDS} seeds: {100 * share:.0f} % more compute,"
            f" the pick changes in {100 * gain.changes:.0f} % of replays and gains {gain.text}"
        ),
        gain=gain,
        hours=situation.hours_of_runs(runs),
    )
