"""Stop: more trials should add less than the noise of a single run."""

from search.quality.gains import digits_of
from search.reporting.advice.more import gain_of_rest, is_worth_more, trials_left
from search.reporting.advice.situation import Situation
from search.reporting.advice.step import Step

__all__ = ["stop"]


def stop(situation: Situation) -> Step | None:
    """End the search, and use its best trial."""
    gain = gain_of_rest(situation)
    if gain is None or situation.expected is None or is_worth_more(situation, gain):
        return None
    view = situation.view
    command = view.command("stop")
    if view.state != "running":
        command = view.save_best()
    line = (
        f"stop: {trials_left(situation)} more trials add {gain.text}, and fresh runs of one trial"
        f" vary by ± {situation.expected.noise:.{digits_of(situation.expected.noise)}f}"
    )
    return Step(name="stop", command=command, line=line)
