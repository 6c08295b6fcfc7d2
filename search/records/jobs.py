"""Jobs: what workers run, named by a key such as ``trial/12``."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Job", "JobKind"]

#: ``trial``: a run of the search; ``confirm``: another run with the same parameters and another
#: seed; ``test``: scores the trial's checkpoint on the test split.
JobKind = Literal["trial", "confirm", "test"]


@dataclass(frozen=True)
class Job:
    """The key of a job, used for checkpoint folders, stalls and retries.

    The kind decides how the job's reports are used.
    """

    kind: JobKind
    #: Number of the trial that the job is about.
    trial: int
    #: Seed of a confirmation; None for all other kinds.
    seed: int | None = None

    def __str__(self) -> str:
        """Such as ``trial/12``, ``confirm/12/seed-3`` or ``test/12``."""
        key = f"{self.kind}/{self.trial}"
        return key if self.seed is None else f"{key}/seed-{self.seed}"

    @property
    def title(self) -> str:
        """The job as it is named in messages, such as ``trial 12``."""
        match self.kind:
            case "trial":
                return f"trial {self.trial}"
            case "confirm":
                return f"confirming trial {self.trial} with seed {self.seed}"
            case "test":
                return f"scoring trial {self.trial} on test"
