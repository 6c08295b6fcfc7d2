"""The lines that a running search shows about events."""

from search.records.outcome import Completed, Failed, Outcome, Pruned
from search.records.stored_trial import kind_text

__all__ = ["end_text"]


def end_text(trial: int, outcome: Outcome, *, is_best: bool) -> str:
    """How a trial ended, in one line."""
    match outcome:
        case Completed(value=value):
            return f"trial {trial} complete: {value:.2f}{' (best so far)' if is_best else ''}"
        case Pruned(kind=kind, reason=reason):
            return f"trial {trial} pruned, {kind_text(kind)}: {reason}"
        case Failed(reason=reason):
            return f"trial {trial} failed: {reason}"
