"""Launch and resume: which study is meant, whether it may go on, and driving it to its end."""

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from search.config.configuration import LaunchConfig, continued, differences, resolve_layers
from search.driver.claiming import check_origin, create, create_next
from search.driver.driver import Ending
from search.driver.parts import STANDARD_PARTS, Parts
from search.driver.session import Session
from search.errors import StudyError
from search.launch.hot_standby import stand_by
from search.launch.notices import (
    tell_idle_workers,
    tell_moved_starts,
    tell_quota,
    tell_settings,
)
from search.launch.output import Output
from search.launch.signals import stop_on_signals
from search.machine.reservations import Reservation, reserve
from search.machine.resources import Machine
from search.machine.run_options import RunOptions
from search.machine.versions import code_revision, package_versions
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


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What is launched, and how; checked already."""

    #: Name given to the study; None takes the next free one of the settings' title.
    study: str | None
    #: What was given; a study that is there already is compared with no more than that.
    layers: Layers
    #: The whole configuration, as :func:`configure` makes it.
    config: LaunchConfig
    options: RunOptions

    @property
    def trials_given(self) -> bool:
        """Whether ``--trials`` was given: only then an existing study's target changes."""
        return "trials" in self.layers.flags.get("search", {})

    def on(self, machine: Machine) -> "Launch":
        """The same on the part of the machine that was reserved."""
        options = dataclasses.replace(self.options, machine=machine)
        return dataclasses.replace(self, options=options)


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
    output: Output,
    parts: Parts = STANDARD_PARTS,
) -> LaunchResult:
    """Create or continue the study and drive it.

    Args:
        request: What is launched.
        database: Where the study is, or will be.
        output: What the launch is shown by.
        parts: What the search is put together from.

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
        return _continue(stored, request, database, output, parts)
    tell_settings(request.layers, output.say)
    title = request.study or f"of {request.layers.title}"
    with _reserved(request.options, title, output.say) as reservation:
        request = request.on(reservation.machine)
        material = _prepare(request, output)
        record = _create(request, database, material)
        if record is not None:
            reservation.label(record.name)
            output.say(f"study {record.name} created in {database.address.masked()}")
            tell_moved_starts(request.config, output.say)
            with parts.lease.acquire(database, record.name) as lease:
                return _drive(request, database, lease, material, output, parts)
    assert request.study is not None, "only a name that was given can be taken"
    stored = get_study(database.engine, request.study)  # somebody was quicker
    check_origin(database, stored.name, stored)
    return _continue(stored, request, database, output, parts)


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
    output: Output,
    parts: Parts,
) -> LaunchResult:
    """Go on with a study that there is, unless somebody drives it."""
    request = dataclasses.replace(request, config=_stored_config(stored, request.layers))
    if request.layers.asked:
        output.say(
            f"study {stored.name} keeps its own settings: preset {request.layers.preset} is not"
            " read"
        )
    lease = None
    if request.options.standby and not _is_done(stored, request):
        lease = stand_by(
            database,
            stored.name,
            patience=request.options.patience,
            say=output.say,
            times=parts.lease,
        )
        stored = get_study(database.engine, stored.name)
    if lease is None and _is_done(stored, request):
        output.say(f"study {stored.name} is finished: {stored.trials} trials")
        return LaunchResult(study=stored.name, ending=Ending.FINISHED, reason=None, seconds=0.0)
    if lease is None:  # else it was driven here a moment ago
        _check_database(database)
    with (
        lease or parts.lease.acquire(database, stored.name) as lease,
        _reserved(request.options, stored.name, output.say) as reservation,
    ):
        request = request.on(reservation.machine)
        clear_stop(database.engine, stored.name)
        material = _prepare(request, output)
        _check_fingerprints(stored, material)
        return _drive(request, database, lease, material, output, parts)


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


def _prepare(request: Launch, output: Output) -> Material:
    limit_threads()
    with output.open_preparing() as tell:
        material = prepare(
            request.config.train,
            cache=request.options.paths.cache,
            device=request.options.machine.own_device,
            progress=tell,
        )
    if request.config.objective().needs_labels:
        require_labels(material)
    return material


def _reserved(options: RunOptions, study: str, say: Callable[[str], None]) -> Reservation:
    """This machine's part of the work; in a cluster that is joined, Ray keeps the books."""
    if options.ray_address is not None:
        check_answers(options.ray_address)
        return Reservation(options.machine)
    if (folder := find_ray_folder(os.environ)) is not None:
        say(folder.text())
    tell_quota(options.machine, say)
    return reserve(options.machine, policy=options.sharing, study=study, say=say)


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
        lag=request.options.machine.workers + PREFETCHED,
    )
    if request.study is None:
        return create_next(database, request.layers.title, new)
    try:
        return create(database, request.study, new)
    except NameTaken:
        return None


def _drive(
    request: Launch,
    database: Database,
    lease: Lease,
    material: Material,
    output: Output,
    parts: Parts,
) -> LaunchResult:
    assert material.folder is not None
    name = lease.study
    record = get_study(database.engine, name)
    session = Session(
        database=database,
        lease=lease,
        record=record,
        config=request.config,
        options=request.options,
        parts=parts,
    )
    with contextlib.closing(session):
        _retarget(request, record, session)
        tell_idle_workers(record, request.options.machine.workers, output.say)
        with (
            stop_on_signals(session),
            parts.open_workers(
                request.config,
                request.options,
                bank=material.folder,
                depot=session.depot,
                stopped=lambda: session.stop_reason is not None,
                say=output.say,
            ) as pool,
            output.open_progress() as progress,
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
