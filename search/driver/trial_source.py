"""Where the next trial comes from: somebody queued it, or it is sampled.

Numbers are assigned in order, each when the schedule allows. If somebody else added a trial under
the next number, that trial gets it. A queued trial runs with the parameters that it was given;
the others are sampled as for any trial with this number. Sampled values therefore depend on the
seed, the number and the earlier trials, and not on when somebody queued a trial.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from optuna.trial import FrozenTrial, TrialState, create_trial

from search.driver.in_memory_study import InMemoryStudy
from search.driver.plan import Canonical, without_vector
from search.driver.running_trial import RunningTrial
from search.driver.study_store import trial_template
from search.driver.writes import AddTrial, EndTrial, StartQueued, Write
from search.objectives import Objective
from search.records.jobs import Job
from search.records.origin import UnsuitableParameters, counted, given_parameters, queued_text
from search.records.outcome import Failed, trial_end
from search.records.stored_trial import (
    FAILURE_ATTRIBUTE,
    FOREIGN_ATTRIBUTE,
    STARTING_ATTRIBUTE,
    is_imported,
)
from search.samplers import Sampler
from search.spaces import Space

__all__ = ["NextTrial", "TrialSource", "draw"]


@dataclass(frozen=True, kw_only=True)
class NextTrial:
    """How the next number was used; the in-memory study already holds the trial."""

    #: What to store for it; None if the database already holds it.
    write: Write | None
    #: The trial to run; None if the number belongs to a trial that is not run.
    running: RunningTrial | None
    #: The line to show; None for none.
    line: str | None = None


class TrialSource:
    """Assigns trial numbers, and creates the trials that run under them."""

    def __init__(
        self,
        *,
        memory: InMemoryStudy,
        space: Space,
        sampler: Sampler,
        objective: Objective,
        seed: int,
        epoch: int,
        canonical: Canonical = without_vector,
    ) -> None:
        """Start with no queued trials.

        Args:
            memory: The in-memory study, to which each new trial is added.
            space: The search space.
            sampler: Proposes parameters.
            objective: What the study maximises.
            seed: Seed of the study.
            epoch: The lease's epoch.
            canonical: Maps a trial's parameters to its canonical vector.
        """
        self._canonical = canonical
        self._memory, self._space, self._sampler = memory, space, sampler
        self._objective, self._seed, self._epoch = objective, seed, epoch
        self._rows: dict[int, FrozenTrial] = {}

    def queue(self, rows: Iterable[FrozenTrial]) -> None:
        """Remember trials that somebody else added, or their new states."""
        self._rows |= {row.number: row for row in rows}

    def next(self, ended: int | None = None) -> NextTrial:
        """Assign the next number.

        Args:
            ended: How many trials the sampler is to see as ended, the first to end; None for all.
        """
        number = len(self._memory)
        row = self._rows.pop(number, None)
        if row is None:
            return self._drawn(number, ended)
        if row.state.is_finished():
            return self._finished(row)
        return self._queued(row, ended)

    def _drawn(self, number: int, ended: int | None) -> NextTrial:
        parameters, running = self._begin(number, {}, ended, why="new")
        write = AddTrial(
            trial=number,
            parameters=parameters,
            epoch=self._epoch,
            canonical=self._canonical(parameters),
        )
        return NextTrial(write=write, running=running)

    def _queued(self, row: FrozenTrial, ended: int | None) -> NextTrial:
        try:
            given = given_parameters(row, self._space)
        except UnsuitableParameters as error:
            return self._refused(row, str(error))
        parameters, running = self._begin(row.number, given, ended, why="queued")
        write = StartQueued(
            trial=row.number,
            parameters=parameters,
            epoch=self._epoch,
            queued=queued_text(given, row.user_attrs.get(STARTING_ATTRIBUTE)),
            canonical=self._canonical(parameters),
        )
        return NextTrial(
            write=write, running=running, line=f"trial {row.number} was queued {write.queued}"
        )

    def _begin(
        self, number: int, given: dict[str, float], ended: int | None, *, why: str
    ) -> tuple[dict[str, float], RunningTrial]:
        seen = self._memory.ended if ended is None else ended
        memory = self._memory if ended is None else self._memory.as_of(ended)
        drawn = draw(self._sampler, memory, self._space, number, self._seed)
        parameters = {**drawn, **given}
        self._memory.add(trial_template(parameters, self._space.distributions, self._epoch))
        history = [(1, self._epoch, why)]
        return parameters, RunningTrial(
            job=Job("trial", number), params=parameters, history=history, seen=seen
        )

    def _refused(self, row: FrozenTrial, reason: str) -> NextTrial:
        outcome = Failed(reason=f"queued, but not run: {reason}", traceback="")
        end = trial_end(outcome, [], self._objective)
        self._memory.add(create_trial(state=TrialState.RUNNING))
        self._memory.finish(row.number, end)
        return NextTrial(
            write=EndTrial(trial=row.number, end=end),
            running=None,
            line=f"trial {row.number} failed: {end.attributes[FAILURE_ATTRIBUTE]}",
        )

    def _finished(self, row: FrozenTrial) -> NextTrial:
        known = counted(row, self._memory.name)
        self._memory.add(known)
        foreign = FOREIGN_ATTRIBUTE in known.system_attrs
        line = f"trial {row.number} was added by somebody else as {row.state.name}: not counted"
        return NextTrial(write=None, running=None, line=line if foreign else None)


def draw(
    sampler: Sampler, memory: InMemoryStudy, space: Space, number: int, seed: int
) -> dict[str, float]:
    """Parameters of trial ``number``: the defaults for the first trial that is not imported.

    Imported trials have numbers, too, so that they shorten the start-up phase of the sampler.

    Args:
        sampler: Proposes the parameters of all other trials.
        memory: The in-memory study.
        space: The search space.
        number: Number of the trial.
        seed: Seed of the study.
    """
    if all(map(is_imported, memory.trials()[:number])):
        return dict(space.defaults)
    return sampler(memory.study, space, number, seed)
