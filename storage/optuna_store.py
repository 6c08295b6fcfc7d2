"""Optuna's storage on our database."""

import contextlib
import datetime
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from optuna.distributions import BaseDistribution
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, Engine, NullPool, delete, insert, or_, select
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
from storage.trial_batch import TrialBatch, lock_trials

__all__ = ["SearchStorage", "TrialRow", "one_transaction", "open_optuna"]


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """Number, id and state of a trial."""

    trial_id: int
    number: int
    state: TrialState


def open_optuna(database: Database, lease: Lease | None = None) -> "SearchStorage":
    """Open Optuna's storage with one connection; creates missing tables.

    Every call raises :class:`DatabaseUnreachable` in an outage, and :class:`LeaseLost` if the
    lease is lost. Optuna's heartbeat is off, since the lease shows whether the driver is running.
    Close the storage with ``storage.engine.dispose()``.

    Args:
        database: The database that contains Optuna's tables, or will.
        lease: The driver's lease, which fences all writes; None for no fence.

    Raises:
        SchemaError: If the tables are of another version of Optuna.
        DatabaseUnreachable: If the database is unreachable.
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
    database: Database, *, snapshot: bool = False, lease: Lease | None = None
) -> Iterator[tuple[Connection, "SearchStorage"]]:
    """One transaction over Optuna's tables and ours: everything in it is stored, or nothing.

    Commits of Optuna's storage become savepoints.

    Args:
        database: The database of the tables.
        snapshot: Whether to read the state of one moment, and refuse writes.
        lease: The lease that fences its commit; None for no fence.

    Yields:
        The connection, for our tables, and the storage, for Optuna's.

    Raises:
        SchemaError: If Optuna's tables are of another version.
        LeaseLost: If the lease is lost; nothing was stored.
    """
    storage = open_optuna(database, lease)
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
    """Optuna's storage on one of our engines, for a study that others may write to, too.

    It cannot be pickled: a copy would contain the password, and would lack the fence and the
    translation of errors.
    """

    #: Newest version of the tables that the installed Optuna knows; reading it imports a file
    #: for each version, so a process does it once.
    _head_version: ClassVar[str | None] = None
    #: Number that the trial being created must get; None for any.
    _wanted: int | None = None

    def __init__(
        self, database: Database, options: dict[str, Any], *, skip_table_creation: bool = False
    ) -> None:
        """Open it.

        Args:
            database: Its settings are used in all transactions.
            options: Arguments of ``create_engine``.
            skip_table_creation: Whether the tables already exist.
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

    def get_head_version(self) -> str:
        """Return the newest version of the tables that the installed Optuna knows."""
        if SearchStorage._head_version is None:
            SearchStorage._head_version = super().get_head_version()
        return SearchStorage._head_version

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
            "the storage of a search cannot be copied to another process: a copy would contain the"
            " password and write without the lease's fence; open one there"
        )

    def create_numbered_trial(
        self, study_id: int, template: FrozenTrial, number: int
    ) -> int | None:
        """Create a trial if it gets this number, in one transaction.

        Optuna numbers trials in the order of their creation, whoever creates them. The template's
        distributions are not compared with those of the study's other trials.

        Returns:
            The trial's id; None, with nothing stored, if it would get another number.
        """
        self._wanted = number
        try:
            return self.create_new_trial(study_id, template)
        except _NumberTaken:
            return None
        finally:
            self._wanted = None

    def start_queued(
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
            trial_id: The trial's id.
            parameters: All its parameters, including those that it already has.
            distributions: Optuna's distribution of each parameter.
            user_attrs: User attributes to set.
            system_attrs: System attributes to set.

        Returns:
            Whether that worked; if not, nothing was stored, since the trial already has another
            value of a parameter.

        Raises:
            UpdateFinishedTrialError: If somebody has ended the trial.
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

    def write(
        self,
        study_id: int,
        batch: TrialBatch,
        distributions: Mapping[str, BaseDistribution],
        *,
        last: int | None,
    ) -> dict[int, int] | None:
        """Write a batch in one transaction; see :meth:`TrialBatch.write`.

        Raises:
            DatabaseUnreachable: If PostgreSQL cannot be reached; all or none may be stored.
        """
        with translated(), self.engine.begin() as connection:
            return batch.write(connection, study_id, distributions, last=last)

    def replace_study_system_attrs(
        self, study_id: int, prefix: str, attributes: Mapping[str, Any]
    ) -> None:
        """Replace all system attributes of a study whose keys begin so, in one transaction.

        Whoever reads them meanwhile finds all old ones, or all new ones.

        Raises:
            KeyError: If the study was deleted.
        """
        model = models.StudySystemAttributeModel
        with _create_scoped_session(self.scoped_session) as session:
            models.StudyModel.find_or_raise_by_id(study_id, session)
            of_prefix = model.key.startswith(prefix, autoescape=True)
            session.execute(delete(model).where(model.study_id == study_id, of_prefix))
            rows = [
                {"study_id": study_id, "key": key, "value_json": json.dumps(item)}
                for key, item in attributes.items()
            ]
            session.execute(insert(model), rows)

    def settle(self, study_id: int, trials: Collection[int]) -> None:
        """Wait until no earlier transaction changes these trials or adds one to the study.

        After that, it can be read whether a transaction that was not acknowledged was committed.
        """
        with translated(), self.engine.begin() as connection:
            lock_trials(connection, trials)
            study = models.StudyModel
            lock = select(study.study_id).where(study.study_id == study_id).with_for_update()
            connection.execute(lock)

    def read_trial_rows(
        self, study_id: int, *, first: int, also: Collection[int]
    ) -> list[TrialRow] | None:
        """Read the states of some trials.

        Args:
            study_id: The study's id.
            first: Read all trials from this number on.
            also: Read the trials with these ids, too.

        Returns:
            Those of them that exist, by number; None if the study was deleted.
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
    """The trial got another number; rolls back the transaction."""


def _make_tables(database: Database) -> None:
    """Let Optuna create its tables if they are missing, and record their schema.

    Under a lock, because Optuna's constructor may not run twice at the same time.
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
    fix = "run `optuna storage upgrade` as their owner" if older else "install a newer Optuna"
    raise SchemaError(
        f"Optuna's tables do not fit this Optuna: they have version {found}, {wanted} is needed;"
        f" {fix}, or give another database"
    )
