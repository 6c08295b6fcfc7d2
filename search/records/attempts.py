"""The attempts at a trial, as they are stored with it."""

from typing import Any

from search.records.stored_trial import AnyTrial

__all__ = ["ATTEMPTS_ATTRIBUTE", "attempts_of", "first_attempt"]

#: System attribute of a trial: ``[[attempt, epoch, why the attempt before it ended], …]``.
ATTEMPTS_ATTRIBUTE = "unim2:attempts"


def first_attempt(epoch: int, why: str) -> dict[str, Any]:
    """The system attributes of a trial that begins.

    Args:
        epoch: The lease's epoch.
        why: ``new``, or ``queued`` where somebody else added the trial.
    """
    return {ATTEMPTS_ATTRIBUTE: [[1, epoch, why]]}


def attempts_of(trial: AnyTrial) -> list[tuple[int, int, str]]:
    """The trial's attempts in order: number, lease epoch, reason for the attempt.

    Empty if no driver has begun the trial, or if somebody else overwrote the attribute.
    """
    stored = trial.system_attrs.get(ATTEMPTS_ATTRIBUTE, [])
    try:
        return [(int(attempt), int(epoch), str(why)) for attempt, epoch, why in stored]
    except (TypeError, ValueError):
        return []
