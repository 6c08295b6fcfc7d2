"""The phase that scores the best trial on the test split: once, and nothing chooses by it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from search.checkpoints.folders import CheckpointStore
from search.driver.in_memory_study import Mirror
from search.driver.retention import KeptCheckpoints
from search.driver.running_job import RunningJob
from search.driver.trial_queue import Roster
from search.driver.write_queue import Journal
from search.driver.writes import StoreTest
from search.progress.progress import Progress
from search.records.jobs import Job
from search.records.messages import Reported
from search.records.outcome import Failed
from trainer.console.shell import search_command, shell_text
from trainer.seeds import derive_seed

__all__ = ["BestOnTest"]

NO_TRIAL = -1  # stored as the number of the best trial where no trial is complete


class BestOnTest:
    """The job ``test/<n>`` of the best trial; what is stored of it ends the study."""

    is_last_evaluation = True

    def __init__(
        self,
        *,
        seed: int,
        mirror: Mirror,
        scored: Mapping[str, Any] | None,
        roster: Roster,
        journal: Journal,
        checkpoints: CheckpointStore,
        kept: KeptCheckpoints,
        epoch: int,
        progress: Progress,
    ) -> None:
        """Prepare; nothing is looked up before :meth:`begin`.

        Args:
            seed: Seed of the study.
            mirror: The study, finished by then.
            scored: What an earlier driver stored of this phase; None for nothing.
            roster: Where the job waits for a worker.
            journal: What is to be stored goes there.
            checkpoints: Where attempts wrote their checkpoints.
            kept: Knows the best trial's checkpoints in the depot.
            epoch: The lease's epoch.
            progress: Is told of events.
        """
        self._seed, self._mirror, self._scored = seed, mirror, scored
        self._roster, self._journal = roster, journal
        self._checkpoints, self._kept = checkpoints, kept
        self._epoch, self._progress = epoch, progress

    def begin(self) -> None:
        """Have the best trial scored, unless there is none, or an earlier driver has done it."""
        best = self._mirror.best()
        number = NO_TRIAL if best is None else best.number
        if self._scored is not None and self._scored["trial"] == number:
            self._store(self._scored)
        elif best is None:
            self._store({"trial": number})
        else:
            self._have_scored(number)

    def _have_scored(self, number: int) -> None:
        folder = self._checkpoints.latest(Job("trial", number))
        newest = self._kept.stored_of(number)[:1]  # an older one is of a run that is shorter
        live = RunningJob(
            job=Job("test", number),
            hyper={},
            history=[(1, self._epoch, "new")],
            sources=() if folder is None else (str(folder),),
            stored=newest,
        )
        if not live.sources and not live.stored:
            self._give_up(number, "its checkpoint is gone")
            return
        self._roster.add(live)
        self._roster.mark_ready(live.job)

    def draw(self) -> None:
        """There is one job, and it is there from the beginning."""

    def finished(self) -> bool:
        """Whether nothing is left to begin: once the one job is over."""
        return True

    def seed(self, live: RunningJob) -> int:
        """Scoring draws nothing that decides; the seed is that of the trial's run."""
        return derive_seed(self._seed, live.number, "run")

    def hear(self, live: RunningJob, reported: Reported) -> bool:
        """Store the scores; the job is over."""
        scores = reported.on_test
        assert scores is not None, f"{live.job} reported no scores"
        self._store(
            {
                "trial": live.number,
                "cluster": dataclasses.asdict(scores.cluster),
                "linear": dataclasses.asdict(scores.linear),
            }
        )
        return True

    def fail(self, live: RunningJob, failed: Failed) -> None:
        """The study ends without a score: a failure is none."""
        self._give_up(live.number, f"the test split was not scored: {failed.reason}")

    def begin_again(self, live: RunningJob, *, why: str) -> None:
        """Give the job a further attempt; nothing is stored of it, so it is ready at once."""
        live.begin_again(epoch=self._epoch, why=why)
        self._roster.mark_ready(live.job)

    def _give_up(self, number: int, reason: str) -> None:
        best = search_command("best", "--format", "toml", study=self._mirror.name)
        again = shell_text(best, into="best.toml")
        self._progress.event(
            f"no test score for trial {number}: {reason}; `{again}` and"
            " `python -m trainer fit best.toml` train it again"
        )
        self._store({"trial": number})

    def _store(self, result: Mapping[str, Any]) -> None:
        self._journal.append(StoreTest(result=dict(result)))
