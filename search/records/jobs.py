"""Jobs: what workers run, named by a key such as ``trial/12``."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["DEFAULTS", "KMEANS", "REFERENCES", "Job", "JobKind"]

#: ``trial``: a run of the search; ``confirm``: another run with the same parameters and another
#: seed; ``reference``: a run to compare with; ``test``: scores a checkpoint on the test split.
JobKind = Literal["trial", "confirm", "reference", "test"]

#: What stands for the number of a trial in a reference: the default values, and K-means.
DEFAULTS, KMEANS = -1, -2
REFERENCES = {DEFAULTS: "defaults", KMEANS: "kmeans"}


@dataclass(frozen=True)
class Job:
    """The key of a job, used for checkpoint folders, stalls and retries.

    The kind decides how the job's reports are used.
    """

    kind: JobKind
    #: Number of the trial that the job is about, or of a reference.
    trial: int
    #: Which of the fresh seeds of a confirmation or reference, from 1; None for the trial's own.
    seed: int | None = None

    def __str__(self) -> str:
        """Such as ``trial/12``, ``confirm/12/seed-3`` or ``reference/defaults/seed-1``."""
        key = f"{self.kind}/{REFERENCES.get(self.trial, self.trial)}"
        return key if self.seed is None else f"{key}/seed-{self.seed}"

    @property
    def title(self) -> str:
        """The job as it is named in messages, such as ``trial 12``."""
        match self.kind:
            case "trial":
                return f"trial {self.trial}"
            case "confirm":
                return f"confirming trial {self.trial} with seed {self.seed}"
            case "reference":
                return f"reference {REFERENCES[self.trial]} with seed {self.seed}"
            case "test":
                run = "" if self.seed is None else f" with seed {self.seed}"
                return f"scoring trial {self.trial}{run} on test"
