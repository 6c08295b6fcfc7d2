"""More trials, as long as they should add more than noise hides."""

from search.quality.expected import LEAST_COMPLETE
from search.quality.gains import Gain, gain_of_more
from search.reporting import digest
from search.reporting.advice.situation import Situation
from search.reporting.advice.step import Step

__all__ = ["gain_of_rest", "is_worth_more", "more_trials", "trials_left"]


def more_trials(situation: Situation) -> Step | None:
    """Continue the search, or extend it."""
    view = situation.view
    if view.nothing_searched and view.state == "finished":
        return None
    count, command = trials_left(situation), digest.more_trials(view)
    hours = situation.hours_of_trials(count)
    gain = gain_of_rest(situation)
    if gain is None:
        line = f"{count} more trials: {_why_unknown(situation)}"
        return Step(name="more-trials", command=command, line=line, hours=hours)
    if not is_worth_more(situation, gain):
        return None
    line = f"{count} more trials add {gain.text}"
    return Step(name="more-trials", command=command, line=line, gain=gain, hours=hours)


def trials_left(situation: Situation) -> int:
    """Trials up to the target; beyond it :data:`~search.reporting.digest.MORE_TRIALS`."""
    return digest.trials_left(situation.view) or digest.MORE_TRIALS


def _why_unknown(situation: Situation) -> str:
    complete = situation.view.counts.complete
    if situation.is_flat:
        return f"the model of {complete} complete trials sees noise alone, not what they add"
    return (
        f"the model that says what they add needs {LEAST_COMPLETE} complete trials and has"
        f" {complete}"
    )


def gain_of_rest(situation: Situation) -> Gain | None:
    """What these trials should add; None without a model, or if it sees noise alone."""
    if situation.is_flat:
        return None
    finished = situation.view.counts.finished
    return gain_of_more(situation.means, finished=finished, more=trials_left(situation))


def is_worth_more(situation: Situation, gain: Gain) -> bool:
    """Whether a good outcome is larger than the deviation of fresh runs of one trial."""
    return situation.expected is None or gain.mean + gain.deviation > situation.expected.noise
