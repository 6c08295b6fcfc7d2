"""Deletes a study: its rows, and the checkpoints and artifacts that belong to it."""

import dataclasses
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.checkpoints.folders import CheckpointStore
from search.driver.claiming import mark_of
from search.driver.study_store import ARTIFACTS_ATTRIBUTE
from search.errors import StudyError
from search.records.stored_picture import places_of
from search.reporting.study_view import StudyView
from storage.artifacts import Artifacts
from storage.database import Database
from storage.errors import ArtifactFailure
from storage.lease import Lease
from storage.optuna_schema import MARK_ATTRIBUTE
from storage.optuna_store import SearchStorage, one_transaction, open_optuna
from storage.studies import StudyRecord, delete_rows, get_study

__all__ = ["Belongings", "delete_study", "find_belongings"]

#: Keys of system attributes in which Optuna and its dashboard record an artifact.
RECORDS_ARTIFACT = re.compile(r"(dashboard:)?artifacts:.*", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Belongings:
    """What belongs to a study outside our tables."""

    record: StudyRecord
    #: Its checkpoints on this machine; None if there are none.
    checkpoints: Path | None
    #: Where its artifacts are: a folder, or ``s3://BUCKET/PREFIX``; None if unknown.
    place: str | None
    #: The store there.
    store: Artifacts | None
    #: Name of its folder of checkpoints there.
    prefix: str
    #: Ids of its other artifacts, such as pictures.
    artifacts: tuple[str, ...]
    #: Where these are, besides ``place``.
    others: Mapping[str, Artifacts]

    @property
    def places(self) -> tuple[str, ...]:
        """Every place that may hold its other artifacts."""
        return (*([] if self.place is None else [self.place]), *self.others)


def find_belongings(
    database: Database, view: StudyView, *, checkpoints: Path, artifacts: str | None
) -> Belongings:
    """Look for everything that belongs to a study; nothing is changed.

    Args:
        database: The database that stores it.
        view: The study.
        checkpoints: Folder of the checkpoints of all studies on this machine.
        artifacts: Where its artifacts are; None for the place that the study stores.

    Raises:
        UnknownStudy: If there is no such study.
        ArtifactPlaceError: If one of its places cannot be used.
    """
    record = get_study(database.engine, view.name)
    own = CheckpointStore(root=checkpoints, study=record.name, identity=mark_of(record))
    storage = open_optuna(database)
    try:
        study = _own_id(storage, record)
        stored = None if study is None else storage.get_study_system_attrs(study)
        found = () if study is None else tuple(_artifacts(storage, study))
    finally:
        storage.engine.dispose()
    kept = None if stored is None else stored.get(ARTIFACTS_ATTRIBUTE)
    place = artifacts or (kept if isinstance(kept, str) else None)
    others = [each for each in places_of(stored or {}) if each != place]
    return Belongings(
        record=record,
        checkpoints=own.folder if own.folder.is_dir() else None,
        place=place,
        store=None if place is None else _open(place),
        prefix=own.name,
        artifacts=found,
        others={each: _open(each) for each in others},
    )


def delete_study(database: Database, found: Belongings) -> tuple[str, ...]:
    """Delete a study; its rows in one transaction, and its files after that.

    Returns:
        What could not be deleted and where it is, one line each.

    Raises:
        LeaseHeld: If a process drives the study.
        UnknownStudy: If it is gone.
        StudyError: If another study has its name by now; nothing was deleted.
        NotPermitted: If the role may not delete rows; nothing was deleted.
    """
    name = found.record.name
    with Lease.acquire(database, name) as lease:
        with one_transaction(database, lease=lease) as (connection, storage):
            _check_same(get_study(connection, name), found.record)
            study = _own_id(storage, found.record)
            if study is not None:
                # Read again: somebody may have searched on since it was shown.
                found = dataclasses.replace(found, artifacts=tuple(_artifacts(storage, study)))
                storage.delete_study(study)
            delete_rows(connection, name)
    return tuple(_delete_files(found))


def _check_same(now: StudyRecord, shown: StudyRecord) -> None:
    """Refuse a study that was created after the one that was shown.

    Raises:
        StudyError: If it was.
    """
    if mark_of(now) != mark_of(shown):
        raise StudyError(
            f"study {shown.name!r} was deleted and created again meanwhile, so nothing was"
            " deleted: run the command again to see what it holds now"
        )


def _open(place: str) -> Artifacts:
    from storage.artifact_places import open_artifacts  # lazily: it imports boto3

    return open_artifacts(place)


def _own_id(storage: SearchStorage, record: StudyRecord) -> int | None:
    """The study's id in Optuna's tables; None if it is missing, or somebody else's."""
    try:
        study = storage.get_study_id_from_name(record.name)
    except KeyError:
        return None
    mark = storage.get_study_system_attrs(study).get(MARK_ATTRIBUTE)
    return study if mark == mark_of(record) else None


def _artifacts(storage: SearchStorage, study: int) -> Iterator[str]:
    """Ids of the artifacts that a study and its trials record."""
    owners: list[dict[str, Any]] = [storage.get_study_system_attrs(study)]
    owners += [trial.system_attrs for trial in storage.get_all_trials(study, deepcopy=False)]
    for attributes in owners:
        for key, value in attributes.items():
            if RECORDS_ARTIFACT.fullmatch(key) and isinstance(value, str):
                yield key.rpartition(":")[2]


def _delete_files(found: Belongings) -> Iterator[str]:
    if found.checkpoints is not None:
        try:
            shutil.rmtree(found.checkpoints)
        except OSError as error:
            yield f"the checkpoints in {found.checkpoints} remain ({error.strerror or error})"
    try:
        if found.store is not None:
            found.store.discard(found.prefix)
    except ArtifactFailure as error:
        yield f"artifacts below {found.place}/{found.prefix} remain ({error})"
    own = {} if found.store is None else {str(found.place): found.store}
    for place, store in {**own, **found.others}.items():
        try:
            for artifact in found.artifacts:
                store.remove(artifact)
        except ArtifactFailure as error:
            yield f"artifacts in {place} remain ({error})"
