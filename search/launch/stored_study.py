"""Find a stored study, and check that the given settings may continue it."""

import re
from collections.abc import Mapping
from typing import Any

from search.config.configuration import LaunchConfig, continued, differences, resolve_layers
from search.errors import StudyError
from search.launch.request import Launch
from search.reporting.reading import is_driven
from storage.database import Database
from storage.errors import UnknownStudy
from storage.studies import StudyRecord, check_name, get_study, list_studies
from trainer.config.layers import fitting
from trainer.config.sources import PLAIN_PRESET, Layers

__all__ = [
    "check_fingerprints",
    "configure",
    "find_stored",
    "find_to_resume",
    "is_done",
    "layers_like",
    "stored_config",
]


def configure(database: Database, study: str | None, layers: Layers) -> LaunchConfig:
    """The configuration of a new study, or the stored one of the named study.

    Raises:
        StudyError: If a given setting differs from the stored configuration.
        ConfigError, SettingsError: If a given setting is invalid.
    """
    stored = find_stored(database, study)
    return resolve_layers(layers) if stored is None else stored_config(stored, layers)


def layers_like(database: Database, study: str, flags: Mapping[str, Any]) -> Layers:
    """The settings of a stored study for a new one, overridden by flags.

    By default the new one takes the next number: it is ``rooms-4`` after ``rooms-3``.

    Args:
        database: The database that stores the study.
        study: Its name.
        flags: Settings given by flags, as nested tables.

    Raises:
        UnknownStudy: If there is no study of that name.
    """
    stored = LaunchConfig.from_stored(get_study(database.engine, study).config).to_table()
    return Layers(
        preset=PLAIN_PRESET,
        reason=f"overridden by the settings of study {study}",
        asked=False,
        from_file=fitting(stored, flags),
        flags=flags,
        named=re.sub(r"-\d+$", "", study),
    )


def find_to_resume(database: Database, name: str | None, *, standby: bool = False) -> StudyRecord:
    """The study to resume: the named one, or the last unfinished one that no process drives.

    Args:
        database: The database that stores the studies.
        name: Name of the study; None finds one.
        standby: Whether to accept a study that another process drives.

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


def find_stored(database: Database, name: str | None) -> StudyRecord | None:
    """The study of that name; None without a name, or if there is no such study.

    Raises:
        StudyNameError: If the name is not allowed.
    """
    if name is None:
        return None
    check_name(name)
    try:
        return get_study(database.engine, name)
    except UnknownStudy:
        return None


def is_done(stored: StudyRecord, request: Launch) -> bool:
    """Whether the study is finished, and neither a new target nor a confirmation is asked for."""
    if request.confirmation is not None:
        return False
    same_target = not request.trials_given or request.config.search.trials == stored.trials
    return stored.finished_at is not None and same_target


def stored_config(stored: StudyRecord, layers: Layers) -> LaunchConfig:
    """The stored configuration of a study.

    Raises:
        StudyError: If a given setting differs from it.
    """
    config, found = continued(stored.config, layers)
    if found:
        raise StudyError(
            f"study {stored.name!r} was created with another configuration"
            f" ({'; '.join(found)}): leave those settings out to continue it, or give --study"
            " another name"
        )
    return config


def check_fingerprints(stored: StudyRecord, given: Mapping[str, str]) -> None:
    """Refuse to continue a study on other data or weights.

    Args:
        stored: The study.
        given: Fingerprints of the data and weights at hand, all or some.

    Raises:
        StudyError: If they differ from those with which the study was created.
    """
    before = {name: mark for name, mark in stored.fingerprints.items() if name in given}
    found = differences(before, given)
    if found:
        raise StudyError(
            f"study {stored.name!r} was created with other data or weights ({'; '.join(found)}):"
            " point --data and --backbone-weights to the same ones"
        )
