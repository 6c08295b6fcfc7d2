"""One session: loads a study under its lease, drives it, and closes its connections.

Bad input is refused before any resource is used: first the configuration is checked, then the
study, the lease, and the place for artifacts. Features are prepared next, and Ray starts last.
"""

import contextlib
import dataclasses
from collections.abc import Callable

from optuna.trial import FrozenTrial, TrialState

from search.checkpoints.artifact_store import ArtifactCheckpointPlace
from search.checkpoints.folders import CheckpointStore
from search.config.configuration import LaunchConfig
from search.driver.claiming import claim, mark_of
from search.driver.confirming import Confirming
from search.driver.driver import Driver, Ending
from search.driver.in_memory_study import InMemoryStudy
from search.driver.note_keeper import MakeNote
from search.driver.parts import STANDARD_PARTS, Parts
from search.driver.plan import Plan
from search.driver.retention import CheckpointRetention
from search.driver.rules import Rules
from search.driver.running_trial import RunningTrial, adopt_trial
from search.driver.schedule import Schedule
from search.driver.snapshots import Snapshots
from search.driver.trial_source import draw
from search.machine.run_options import RunOptions
from search.machine.short_collections import short_collections
from search.machine.whose_pictures import WhosePictures
from search.progress.progress import Progress
from search.records.attempts import attempts_of
from search.records.confirmation import ConfirmationPlan, readings_of_test
from search.records.origin import counted
from search.samplers import find_sampler
from search.spaces.canonical import canonical_vector
from search.workers.picture_maker import PicturePlace
from search.workers.pool import Pool
from storage.database import Database
from storage.lease import Lease
from storage.optuna_store import open_optuna
from storage.studies import StudyRecord, get_study, set_target
from trainer.console.shell import Command

__all__ = ["Session", "load_study", "make_plan"]


def make_plan(config: LaunchConfig, record: StudyRecord) -> Plan:
    """The plan of a study, from its configuration and its record."""
    return Plan(
        seed=record.seed,
        space=config.space(),
        sampler=find_sampler(config.search.sampler),
        rules=Rules(
            objective=config.objective(),
            collapse=config.search.collapse,
            pruner=config.pruner(),
            evaluations=config.train.evaluation.evaluations,
            counted=config.train.evaluation.report,
        ),
        schedule=Schedule(target=record.trials, in_flight=record.lag),
        max_retries=config.search.max_retries,
        canonical=lambda params: canonical_vector(params, config.train),
    )


class Session:
    """Drives one study while it holds the lease; a context manager."""

    def __init__(
        self,
        *,
        database: Database,
        lease: Lease,
        record: StudyRecord,
        config: LaunchConfig,
        options: RunOptions,
        parts: Parts = STANDARD_PARTS,
        make_note: Callable[[StudyRecord], MakeNote] | None = None,
    ) -> None:
        """Load the stored study.

        Args:
            database: The open database.
            lease: The study's lease, held.
            record: The study's record.
            config: Its resolved configuration.
            options: Where it runs, and how long it waits for PostgreSQL and Ray.
            parts: The study store and the clock to use.
            make_note: What makes the study's note; None for no notes.
        """
        self._make_note = make_note
        self._lease, self._record, self._config = lease, record, config
        self._plan = make_plan(config, record)
        self._patience, self._stall_timeout = options.patience, options.stall_timeout
        self._clock = parts.clock
        self._driver: Driver | None = None
        #: Why the search was asked to stop, by a signal or through the database.
        self.stop_reason: str | None = None
        claim(database, record)
        with contextlib.ExitStack() as opened:
            self._storage = open_optuna(database, lease)
            opened.callback(self._storage.engine.dispose)
            self._load(database, options, parts)
            self._opened = opened.pop_all()

    def _load(self, database: Database, options: RunOptions, parts: Parts) -> None:
        """Read what the study stores, and store where this session keeps artifacts."""
        lease, record = self._lease, self._record
        self._study_store = parts.study_store(
            storage=self._storage,
            engine=self._storage.engine,
            name=record.name,
            distributions=self._plan.space.distributions,
            objective=self._plan.rules.objective,
            check_lease=lease.check,
            revive=database.revive,
        )
        self._masked = database.address.masked()
        self._checkpoints = CheckpointStore(
            root=options.paths.checkpoints,
            study=record.name,
            identity=mark_of(record),
        )
        #: Where checkpoints are kept for other nodes; None if there is no artifact store.
        self.artifact_store = self._find_artifact_store(options.paths.artifacts)
        #: Where pictures are kept; None if there are none.
        self.pictures = self._find_picture_place(options)
        self._pictures: WhosePictures = "none" if self.pictures is None else options.pictures
        loaded = load_study(record, self._study_store.load(), self._plan)
        self.memory, self._adopted, self._queued = loaded
        self._scored = self._study_store.test_scores()
        self._confirmation = self._study_store.confirmation()
        self._readings = readings_of_test(self._scored, self._confirmation.test)

    def close(self) -> None:
        """Close the connections; the caller releases the lease."""
        self._opened.close()

    def stop(self, reason: str) -> None:
        """Stop the driver soon, or as soon as it starts; safe in a signal handler."""
        self.stop_reason = self.stop_reason or reason
        if self._driver is not None:
            self._driver.stop(reason)

    def stop_at_once(self, reason: str) -> bool:
        """Stop the driver without finishing evaluations; returns False if it has not started."""
        if self._driver is None:
            return False
        self.stop_reason = reason
        self._driver.stop_at_once(reason)
        return True

    def _find_artifact_store(self, given: str | None) -> ArtifactCheckpointPlace | None:
        """The given place, which is stored for later sessions, or else the stored one.

        The launch has checked it, before the first work.
        """
        stored = self._study_store.artifacts()
        place = given or stored
        if place is None:
            return None
        if place != stored:
            self._study_store.store_artifacts(place)
        return ArtifactCheckpointPlace(place=place, study=self._checkpoints.name)

    def _find_picture_place(self, options: RunOptions) -> PicturePlace | None:
        """The artifact store, or else a folder beside the checkpoints.

        The hosts of a joined cluster may not share that folder.
        """
        if options.pictures == "none":
            return None
        if self.artifact_store is None and options.ray_address is not None:
            return None
        stored = self.artifact_store
        place = options.paths.pictures if stored is None else stored.place
        self._study_store.store_picture_place(place)
        return PicturePlace(place=place, study=self._checkpoints.name)

    def store_data_notes(self, notes: tuple[str, ...]) -> None:
        """Store what is known about the data set, for reports."""
        self._study_store.store_data_notes(notes)

    def store_target(self, trials: int) -> None:
        """Change the number of trials to finish, and store it."""
        set_target(self._storage.engine, self._record.name, trials)
        self._record = dataclasses.replace(self._record, trials=trials)
        self._plan = make_plan(self._config, self._record)

    def drive(
        self,
        pool: Pool,
        progress: Progress,
        plan: ConfirmationPlan | None = None,
        again: Command | None = None,
    ) -> Ending:
        """Drive the study until it is stopped, or until its best trial is scored on test.

        Args:
            pool: The workers.
            progress: Shows progress and events.
            plan: Confirm these trials instead of searching.
            again: The command that continues, for messages; None for ``resume`` or ``confirm``.
        """
        self._driver = Driver(
            plan=self._plan,
            memory=self.memory,
            adopted=self._adopted,
            store=self._study_store,
            pool=pool,
            checkpoints=self._checkpoints,
            retention=CheckpointRetention(
                self._checkpoints,
                self.memory,
                None if self.artifact_store is None else self.artifact_store.open(),
            ),
            epoch=self._lease.epoch,
            progress=progress,
            snapshots=Snapshots(
                study=self._record.name,
                storage=self._masked,
                target=self._record.trials,
                iterations=self._config.train.training.iterations,
                objective=self._plan.rules.objective,
            ),
            check_lease=self._check_lease,
            patience=self._patience,
            stall_timeout=self._stall_timeout,
            queued=self._queued,
            scored=self._scored,
            readings=self._readings,
            confirming=None if plan is None else self._confirming(plan),
            again=again,
            make_note=self._make_note(self._record) if self._make_note and plan is None else None,
            pictures=self._pictures,
            clock=self._clock,
            triggers=self._lease.triggers,
        )
        if self.stop_reason is not None:
            self._driver.stop(self.stop_reason)
        with short_collections():
            ending = self._driver.run()
        self.stop_reason = self.stop_reason or self._driver.stop_reason
        if ending is Ending.FINISHED and plan is None and not self._is_finished():
            self.stop_reason = "it was extended after its last trial had ended"
            return Ending.STOPPED
        return ending

    def _is_finished(self) -> bool:
        """Whether the study is finished in the database; not if its target was raised late."""
        return get_study(self._storage.engine, self._record.name).finished_at is not None

    def _confirming(self, plan: ConfirmationPlan) -> Confirming:
        return Confirming(plan=plan, stored=self._confirmation, readings=self._readings)

    def _check_lease(self) -> None:
        if self._lease.lost:
            self._lease.check()


def load_study(
    record: StudyRecord, trials: list[FrozenTrial], plan: Plan
) -> tuple[InMemoryStudy, list[RunningTrial], list[FrozenTrial]]:
    """Rebuild the in-memory study of a stored one.

    Missing parameters of an unfinished trial are sampled again.

    Returns:
        The in-memory study, up to the last trial that a driver began; its unfinished trials, which
        this driver adopts; and the trials that others added after the last one.
    """
    last = max((trial.number for trial in trials if attempts_of(trial)), default=-1)
    complete: list[FrozenTrial] = []
    adopted: list[RunningTrial] = []
    for trial in trials[: last + 1]:
        redrawn = None
        if not trial.state.is_finished():
            redrawn = _missing_parameters(record, complete, trial, plan)
            adopted.append(adopt_trial(trial, redrawn))
        complete.append(counted(_whole(trial, redrawn, plan), record.name))
    return InMemoryStudy(record.name, complete), adopted, trials[last + 1 :]


def _missing_parameters(
    record: StudyRecord, before: list[FrozenTrial], trial: FrozenTrial, plan: Plan
) -> dict[str, float] | None:
    if trial.params.keys() == plan.space.distributions.keys():
        return None
    memory = InMemoryStudy(record.name, before)
    drawn = draw(plan.sampler, memory, plan.space, trial.number, plan.seed)
    return {**drawn, **{key: trial.params[key] for key in drawn if key in trial.params}}


def _whole(trial: FrozenTrial, redrawn: dict[str, float] | None, plan: Plan) -> FrozenTrial:
    if redrawn is not None:
        trial.params = redrawn
        trial.distributions = dict(plan.space.distributions)
    if not trial.state.is_finished():
        trial.state = TrialState.RUNNING
    return trial
