"""Optuna's storage on our database: the one module of this package that knows Optuna."""

import contextlib
import datetime
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, Engine, NullPool, or_, select
from sqlalchemy.orm import scoped_session, sessionmaker

from storage.database import Database
from storage.engines import BARE_URL, set_up
from storage.errors import SchemaError
from storage.fence import fence
from storage.lease import Lease
from storage.optuna_schema import find_place, make_place
from storage.outage import translated
from storage.schema import lock_schema
from storage.transaction_settings import TransactionSettings

__all__ = ["SearchStorage", "TrialRow", "one_transaction", "open_optuna"]


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """What a look at a study's trials shows of one."""

    trial_id: int
    number: int
    state: TrialState


def open_optuna(database: Database, lease: Lease | None = None) -> "SearchStorage":
    """Open Optuna's storage: its tables made, one connection, writes fenced by the lease.

    Outages come out of every call as :class:`DatabaseAway`, a lost lease as
    :class:`LeaseLost`. Optuna's heartbeat is off: the lease says who lives. Close it with
    ``storage.engine.dispose()``.

    Args:
        database: Where Optuna's tables are, or will be.
        lease: The driver's lease; None for somebody who only reads.

    Raises:
        SchemaError: If the tables are of another version of Optuna.
        DatabaseAway: If the database goes away meanwhile.
    """
    _make_tables(database)
    with translated():
        storage = SearchStorage(
            database, database.engine_options(name="optuna"), skip_table_creation=True
        )
        try:
            _check_version(storage)
        except BaseException:
            storage.engine.dispose()
            raise
    if lease is not None:
        fence(storage.engine, lease)
    return storage


@contextlib.contextmanager
def one_transaction(
    database: Database, *, snapshot: bool = False
) -> Iterator[tuple[Connection, "SearchStorage"]]:
    """One transaction over Optuna's tables and ours: all that is done in it, or nothing.

    What Optuna's storage commits is a savepoint of it.

    Args:
        database: Where the tables are.
        snapshot: Read all as it is at one moment, and write nothing.

    Yields:
        The connection, for our tables, and the storage, for Optuna's.

    Raises:
        SchemaError: If Optuna's tables are of another version.
    """
    storage = open_optuna(database)
    engine = storage.engine
    if snapshot:
        engine = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
    try:
        with translated(), engine.begin() as connection:
            storage.scoped_session = scoped_session(
                sessionmaker(bind=connection, join_transaction_mode="create_savepoint")
            )
            yield connection, storage
            storage.remove_session()
    finally:
        storage.engine.dispose()


class SearchStorage(RDBStorage):
    """Optuna's storage on an engine of ours, for a search that is not alone in writing.

    It stays in its process: a pickled one would carry the password, and come back with neither
    fence nor translation.
    """

    #: Number that the trial which is being created must get; None where any will do.
    _wanted: int | None = None

    def __init__(
        self, database: Database, options: dict[str, Any], *, skip_table_creation: bool = False
    ) -> None:
        """Open it.

        Args:
            database: Whose settings its transactions have.
            options: Arguments of ``create_engine``.
            skip_table_creation: Whether the tables are there.
        """
        self._settings = TransactionSettings(
            read_only=database.read_only, schema=database.optuna_schema
        )
        super().__init__(
            BARE_URL,
            engine_kwargs=options,
            skip_compatibility_check=True,
            skip_table_creation=skip_table_creation,
        )

    @property
    def engine(self) -> Engine:
        """The engine; Optuna's constructor sets it, and uses it at once."""
        return self._engine

    @engine.setter
    def engine(self, engine: Engine) -> None:
        set_up(engine, self._settings)
        self._engine = engine

    def __getstate__(self) -> dict[Any, Any]:
        raise TypeError(
            "the storage of a search stays in its process: a copy would carry the password and"
            " write without the lease's fence; open one there"
        )

    def create_numbered_trial(
        self, study_id: int, template: FrozenTrial, number: int
    ) -> int | None:
        """Create a trial if it gets this number, in one transaction.

        Optuna numbers trials in the order of their creation, whoever creates them. What other
        trials of the study have as distributions is not compared with the template's.

        Returns:
            The trial's id; None if another trial has the number, and nothing was stored.
        """
        self._wanted = number
        try:
            return self.create_new_trial(study_id, template)
        except _NumberTaken:
            return None
        finally:
            self._wanted = None

    def take_up(
        self,
        trial_id: int,
        parameters: Mapping[str, float],
        distributions: Mapping[str, BaseDistribution],
        *,
        user_attrs: Mapping[str, Any],
        system_attrs: Mapping[str, Any],
    ) -> bool:
        """Make a trial that somebody queued RUNNING, with all its parameters, in one transaction.

        Args:
            trial_id: The trial.
            parameters: All its parameters; those it has already stay as they are.
            distributions: Of every parameter.
            user_attrs: Attributes to set.
            system_attrs: The same, for Optuna's other kind.

        Returns:
            Whether the trial has these parameters now; if not, nothing was stored.

        Raises:
            UpdateFinishedTrialError: If somebody has ended it.
        """
        with _create_scoped_session(self.scoped_session) as session:
            trial: Any = models.TrialModel.find_or_raise_by_id(trial_id, session, for_update=True)
            self.check_trial_is_updatable(trial_id, trial.state)
            stored = {param.param_name: param.param_value for param in trial.params}
            if any(stored[name] != parameters.get(name) for name in stored):
                return False
            for name in [name for name in parameters if name not in stored]:
                kind = distributions[name]
                value = kind.to_internal_repr(parameters[name])
                self._set_trial_param_without_commit(session, trial_id, name, value, kind, kind)
            for model, attributes in (
                (models.TrialUserAttributeModel, user_attrs),
                (models.TrialSystemAttributeModel, system_attrs),
            ):
                for key, item in attributes.items():
                    self._set_trial_attr_without_commit(session, model, trial_id, key, item)
            if trial.state is TrialState.WAITING:
                trial.state, trial.datetime_start = TrialState.RUNNING, datetime.datetime.now()
        return True

    def look(self, study_id: int, *, first: int, also: Collection[int]) -> list[TrialRow] | None:
        """See how some trials stand.

        Args:
            study_id: The study.
            first: Trials from this number on,
            also: and those of these ids.

        Returns:
            Those that there are, by number; None if the study is not there any more.
        """
        trial, study = models.TrialModel, models.StudyModel
        wanted = or_(trial.number >= first, trial.trial_id.in_(also))
        query = select(trial.trial_id, trial.number, trial.state).order_by(trial.number)
        with translated(), self.engine.connect() as connection:
            there = select(study.study_id).where(study.study_id == study_id)
            if connection.execute(there).one_or_none() is None:
                return None
            rows = connection.execute(query.where(trial.study_id == study_id, wanted))
            return [TrialRow(**row._asdict()) for row in rows]

    def _get_prepared_new_trial(self, study_id: int, template_trial: Any, session: Any) -> Any:
        trial = super()._get_prepared_new_trial(study_id, template_trial, session)
        if self._wanted is not None and trial.number != self._wanted:
            raise _NumberTaken
        return trial

    def _set_trial_param_without_commit(
        self,
        session: Any,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
        previous_distribution: BaseDistribution | None = None,
    ) -> None:
        if self._wanted is not None:
            previous_distribution = distribution
        super()._set_trial_param_without_commit(
            session, trial_id, param_name, param_value_internal, distribution,
            previous_distribution,
        )  # fmt: skip


class _NumberTaken(Exception):
    """The transaction is rolled back."""


def _make_tables(database: Database) -> None:
    """Let Optuna make its tables where they are missing, and note where they are.

    Optuna's constructor is not safe against a second one at the same moment.
    """
    with translated(), database.engine.connect() as connection:
        place = find_place(connection)
    if not place.made:
        with translated(), database.engine.begin() as connection:
            lock_schema(connection)
            make_place(connection, place)
        with translated(), database.engine.begin() as connection:
            lock_schema(connection)
            place = find_place(connection)
            if not place.made:
                database.optuna_schema = place.schema
                _let_optuna_make_them(database)
    database.optuna_schema = place.schema


def _let_optuna_make_them(database: Database) -> None:
    options = database.engine_options(name="optuna")
    for key in ("pool_pre_ping", "pool_size", "max_overflow"):
        del options[key]
    SearchStorage(database, {**options, "poolclass": NullPool})


def _check_version(storage: RDBStorage) -> None:
    found, wanted = storage.get_current_version(), storage.get_head_version()
    if found == wanted:
        return
    older = found in storage.get_all_versions()
    mend = "run `optuna storage upgrade` as their owner" if older else "install a newer Optuna"
    raise SchemaError(
        f"Optuna's tables do not fit this Optuna: they have version {found}, {wanted} is needed;"
        f" {mend}, or give another database"
    )
