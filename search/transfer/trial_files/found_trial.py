"""What is found in a file with trials, before anything of it is checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["FoundTrial", "Looked", "Outcome", "TrialFile"]

Outcome = Literal["complete", "collapsed", "underperforming"]


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What to look for in a file."""

    #: Hyper-parameters of the search space.
    names: Sequence[str]
    #: Column that holds the value; None for the usual one.
    value: str | None = None
    #: The study to take the trials from, in a file that can hold several; None for its only one.
    study: str | None = None


@dataclass(frozen=True, kw_only=True)
class FoundTrial:
    """A finished trial as a file has it; its value and parameters may be anything."""

    #: Where it is in the file, such as ``trial 12`` or ``line 3``.
    place: str
    outcome: Outcome
    value: Any
    params: Mapping[str, Any]
    #: The score by evaluation.
    scores: Mapping[Any, Any] = field(default_factory=dict)
    #: Why it was pruned.
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class TrialFile:
    """The trials of a file."""

    #: The finished ones, in the order of the file.
    trials: Sequence[FoundTrial]
    #: How many others there are: failed, running, or not counted where they come from.
    unfinished: int = 0
    #: Name of the objective; None if the file does not say.
    objective: str | None = None
    #: The configuration of the study, as tables; None if the file does not say.
    config: Mapping[str, Any] | None = None
