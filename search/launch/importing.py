"""Imports finished trials of other searches into a study, as history for its sampler.

They become trials of the study, with numbers of their own, but do not count: not towards the
target, and neither as its best trial nor in what it claims. Nothing is imported while a process
drives the study.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState, create_trial

from search.driver.claiming import claim
from search.errors import StudyFileError
from search.launch.meaning import Meaning, train_of
from search.objectives import objective_name
from search.records.outcome import COLLAPSED
from search.records.stored_trial import (
    CANONICAL_ATTRIBUTE,
    COLLAPSE_ATTRIBUTE,
    END_ATTRIBUTE,
    HEALTHY,
    IMPORTED,
    IMPORTED_ATTRIBUTE,
    KIND_ATTRIBUTE,
    REASON_ATTRIBUTE,
    PruneKind,
    canonical_of,
)
from search.spaces import Space
from search.spaces.canonical import vector_key
from search.transfer.trial_files import FoundTrial, Looked, TrialFile, read_trial_file
from storage.database import Database
from storage.lease import lock_free
from storage.optuna_store import one_transaction
from storage.studies import StudyRecord, get_study
from storage.whole_trials import add_whole_trials
from trainer.config.configuration import TrainConfig
from trainer.errors import ConfigError

__all__ = ["Imported", "Skipped", "import_trials"]

#: Outcomes of pruned trials to the kinds that are stored.
KINDS: dict[str, PruneKind] = {"collapsed": "collapsed", "underperforming": "behind"}


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A trial that does not fit the study."""

    #: Where it is in the file.
    place: str
    #: Which rule it breaks.
    reason: str


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What became of the trials of a file."""

    #: How many were added.
    added: int
    #: How many the study already has, with the same parameters, outcome and value.
    known: int
    #: How many were not finished where they come from.
    unfinished: int
    skipped: tuple[Skipped, ...]


class _Unfit(Exception):
    """A trial that does not fit the study; the message is the reason."""


def import_trials(
    database: Database, name: str, path: Path, *, value: str | None, source: str | None
) -> Imported:
    """Add the finished trials of a file to a study, all that fit or none.

    Args:
        database: The database that stores the study.
        name: The study.
        path: The file.
        value: Column of a CSV file that holds the value; None for the usual one.
        source: The study in a SQLite file; None for its only one.

    Raises:
        UnknownStudy: If there is no such study.
        StudyFileError: If the file cannot be read, or no trial of it fits the study.
        LeaseHeld: If a process drives the study; nothing was added.
        StudyError: If somebody else's study has the name in Optuna's tables.
    """
    record = get_study(database.engine, name)
    space = Space.from_json(record.space)
    names = [each.name for each in space.hyper_parameters]
    if not names:
        raise StudyFileError(
            f"study {name!r} searches nothing, so it has no use for other trials: give a study"
            " with a search space"
        )
    file = read_trial_file(path, Looked(names=names, value=value, study=source))
    _check_objective(path, file, record)
    meaning = Meaning.of(record.config, space)
    fitting, skipped = _checked(path, file, meaning)
    if skipped and not fitting:
        first = skipped[0]
        raise StudyFileError(
            f"no trial of {path} fits study {name!r}, so nothing was imported: {first.place}:"
            f" {first.reason}"
        )
    claim(database, record)
    added = _store(database, record, fitting, meaning)
    return Imported(
        added=added,
        known=len(fitting) - added,
        unfinished=file.unfinished,
        skipped=skipped,
    )


def _check_objective(path: Path, file: TrialFile, record: StudyRecord) -> None:
    objective = objective_name(record.config)
    if file.objective not in (None, objective):
        raise StudyFileError(
            f"{path} has values of the objective {file.objective!r}, and study {record.name!r}"
            f" maximises {objective!r}: give a study with the same objective"
        )


def _checked(
    path: Path, file: TrialFile, meaning: Meaning
) -> tuple[list[FrozenTrial], tuple[Skipped, ...]]:
    """The trials that fit, as they are stored, and those that do not."""
    fitting, skipped = [], []
    source = train_of(file.config)
    for trial in file.trials:
        try:
            fitting.append(_as_stored(path, trial, meaning, source))
        except (_Unfit, ConfigError) as error:
            skipped.append(Skipped(place=trial.place, reason=str(error)))
    return fitting, tuple(skipped)


def _as_stored(
    path: Path, found: FoundTrial, meaning: Meaning, source: TrainConfig | None
) -> FrozenTrial:
    """The trial as the study stores it.

    Args:
        path: The file.
        found: The trial in it.
        meaning: What parameters of the study mean.
        source: The configuration that the trial was run with; None if the file does not say.

    Raises:
        _Unfit: If a number is missing or not finite.
        ConfigError: If the parameters do not fit the search space.
    """
    complete = found.outcome == "complete"
    params = {name: _number(name, value) for name, value in found.params.items()}
    value = None if found.value is None and not complete else _number("its value", found.value)
    params = meaning.fitting(params, source)
    attributes: dict[str, Any] = {
        IMPORTED_ATTRIBUTE: f"{path.name}, {found.place}",
        CANONICAL_ATTRIBUTE: meaning.vector(params),
    }
    if not complete:
        attributes[KIND_ATTRIBUTE] = KINDS[found.outcome]
        attributes[REASON_ATTRIBUTE] = found.reason
    return create_trial(
        state=TrialState.COMPLETE if complete else TrialState.PRUNED,
        value=value,
        params=params,
        distributions=meaning.space.distributions,
        user_attrs=attributes,
        system_attrs={
            COLLAPSE_ATTRIBUTE: COLLAPSED if found.outcome == "collapsed" else HEALTHY,
            END_ATTRIBUTE: IMPORTED,
        },
        intermediate_values={
            int(_number("an evaluation", step)): _number("a score", score)
            for step, score in found.scores.items()
        },
    )


def _number(name: str, value: Any) -> float:
    if value is None:
        raise _Unfit(f"{name} is missing: give a number")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Unfit(f"{name} = {value!r:.80} is not a number")
    try:
        number = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        number = math.inf
    if not math.isfinite(number):
        raise _Unfit(f"{name} = {number} is not finite: give a number")
    return number


def _store(
    database: Database, record: StudyRecord, trials: Sequence[FrozenTrial], meaning: Meaning
) -> int:
    """Add the trials that the study does not have, in one transaction; returns their number."""
    with one_transaction(database) as (connection, storage):
        lock_free(connection, record.name)
        get_study(connection, record.name)  # somebody may have deleted it meanwhile
        study = storage.get_study_id_from_name(record.name)
        stored = storage.get_all_trials(study, deepcopy=False)
        known = {_identity(trial, meaning) for trial in stored}
        new: dict[tuple[object, ...], FrozenTrial] = {}
        for trial in trials:
            new.setdefault(_identity(trial, meaning), trial)
        added = [trial for identity, trial in new.items() if identity not in known]
        add_whole_trials(storage, study, added)
    return len(added)


def _identity(trial: FrozenTrial, meaning: Meaning) -> tuple[object, ...]:
    """The same for two trials that are the same run with the same state and value."""
    vector = canonical_of(trial) or meaning.vector(trial.params)  # earlier versions stored none
    params = vector_key(vector) if vector else frozenset(trial.params.items())
    return params, trial.state, tuple(trial.values or ())
