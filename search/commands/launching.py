"""Launch and resume: which study is meant, whether it may go on, and driving it to its end."""

import contextlib
import dataclasses
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from search.commands.hot_standby import stand_by
from search.commands.notices import (
    tell_idle_workers,
    tell_moved_starts,
    tell_quota,
    tell_settings,
)
from search.commands.signals import stop_on_signals
from search.config.configuration import LaunchConfig, continued, differences, resolve_layers
from search.driver.claiming import check_origin, create, create_next
from search.driver.driver import Ending
from search.driver.session import Places, Session, ray_workers
from search.errors import StudyError
from search.machine.reservations import Booking, Terms, reserve
from search.machine.resources import Machine
from search.machine.versions import code_revision, package_versions
from search.progress.progress import Progress
from search.reporting.reading import is_driven
from search.workers.connection import check_answers
from search.workers.ray_folder import find_ray_folder
from storage.database import Database, check_room
from storage.errors import NameTaken, UnknownStudy
from storage.lease import Lease
from storage.optuna_store import open_optuna
from storage.studies import (
    NewStudy,
    StudyRecord,
    check_name,
    clear_stop,
    get_study,
    list_studies,
)
from trainer.config.sources import Layers
from trainer.control_group import limit_threads
from trainer.features import Material, prepare, require_labels

__all__ = ["Launch", "LaunchResult", "configure", "find_to_resume", "launch"]

PREFETCHED = 1  # trials drawn ahead, ready for the next free worker

OpenProgress = Callable[[], Progress]
#: Opens what is told of the steps of preparing features: what, done, total.
OpenPreparing = Callable[[], contextlib.AbstractContextManager[Callable[[str, int, int], None]]]


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Everything a launch needs; checked already."""

    #: Name given to the study; None takes the next free one of the title.
    study: str | None
    #: What a study without a name is named after.
    title: str
    #: What was given; a study that is there already is compared with no more than that.
    layers: Layers
    #: The whole configuration, as :func:`configure` makes it.
    config: LaunchConfig
    #: Whether ``--trials`` was given: only then an existing study's target changes.
    trials_given: bool
    machine: Machine
    #: How to share the machine with other searches.
    terms: Terms
    places: Places
    #: Seconds without PostgreSQL, or without Ray, before the search stops.
    patience: float
    #: Seconds without progress after which a worker is taken back.
    stall_timeout: float = math.inf
    #: Whether to wait for a study that another process drives, to go on when that is gone.
    standby: bool = False


@dataclass(frozen=True, kw_only=True)
class LaunchResult:
    """How it ended."""

    study: str
    ending: Ending
    #: Why it was stopped, where it was.
    reason: str | None
    #: Seconds that this process searched, setting up aside.
    seconds: float


def launch(
    request: Launch,
    database: Database,
    *,
    open_progress: OpenProgress,
    open_preparing: OpenPreparing,
    say: Callable[[str], None],
) -> LaunchResult:
    """Create or continue the study and drive it.

    Raises:
        StudyError: If the study's stored configuration differs, or its target cannot shrink.
        LeaseHeld: If another process drives it.
    """
    stored = _stored(database, request.study)
    if stored is None:
        _check_database(database)
    if request.study is not None:
        check_origin(database, request.study, stored)
    if stored is not None:
        return _continue(stored, request, database, open_progress, open_preparing, say)
    tell_settings(request.layers, say)
    with _booked(request, request.study or f"of {request.title}", say) as booking:
        request = dataclasses.replace(request, machine=booking.machine)
        material = _prepare(request, open_preparing)
        record = _create(request, database, material)
        if record is not None:
            booking.label(record.name)
            say(f"study {record.name} created in {database.address.masked()}")
            tell_moved_starts(request.config, say)
            with Lease.acquire(database, record.name) as lease:
                return _drive(request, database, lease, material, open_progress, say)
    assert request.study is not None, "only a name that was given can be taken"
    stored = get_study(database.engine, request.study)  # somebody was quicker
    check_origin(database, stored.name, stored)
    return _continue(stored, request, database, open_progress, open_preparing, say)


def configure(database: Database, study: str | None, layers: Layers) -> LaunchConfig:
    """The configuration of a launch: of a new study, or the stored one of the named study.

    Raises:
        StudyError: If something was given that the stored configuration has otherwise.
        ConfigError, SettingsError: In one line, if anything that was given is wrong.
    """
    stored = _stored(database, study)
    return resolve_layers(layers) if stored is None else _stored_config(stored, layers)


def _continue(
    stored: StudyRecord,
    request: Launch,
    database: Database,
    open_progress: OpenProgress,
    open_preparing: OpenPreparing,
    say: Callable[[str], None],
) -> LaunchResult:
    """Go on with a study that there is, unless somebody drives it."""
    request = dataclasses.replace(request, config=_stored_config(stored, request.layers))
    if request.layers.asked:
        say(
            f"study {stored.name} keeps its own settings: preset {request.layers.preset} is not"
            " read"
        )
    lease = None
    if request.standby and not _is_done(stored, request):
        lease = stand_by(database, stored.name, patience=request.patience, say=say)
        stored = get_study(database.engine, stored.name)
    if lease is None and _is_done(stored, request):
        say(f"study {stored.name} is finished: {stored.trials} trials")
        return LaunchResult(study=stored.name, ending=Ending.FINISHED, reason=None, seconds=0.0)
    if lease is None:  # else it was driven here a moment ago
        _check_database(database)
    with (
        lease or Lease.acquire(database, stored.name) as lease,
        _booked(request, stored.name, say) as booking,
    ):
        request = dataclasses.replace(request, machine=booking.machine)
        clear_stop(database.engine, stored.name)
        material = _prepare(request, open_preparing)
        _check_fingerprints(stored, material)
        return _drive(request, database, lease, material, open_progress, say)


def _check_database(database: Database) -> None:
    """Refuse a database that a search could not use, before anything is written.

    Raises:
        ConnectError: If it allows fewer connections than a search needs.
        SchemaError: If Optuna's tables do not fit.
    """
    check_room(database)
    open_optuna(database).engine.dispose()  # made now, they take no connection beside the lease


def find_to_resume(database: Database, name: str | None, *, standby: bool = False) -> StudyRecord:
    """The study to go on with: the named one, or the last unfinished one nobody drives.

    Args:
        database: Where to look.
        name: The study; None looks for one.
        standby: Whether one that somebody drives will do.

    Raises:
        UnknownStudy: If there is no study of that name.
        StudyError: If no study is unfinished.
    """
    if name is not None:
        return get_study(database.engine, name)
    for record in reversed(list_studies(database.engine)):
        if record.finished_at is None and (standby or not is_driven(database, record.name)):
            return record
    raise StudyError(
        "there is no unfinished study to resume: `python -m search list` shows all studies,"
        " `python -m search launch` starts one"
    )


def _stored(database: Database, name: str | None) -> StudyRecord | None:
    if name is None:
        return None
    check_name(name)
    try:
        return get_study(database.engine, name)
    except UnknownStudy:
        return None


def _is_done(stored: StudyRecord, request: Launch) -> bool:
    same_target = not request.trials_given or request.config.search.trials == stored.trials
    return stored.finished_at is not None and same_target


def _stored_config(stored: StudyRecord, layers: Layers) -> LaunchConfig:
    """The study's own configuration, if nothing else was given."""
    config, found = continued(stored.config, layers)
    if found:
        raise StudyError(
            f"study {stored.name!r} was created with another configuration"
            f" ({'; '.join(found)}): leave those settings out to continue it, or give --study"
            " another name"
        )
    return config


def _check_fingerprints(stored: StudyRecord, material: Material) -> None:
    found = differences(stored.fingerprints, material.fingerprints)
    if found:
        raise StudyError(
            f"study {stored.name!r} was made from other data or weights ({'; '.join(found)}):"
            " point --data and --backbone-weights at the same ones"
        )


def _prepare(request: Launch, open_preparing: OpenPreparing) -> Material:
    limit_threads()
    with open_preparing() as tell:
        material = prepare(
            request.config.train,
            cache=request.places.cache,
            device=request.machine.own_device,
            progress=tell,
        )
    if request.config.objective().needs_labels:
        require_labels(material)
    return material


def _booked(request: Launch, study: str, say: Callable[[str], None]) -> Booking:
    """This machine's part of the work; in a cluster that is joined, Ray keeps the books."""
    if request.places.ray_address is not None:
        check_answers(request.places.ray_address)
        return Booking(request.machine)
    if (folder := find_ray_folder(os.environ)) is not None:
        say(folder.text())
    tell_quota(request.machine, say)
    return reserve(request.machine, terms=request.terms, study=study, say=say)


def _create(request: Launch, database: Database, material: Material) -> StudyRecord | None:
    """Store the study; None if another process took its name just now."""
    new = NewStudy(
        config=request.config.to_table(),
        space=request.config.space().to_json(),
        seed=request.config.search.seed,
        trials=request.config.search.trials,
        versions=package_versions(),
        revision=code_revision(),
        fingerprints=dict(material.fingerprints),
        lag=request.machine.workers + PREFETCHED,
    )
    if request.study is None:
        return create_next(database, request.title, new)
    try:
        return create(database, request.study, new)
    except NameTaken:
        return None


def _drive(
    request: Launch,
    database: Database,
    lease: Lease,
    material: Material,
    open_progress: OpenProgress,
    say: Callable[[str], None],
) -> LaunchResult:
    assert material.folder is not None
    name = lease.study
    record = get_study(database.engine, name)
    session = Session(
        database=database,
        lease=lease,
        record=record,
        config=request.config,
        places=request.places,
        patience=request.patience,
        stall_timeout=request.stall_timeout,
    )
    with contextlib.closing(session):
        _retarget(request, record, session)
        tell_idle_workers(record, request.machine.workers, say)
        with (
            stop_on_signals(session),
            ray_workers(
                request.config,
                request.machine,
                bank=material.folder,
                depot=session.depot,
                ray_address=request.places.ray_address,
                wait=request.terms.wait,
                stopped=lambda: session.stop_reason is not None,
                patience=request.patience,
                say=say,
            ) as pool,
            open_progress() as progress,
        ):
            began = time.monotonic()
            ending = session.drive(pool, progress)
        return LaunchResult(
            study=name,
            ending=ending,
            reason=session.stop_reason,
            seconds=time.monotonic() - began,
        )


def _retarget(request: Launch, record: StudyRecord, session: Session) -> None:
    """Take a new ``--trials``, unless more are finished or begun already."""
    target = request.config.search.trials
    if not request.trials_given or target == record.trials:
        return
    counts = session.mirror.counts()
    begun = counts.finished + counts.running
    if target < begun:
        raise StudyError(
            f"--trials {target} is below the {begun} trials that study {record.name!r} has"
            f" finished or begun: give {begun} or more"
        )
    session.store_target(target)
