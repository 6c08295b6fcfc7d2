"""What every advice reads of a study: the model, the noise, and how long trials take."""

import datetime
import itertools
import statistics
from dataclasses import dataclass
from functools import cached_property

from search.quality.expected import Expected
from search.reporting.measures import Block, blocks, iterations_of
from search.reporting.study_details import StudyDetails
from search.reporting.study_view import StudyView

__all__ = ["Situation"]

SECONDS_PER_HOUR = 3600
#: Share of the noise below which the model's means are all the same.
FLAT = 0.01


@dataclass(frozen=True)
class Situation:
    """A study, and figures that are computed from it once."""

    details: StudyDetails

    @property
    def view(self) -> StudyView:
        """The study."""
        return self.details.view

    @cached_property
    def expected(self) -> Expected | None:
        """The model of all trials; None if there is none yet."""
        found = self.details.assessment
        return found.expected if found and isinstance(found.expected, Expected) else None

    @property
    def means(self) -> list[float]:
        """What the model expects of each complete trial, from the one that it prefers."""
        return [] if self.expected is None else [mean for _, mean in self.expected.ranking]

    @property
    def is_flat(self) -> bool:
        """Whether the model takes all differences for noise: it then foresees no better trial."""
        found, means = self.expected, self.means
        return found is not None and means[0] - means[-1] < FLAT * found.noise

    @cached_property
    def trained(self) -> int:
        """Iterations that all trials trained."""
        return sum(iterations_of(self.details, trial) for trial in self.view.trials)

    @property
    def planned(self) -> int:
        """Iterations of a full run."""
        return int(self.details.setting("training.iterations") or 0)

    def hours_of_trials(self, trials: int) -> float | None:
        """Hours that so many more trials take, some of them pruned; None if unknown."""
        hours = [self._hours(block) for block in self._ended]
        return trials * statistics.fmean(hours) / self.details.seats if hours else None

    def hours_of_runs(self, runs: int) -> float | None:
        """Hours that so many full runs take; None if unknown."""
        hours = [self._hours(block) for block in self._ended if block.trial.state == "complete"]
        return runs * statistics.median(hours) / self.details.seats if hours else None

    @cached_property
    def _ended(self) -> list[Block]:
        return [
            block
            for block in blocks(self.details)
            if block.trial.counted and block.trial.state in ("complete", "pruned")
        ]

    def _hours(self, block: Block) -> float:
        """Hours of a trial, without the time in which no process drove the study."""
        pauses = (_overlap(block, began, ended) for began, ended in self._pauses)
        trained = block.ended - block.began - sum(pauses, datetime.timedelta())
        return trained.total_seconds() / SECONDS_PER_HOUR

    @cached_property
    def _pauses(self) -> list[tuple[datetime.datetime, datetime.datetime]]:
        """From the end of each session to the beginning of the next one; a lost one has no end."""
        return [
            (before.ended, after.began)
            for before, after in itertools.pairwise(self.details.sessions)
            if before.ended is not None
        ]


def _overlap(
    block: Block, began: datetime.datetime, ended: datetime.datetime
) -> datetime.timedelta:
    return max(min(block.ended, ended) - max(block.began, began), datetime.timedelta())
