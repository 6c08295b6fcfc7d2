"""The lease through PgBouncer: a frozen driver loses its study there as well, and cannot write."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from search.reporting.reading import read_study
from storage.address import parse_address
from storage.database import open_database
from storage.lease_record import lease_history
from tests.fakes.search_process import STUDY, Kill
from tests.integration.search.test_frozen_drivers import (
    FREEZE,
    TIME_TO_LIVE,
    TRIALS,
    WAIT,
    start,
    wait_until_stopped,
)
from tests.integration.search.test_frozen_drivers import processes as processes


@pytest.fixture
def pooled(owned_database: Any, start_pooler: Callable[[str], int]) -> Iterator[str]:
    """Address of a database through PgBouncer in transaction mode."""
    address = str(owned_database.address(port=start_pooler("transaction")))
    yield address
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with owned_database.superuser.engine.connect() as connection:
        assert connection.execute(waiting).scalar_one() == 0


@pytest.mark.parametrize("when", ["before", "commit"], ids=["idle", "between-fence-and-commit"])
def test_a_frozen_driver_behind_a_pooler_is_taken_over_from_and_cannot_write(
    when: str, processes: Any, pooled: str, tmp_path: Path
) -> None:
    kill = Kill(what="end", nth=8, when=when, **FREEZE)
    frozen = start(processes, pooled, tmp_path, kill=kill, time_to_live=TIME_TO_LIVE, wait=WAIT)
    wait_until_stopped(frozen.pid)
    successor = start(processes, pooled, tmp_path, time_to_live=TIME_TO_LIVE, wait=WAIT)
    successor.join(timeout=120)
    assert successor.exitcode == 0
    with open_database(parse_address(pooled)) as database:
        before = read_study(database, STUDY)
        with database.engine.connect() as connection:
            history = lease_history(connection, STUDY)
    assert before.counts.finished == TRIALS and before.state == "finished"
    assert [past.epoch for past in history] == [1, 2]
    os.kill(frozen.pid, signal.SIGCONT)
    frozen.join(timeout=60)
    assert frozen.exitcode == 1  # it raised LeaseLost, and wrote nothing:
    with open_database(parse_address(pooled)) as database:
        after = read_study(database, STUDY)
    assert [vars(trial) for trial in after.trials] == [vars(trial) for trial in before.trials]
