"""Optuna's storage on our database: fenced, honest about outages, frugal with connections."""

import concurrent.futures
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import Connection, event, text

from storage import optuna_store
from storage.address import parse_address
from storage.database import Database, open_database
from storage.errors import DatabaseUnreachable, LeaseLost, SchemaError
from storage.fence import fence
from storage.lease import Lease
from storage.optuna_store import open_optuna
from storage.trial_batch import TrialBatch


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


@pytest.fixture
def lease(database: Database) -> Iterator[Lease]:
    with Lease.acquire(database, "s") as acquired:
        yield acquired


@pytest.fixture
def store(database: Database, lease: Lease) -> Iterator[RDBStorage]:
    storage = open_optuna(database, lease)
    yield storage
    storage.remove_session()
    storage.engine.dispose()


@pytest.fixture
def study(store: RDBStorage) -> optuna.Study:
    return optuna.create_study(study_name="s", storage=store, direction="maximize")


def running_trial() -> FrozenTrial:
    return create_trial(
        state=TrialState.RUNNING,
        params={"x": 0.5},
        distributions={"x": FloatDistribution(0, 1)},
        user_attrs={"epoch": 1},
    )


def add(study: optuna.Study) -> int:
    return study._storage.create_new_trial(study._study_id, running_trial())


def write_batch(study: optuna.Study, trial: int) -> object:
    storage: Any = study._storage  # which keeps finished trials, around ours
    batch = TrialBatch(scores={(trial, 2): 0.5}, changed={trial})
    return storage._backend.write(study._study_id, batch, {}, last=trial)


WRITES: dict[str, Callable[[optuna.Study, int], object]] = {
    "report": lambda study, trial: study._storage.set_trial_intermediate_value(trial, 2, 0.5),
    "tell": lambda study, trial: study.tell(0, 1.0),
    "create": lambda study, trial: add(study),
    "attribute": lambda study, trial: study._storage.set_trial_user_attr(trial, "a", 1),
    "constraint": lambda study, trial: study._storage.set_trial_system_attr(trial, "c", 1),
    "batch": write_batch,
    "study attribute": lambda study, trial: study.set_user_attr("a", 1),
}


@pytest.mark.parametrize("write", WRITES)
def test_every_write_is_stopped_when_the_lease_is_lost(
    database: Database, study: optuna.Study, lease: Lease, write: str
) -> None:
    trial = add(study)
    study._storage.set_trial_intermediate_value(trial, 1, 0.25)
    with Lease.acquire(database, "s", time_to_live=0.0):
        with pytest.raises(LeaseLost, match="taken over"):
            WRITES[write](study, trial)
        assert lease.lost
        (stored,) = optuna.load_study(study_name="s", storage=study._storage).trials
    assert stored.state is TrialState.RUNNING
    assert stored.intermediate_values == {1: 0.25}
    assert stored.user_attrs == {"epoch": 1}
    assert stored.system_attrs == {}


@pytest.mark.parametrize("write", WRITES)
def test_a_lost_lease_stops_writes_after_a_reconnect_too(
    database: Database, store: RDBStorage, study: optuna.Study, write: str
) -> None:
    trial = add(study)
    with Lease.acquire(database, "s", time_to_live=0.0):
        store.engine.dispose()
        with pytest.raises(LeaseLost):
            WRITES[write](study, trial)


def kill_connection(database: Database) -> None:
    with database.engine.begin() as connection:
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
        connection.execute(text(f"{query}'unim2-search optuna' AND datname = current_database()"))


@pytest.mark.parametrize("write", WRITES)
def test_a_connection_that_breaks_in_a_write_is_an_outage(
    database: Database, store: RDBStorage, study: optuna.Study, write: str
) -> None:
    """Also in the creation of a trial, which Optuna alone would silently do a second time."""
    trial = add(study)
    breaks: list[bool] = []

    @event.listens_for(store.engine, "commit")
    def _break(connection: Connection) -> None:
        if not breaks and connection.execute(WROTE).scalar_one():
            breaks.append(True)
            kill_connection(database)

    with pytest.raises(DatabaseUnreachable):
        WRITES[write](study, trial)
    assert breaks == [True]
    WRITES[write](study, trial)  # the next call finds the server again
    assert len(study.get_trials()) == (2 if write == "create" else 1)


WROTE = text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")


def test_an_outage_ends_when_the_server_is_back(
    embedded_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_database(parse_address(f"embedded:{embedded_folder}")) as database:
        with Lease.acquire(database, "s") as lease:
            store = open_optuna(database, lease)
            study = optuna.create_study(study_name="s", storage=store)
            trial = add(study)
            assert database.server is not None
            database.server.programs.run(
                "pg_ctl", ["stop", "-D", "data", "-m", "immediate"], seconds=30
            )
            for write in WRITES.values():
                with pytest.raises(DatabaseUnreachable):
                    write(study, trial)
            with pytest.raises(DatabaseUnreachable):
                study.get_trials()
            with pytest.raises(DatabaseUnreachable):
                open_optuna(database, lease)
            with monkeypatch.context() as patch, pytest.raises(DatabaseUnreachable):
                patch.setattr(optuna_store, "_make_tables", lambda database: None)
                open_optuna(database, lease)  # the server stops once the tables exist
            database.revive()
            WRITES["report"](study, trial)
            assert study.get_trials()[0].intermediate_values == {2: 0.5}
            store.engine.dispose()


def test_a_driver_has_at_most_three_connections(
    database: Database, lease: Lease, study: optuna.Study, database_address: str
) -> None:
    fence(database.engine, lease)
    for _ in range(3):
        add(study)
    study.tell(0, 1.0)
    lease.check()
    assert study.best_value == 1.0
    with database.engine.connect() as connection:
        query = "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
        names = sorted(connection.execute(text(query)).scalars())
    assert names == ["unim2-search lease", "unim2-search optuna", "unim2-search tables"]


def test_nothing_that_optuna_keeps_shows_the_address(database: Database) -> None:
    store = open_optuna(database)
    host = database.address.parameters["host"]
    assert host not in store.url + repr(store.engine) + repr(store.engine.url)
    store.engine.dispose()


def test_processes_that_create_optunas_tables_concurrently_all_find_them(
    empty_database_address: str,
) -> None:
    def open_one(_: int) -> str:
        with open_database(parse_address(empty_database_address)) as database:
            store = open_optuna(database)
            version = store.get_current_version()
            store.engine.dispose()
            return version

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(open_one, range(4)))) == 1


def test_tables_of_another_optuna_are_refused(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE public.alembic_version SET version_num = 'v99.0.0.a'"))
    with pytest.raises(SchemaError, match="do not fit this Optuna"):
        open_optuna(database)
