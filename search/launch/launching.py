"""Launch and resume: create or continue a study, and drive it to its target."""

import contextlib
import dataclasses
import functools
import os
import time
from collections.abc import Callable, Iterator

from search.driver.claiming import check_origin, create, create_next
from search.driver.driver import Ending
from search.driver.parts import STANDARD_PARTS, Parts
from search.driver.session import Session
from search.errors import Interrupted, StudyError
from search.launch.artifact_place import check_artifact_place
from search.launch.hot_standby import wait_for_lease
from search.launch.notices import (
    show_idle_seats,
    show_missing_place,
    show_moved_defaults,
    show_quota,
    show_settings,
    show_slow_precision,
)
from search.launch.output import Output
from search.launch.request import Launch, LaunchResult
from search.launch.signals import stop_on_signals
from search.launch.starting_points import as_queued
from search.launch.stopped import sleep_unless_stopped
from search.launch.stored_study import check_fingerprints, find_stored, is_done, stored_config
from search.launch.study_note import note_maker
from search.machine.reservations import Reservation, reserve
from search.machine.resources import Machine
from search.machine.run_options import RunOptions
from search.machine.versions import code_revision, package_versions
from search.planning.checking import NO_LABELS_FIX
from search.planning.slot_choice import best_slots
from search.progress.first_trial import FirstTrialTimed
from search.samplers import STARTUP_TRIALS, load_sampler, preload
from search.workers.connection import check_answers
from search.workers.ray_folder import find_ray_folder
from storage.database import Database, check_room
from storage.errors import NameTaken
from storage.lease import Lease
from storage.optuna_store import open_optuna
from storage.studies import NewStudy, StudyRecord, clear_stop, get_study
from trainer.console.shell import Command, shell_text
from trainer.control_group import limit_threads
from trainer.features import DatasetFeatures, prepare, require_images, require_labels

__all__ = ["PREFETCHED", "launch"]

PREFETCHED = 1  # trials sampled ahead, ready for the next free worker


def launch(
    request: Launch,
    database: Database,
    output: Output,
    parts: Parts = STANDARD_PARTS,
) -> LaunchResult:
    """Create or continue the study and drive it.

    Args:
        request: The checked request.
        database: The database that stores the study, or will.
        output: Where to print lines and progress.
        parts: Replaceable parts of the search, for tests.

    Raises:
        SettingsError: If the sampler cannot be loaded.
        StudyError: If the stored configuration differs from what was given, or if more trials
            have begun than the new target allows.
        ArtifactPlaceError: If the place for artifacts cannot be used.
        LeaseHeld: If another process drives the study.
    """
    load_sampler(request.config.search.sampler)
    output = _with_first_trial_timed(output)
    stored = find_stored(database, request.study)
    if stored is None:
        _check_database(database)
    if request.study is not None:
        check_origin(database, request.study, stored)
    if stored is not None:
        _refuse_starting_points(stored, request)
        return _continue(stored, request, database, output, parts)
    check_artifact_place(database, None, request.options.paths.artifacts)
    show_settings(request.layers, output.say)
    title = request.study or f"of {request.layers.title}"
    with _reserved(request.options, title, output.say) as reservation:
        request = request.on(reservation.machine)
        dataset_features = _prepare(request, output)
        request = request.on(_with_slots(request, dataset_features, output.say))
        record = _create(request, database, dataset_features)
        if record is not None:
            reservation.label(record.name)
            output.say(f"study {record.name} created in {database.address.masked()}")
            show_moved_defaults(request.config, output.say)
            with parts.lease.acquire(database, record.name) as lease:
                return _drive(request, database, lease, dataset_features, output, parts)
    assert request.study is not None, "only a name given by the user can be taken"
    stored = get_study(database.engine, request.study)  # another process was faster
    check_origin(database, stored.name, stored)
    return _continue(stored, request, database, output, parts)


def _refuse_starting_points(stored: StudyRecord, request: Launch) -> None:
    """Refuse starting points for a study that has begun.

    Raises:
        StudyError: If there are any.
    """
    if request.starting:
        raise StudyError(
            f"--start-from is for new studies, and {stored.name!r} exists: leave it out to"
            " continue that study, or give --study another name"
        )


def _with_first_trial_timed(output: Output) -> Output:
    """The same, with a line about the time from now to the first finished trial."""
    began = time.monotonic()
    return dataclasses.replace(
        output, open_progress=lambda: FirstTrialTimed(output.open_progress(), began)
    )


def _continue(
    stored: StudyRecord,
    request: Launch,
    database: Database,
    output: Output,
    parts: Parts,
) -> LaunchResult:
    """Continue a stored study, unless another process drives it."""
    request = dataclasses.replace(request, config=stored_config(stored, request.layers))
    if request.layers.asked:
        output.say(
            f"study {stored.name} keeps its own settings: preset {request.layers.preset} is"
            " ignored"
        )
    lease, artifacts = None, request.options.paths.artifacts
    if request.options.standby and not is_done(stored, request):
        check_artifact_place(database, stored.name, artifacts)
        lease = wait_for_lease(
            database,
            stored.name,
            patience=request.options.patience,
            say=output.say,
            times=parts.lease,
        )
        stored = get_study(database.engine, stored.name)
    if lease is None and is_done(stored, request):
        output.say(f"study {stored.name} is finished: {stored.trials} trials")
        return LaunchResult(study=stored.name, ending=Ending.FINISHED, reason=None, seconds=0.0)
    if lease is None:  # a standby has just seen the database in use
        _check_database(database)
    with lease or parts.lease.acquire(database, stored.name) as lease:
        check_artifact_place(database, stored.name, artifacts)  # after waiting, too
        clear_stop(database.engine, stored.name)  # a request from now on is for this session
        pause = functools.partial(sleep_unless_stopped, database, stored.name)
        with _reserved(request.options, stored.name, output.say, pause) as reservation:
            request = request.on(reservation.machine)
            dataset_features = _prepare(request, output)
            request = request.on(_with_slots(request, dataset_features, output.say))
            check_fingerprints(stored, dataset_features.fingerprints)
            return _drive(request, database, lease, dataset_features, output, parts)


def _check_database(database: Database) -> None:
    """Refuse a database that a search could not use, before anything is written.

    Raises:
        ConnectError: If it allows fewer connections than a search needs.
        SchemaError: If Optuna's tables have another version.
    """
    check_room(database)
    open_optuna(database).engine.dispose()  # create tables before the lease takes a connection


def _with_slots(
    request: Launch, dataset_features: DatasetFeatures, say: Callable[[str], None]
) -> Machine:
    """The machine, with the best number of slots if it is to be measured."""
    machine = request.options.machine
    if not request.options.measure_slots:
        return machine
    cost = best_slots(request.config.train, dataset_features, machine)
    say(f"slots per worker, as measured: {cost}")
    return dataclasses.replace(machine, slots=cost.slots)


def _prepare(request: Launch, output: Output) -> DatasetFeatures:
    limit_threads()
    with output.open_preparing() as show_step:
        dataset_features = prepare(
            request.config.train,
            cache=request.options.paths.cache,
            device=request.options.machine.own_device,
            progress=show_step,
        )
    if request.config.objective().needs_labels:
        require_labels(dataset_features, fix=NO_LABELS_FIX)
    require_images(len(dataset_features.val), least=request.config.objective().least_images)
    return dataset_features


def _reserved(
    options: RunOptions,
    study: str,
    say: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> Reservation:
    """Reserve cores and GPUs of this machine; in a joined cluster, Ray reserves them."""
    if options.ray_address is not None:
        check_answers(options.ray_address)
        return Reservation(options.machine)
    if (folder := find_ray_folder(os.environ)) is not None:
        say(folder.text())
    show_quota(options.machine, say)
    return reserve(options.machine, policy=options.sharing, study=study, say=say, sleep=pause)


def _create(
    request: Launch, database: Database, dataset_features: DatasetFeatures
) -> StudyRecord | None:
    """Store the study; None if another process has just taken its name."""
    new = NewStudy(
        config=request.config.to_table(),
        space=request.config.space().to_json(),
        seed=request.config.search.seed,
        trials=request.config.search.trials,
        versions=package_versions(),
        revision=code_revision(),
        fingerprints=dict(dataset_features.fingerprints),
        lag=request.options.machine.seats + PREFETCHED,
    )
    queued = as_queued(request.starting, request.config.space().defaults)
    if request.study is None:
        return create_next(database, request.layers.title, new, queued)
    try:
        return create(database, request.study, new, queued)
    except NameTaken:
        return None


def _drive(
    request: Launch,
    database: Database,
    lease: Lease,
    dataset_features: DatasetFeatures,
    output: Output,
    parts: Parts,
) -> LaunchResult:
    assert dataset_features.folder is not None
    name = lease.study
    record = get_study(database.engine, name)
    session = Session(
        database=database,
        lease=lease,
        record=record,
        config=request.config,
        options=request.options,
        parts=parts,
        make_note=functools.partial(note_maker, storage=database.address.flags()),
    )
    with contextlib.closing(session):
        _retarget(request, record, session)
        if request.data_notes is not None:
            session.store_data_notes(request.data_notes)
        show_idle_seats(record, request.options.machine, output.say)
        show_slow_precision(request.config, request.options.machine, output.say)
        if request.confirmation is None:
            show_missing_place(request.options, session.pictures is not None, output.say)
        if len(session.memory) < STARTUP_TRIALS:
            preload()
        again = request.again(name)
        with (
            _continued_by(again),
            stop_on_signals(session),
            parts.open_workers(
                request.config,
                request.options,
                feature_cache=dataset_features.folder,
                artifact_store=session.artifact_store,
                pictures=session.pictures,
                stopped=lambda: session.stop_reason is not None,
                say=output.say,
            ) as pool,
            output.open_progress() as progress,
        ):
            began = time.monotonic()
            ending = session.drive(pool, progress, request.confirmation, again)
        return LaunchResult(
            study=name,
            ending=ending,
            reason=session.stop_reason,
            seconds=time.monotonic() - began,
        )


@contextlib.contextmanager
def _continued_by(again: Command) -> Iterator[None]:
    """Add the command that continues to a stop before any worker has started."""
    try:
        yield
    except Interrupted as error:
        raise Interrupted(f"{error}: `{shell_text(again)}` continues") from error


def _retarget(request: Launch, record: StudyRecord, session: Session) -> None:
    """Store a new ``--trials``, unless more trials have already begun."""
    target = request.config.search.trials
    if not request.trials_given or target == record.trials:
        return
    counts = session.memory.counts()
    begun = counts.finished + counts.running
    if target < begun:
        raise StudyError(
            f"--trials {target} is too small: study {record.name!r} has already finished or"
            f" started {begun} trials; give {begun} or more"
        )
    session.store_target(target)
