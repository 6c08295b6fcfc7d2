"""Records of studies and reports."""

import concurrent.futures
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, StatementError

from search.driver.claiming import create_next
from storage.address import parse_address
from storage.database import Database, open_database
from storage.errors import NameTaken, StudyNameError, UnknownStudy
from storage.reports import reports_of, store_report
from storage.studies import (
    NewStudy,
    clear_stop,
    create_study,
    get_study,
    list_studies,
    mark_finished,
    next_name,
    raise_target,
    request_stop,
    set_target,
)

NEW = NewStudy(
    config={"zeta": 1, "alpha": {"nested": [0.1, None]}},
    space={"lambda_self": {"low": 0.0}, "b_self": {"low": 0.0}, "a": {}},
    seed=2**62 + 1,
    trials=200,
    versions={"optuna": "5.0.0"},
    revision="abc",
    fingerprints={"data": "0123"},
    lag=3,
)


def test_a_study_is_read_back_as_it_was_stored(database: Database) -> None:
    made = create_study(database.engine, "naïve 研究 %_'\"", NEW)
    read = get_study(database.engine, "naïve 研究 %_'\"")
    assert read == made
    assert {name: getattr(read, name) for name in vars(NEW)} == vars(NEW)
    assert list(read.config) == ["zeta", "alpha"]  # the order of the keys is kept
    assert list(read.space) == ["lambda_self", "b_self", "a"]
    assert read.created_at.tzinfo is not None
    assert (read.stop_requested, read.finished_at) == (False, None)


def test_a_target_is_raised_until_the_study_is_finished(database: Database) -> None:
    create_study(database.engine, "s", NEW)
    assert not raise_target(database.engine, "s", 200)
    assert raise_target(database.engine, "s", 201)
    mark_finished(database.engine, "s", trials=200)
    assert get_study(database.engine, "s").finished_at is None
    mark_finished(database.engine, "s", trials=201)
    assert get_study(database.engine, "s").finished_at is not None
    assert not raise_target(database.engine, "s", 300)
    mark_finished(database.engine, "s", trials=1)  # it stays finished
    record = get_study(database.engine, "s")
    assert record.finished_at is not None and record.trials == 201
    assert not raise_target(database.engine, "none", 300)


def test_changes_of_a_study(database: Database) -> None:
    create_study(database.engine, "s", NEW)
    set_target(database.engine, "s", 300)
    request_stop(database.engine, "s")
    assert get_study(database.engine, "s").trials == 300
    assert get_study(database.engine, "s").stop_requested
    clear_stop(database.engine, "s")
    assert not get_study(database.engine, "s").stop_requested
    mark_finished(database.engine, "s")
    finished_at = get_study(database.engine, "s").finished_at
    assert finished_at is not None
    mark_finished(database.engine, "s")
    assert get_study(database.engine, "s").finished_at == finished_at
    set_target(database.engine, "s", 400)
    assert get_study(database.engine, "s").finished_at is None


@pytest.mark.parametrize("change", [request_stop, clear_stop, mark_finished, get_study])
def test_an_unknown_study_is_refused(
    database: Database, change: Callable[[Engine, str], object]
) -> None:
    with pytest.raises(UnknownStudy, match="there is no study 'none'"):
        change(database.engine, "none")
    for name in ("nul\x00", "\ud800"):  # which PostgreSQL cannot even be asked for
        with pytest.raises(UnknownStudy):
            change(database.engine, name)


def test_a_name_is_taken_once(database: Database) -> None:
    create_study(database.engine, "s", NEW)
    with pytest.raises(NameTaken, match="there is already a study 's'"):
        create_study(database.engine, "s", dataclasses.replace(NEW, seed=0))
    assert get_study(database.engine, "s").seed == NEW.seed


def test_a_name_that_no_study_may_have_is_refused(database: Database) -> None:
    with pytest.raises(StudyNameError):
        create_study(database.engine, "line\nbreak", NEW)
    assert list_studies(database.engine) == ()


def test_one_of_eight_concurrent_claims_of_a_name_succeeds(database_address: str) -> None:
    def claim(seed: int) -> int | None:
        with open_database(parse_address(database_address)) as database:
            try:
                return create_study(database.engine, "s", dataclasses.replace(NEW, seed=seed)).seed
            except NameTaken:
                return None

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        seeds = [seed for seed in pool.map(claim, range(8)) if seed is not None]
    assert len(seeds) == 1
    with open_database(parse_address(database_address)) as database:
        assert [study.seed for study in list_studies(database.engine)] == seeds


def test_eight_concurrent_launches_get_eight_names(database_address: str) -> None:
    def claim(_: int) -> str:
        with open_database(parse_address(database_address)) as database:
            return create_next(database, "rooms", NEW).name

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(claim, range(8))) == [f"rooms-{n}" for n in range(1, 9)]


def test_the_next_name_counts_only_its_own_preset(database: Database) -> None:
    for name in ("rooms-2", "rooms-x", "rooms-10", "rooms%-99", "other-50", "rooms-"):
        create_study(database.engine, name, NEW)
    assert next_name(database.engine, "rooms") == "rooms-11"
    assert next_name(database.engine, "rooms%") == "rooms%-100"
    assert next_name(database.engine, "new") == "new-1"


def test_only_numbers_are_stored(database: Database) -> None:
    with pytest.raises(StatementError, match="JSON compliant"):
        create_study(database.engine, "s", dataclasses.replace(NEW, config={"x": float("nan")}))


def test_a_report_is_stored_once(database: Database) -> None:
    create_study(database.engine, "s", NEW)
    store: dict[str, Any] = {"study": "s", "trial": 4}
    assert store_report(database.engine, **store, evaluation=2, payload={"miou": 1 / 3})
    assert store_report(database.engine, **store, evaluation=1, payload={"miou": None})
    assert not store_report(database.engine, **store, evaluation=2, payload={"miou": 9.0})
    assert store_report(
        database.engine, study="s", trial=0, evaluation=1, payload={"b": 1, "a": 2}
    )
    reports = reports_of(database.engine, study="s")
    assert [(report.trial, report.evaluation) for report in reports] == [(0, 1), (4, 1), (4, 2)]
    assert reports_of(database.engine, study="s", trial=4) == reports[1:]
    assert reports[2].payload == {"miou": 1 / 3}
    assert list(reports[0].payload) == ["b", "a"]


def test_a_report_of_no_study_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError):
        store_report(database.engine, study="none", trial=0, evaluation=1, payload={})


def test_a_connection_with_a_transaction_of_its_own_decides_when_to_commit(
    database: Database,
) -> None:
    with database.engine.connect() as connection:
        outer = connection.begin()
        create_study(connection, "s", NEW)
        outer.rollback()
        assert list_studies(connection) == ()
    with database.engine.connect() as connection:
        create_study(connection, "s", NEW)
    assert get_study(database.engine, "s").name == "s"


def test_the_database_holds_the_rules_too(database: Database) -> None:
    create_study(database.engine, "s", NEW)
    with pytest.raises(IntegrityError, match="ck_study_trials"):
        set_target(database.engine, "s", 0)
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM umss.study"))
