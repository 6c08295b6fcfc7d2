"""A driver whose host is cut off: one on another host takes over, and it writes nothing more."""

from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest

from tests.fakes.fork_server import fork_server
from tests.hosts.checker import (
    check_exact,
    check_one_holder,
    finished,
    silence_before,
    watch_writes,
    writes_after,
    writes_of,
)
from tests.hosts.driver_program import LOST, TIME_TO_LIVE, drive_on_host
from tests.hosts.network import Host, Network, wait_until
from tests.hosts.server import Server, database_server

TRIALS = 20
PATIENCE = 400  # seconds, on a machine that does much else

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    return fork_server()


def driver(
    processes: ForkServerContext, host: Host, server: Server, folder: Path, *, wait: float = 0.0
) -> ForkServerProcess:
    process = processes.Process(
        target=drive_on_host,
        args=(host.pid, server.numeric_address, server.password_file, folder, TRIALS, wait),
        daemon=True,
    )
    process.start()
    return process


def wait_for_trials(server: Server, least: int, driver: ForkServerProcess) -> None:
    def there() -> bool:
        assert driver.is_alive(), f"the driver ended with {driver.exitcode}"
        return finished(server) >= least

    wait_until(f"{least} trials are finished", there, seconds=PATIENCE, every=0.05)


def test_the_standby_finishes_and_the_driver_that_was_cut_off_writes_nothing_after(
    hosts: Network, processes: ForkServerContext, tmp_path: Path
) -> None:
    database, first_host, second_host = (hosts.add(name) for name in ("db", "one", "two"))
    with database_server(database) as server:
        first = driver(processes, first_host, server, tmp_path)
        wait_for_trials(server, 3, first)
        watch_writes(server)
        standby = driver(processes, second_host, server, tmp_path, wait=PATIENCE)
        wait_for_trials(server, finished(server) + 1, first)
        hosts.cut(first_host)
        standby.join(timeout=PATIENCE)
        assert standby.exitcode == 0
        check_exact(server, TRIALS)
        check_one_holder(server, ["one", "two"])
        assert writes_of(server, first_host) > 0 and writes_of(server, second_host) > 0
        assert first.is_alive(), "the driver that is cut off waits"
        hosts.reconnect(first_host)
        first.join(timeout=PATIENCE)
        assert first.exitcode == LOST
        assert writes_after(server, first_host, epoch=2) == []
        check_exact(server, TRIALS)
        assert silence_before(server, first_host, epoch=2) >= TIME_TO_LIVE - 1
