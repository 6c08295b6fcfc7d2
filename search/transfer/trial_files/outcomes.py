"""Outcomes of trials, as files of ``export`` name them."""

from collections.abc import Mapping

from search.transfer.trial_files.found_trial import Outcome

__all__ = ["finished_outcome"]

#: Names in files to outcomes of finished trials.
OUTCOMES: Mapping[str, Outcome] = {
    "complete": "complete",
    "collapsed": "collapsed",
    "underperforming": "underperforming",
    "pruned": "underperforming",
}


def finished_outcome(name: object) -> Outcome | None:
    """The outcome of a finished trial; None for any other trial."""
    return OUTCOMES.get(name) if isinstance(name, str) else None
