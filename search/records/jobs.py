"""What a worker runs: a job, and the key that names it, such as ``trial/12``."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Job", "JobKind"]

#: ``trial``: a run of the search; ``confirm``: its parameters trained once more with another
#: seed; ``test``: its checkpoint scored on the test split.
JobKind = Literal["trial", "confirm", "test"]


@dataclass(frozen=True)
class Job:
    """The key of a job: checkpoint folders, stalls and retries go by it.

    The kind decides what becomes of the job's reports.
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
        """The job in a sentence, such as ``trial 12``."""
        match self.kind:
            case "trial":
                return f"trial {self.trial}"
            case "confirm":
                return f"confirming trial {self.trial} with seed {self.seed}"
            case "test":
                return f"scoring trial {self.trial} on test"
