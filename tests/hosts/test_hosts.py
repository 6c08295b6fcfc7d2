"""A real search over several hosts, one of which is cut off: ``make hosts``.

PostgreSQL, a Ray node per host, two drivers, real training; each host has its own feature cache
and checkpoints, and only the artifacts are seen by all. What is asserted is read from PostgreSQL
alone. Each run appends a line to ``benchmarks/results/hosts.jsonl``.
"""

import datetime
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search.machine.versions import code_revision
from tests.hosts.checker import (
    check_exact,
    check_one_holder,
    finished,
    silence_before,
    watch_writes,
    writes_after,
    writes_of,
)
from tests.hosts.machines import PATIENCE, REPOSITORY, Machines, actors_on, machines
from tests.hosts.network import Host, Network, wait_until
from tests.hosts.server import database_server

RESULTS = REPOSITORY / "benchmarks" / "results" / "hosts.jsonl"
TRIALS = 20  # some are left when all hosts have come up and one is cut off

pytestmark = [pytest.mark.long, pytest.mark.timeout(4 * PATIENCE)]


@pytest.fixture
def site(hosts: Network, tmp_path: Path) -> Iterator[Machines]:
    """A database on its host, and folders for the rest."""
    shared, local = tmp_path / "shared", tmp_path / "local"
    shared.mkdir()
    local.mkdir()
    with (
        database_server(hosts.add("database")) as server,
        machines(hosts, server, shared, local) as found,
    ):
        yield found


def record(case: str, **measured: Any) -> None:
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    line = {
        "case": case,
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "revision": code_revision(),
        "trials": TRIALS,
        **measured,
    }
    with RESULTS.open("a") as file:
        file.write(json.dumps(line) + "\n")


def ended(process: "subprocess.Popen[str]", what: str, log: Any) -> int:
    try:
        return process.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{what} does not end: {log()}") from None


def wait_for_trials(
    site: Machines, least: int, driver: "subprocess.Popen[str]", host: Host
) -> float:
    def there() -> bool:
        assert driver.poll() is None, f"the driver ended: {site.log(host)}"
        return finished(site.server) >= least

    return wait_until(f"{least} trials are finished", there, seconds=PATIENCE)


def attempts(site: Machines, why: str) -> int:
    """Attempts at trials that began for that reason."""
    rows = site.server.query(
        "SELECT value_json FROM trial_system_attributes WHERE key = 'unim2:attempts'"
    )
    return sum(attempt[2] == why for (text,) in rows for attempt in json.loads(text))


def test_the_drivers_host_is_cut_off_and_the_standby_finishes(
    hosts: Network, site: Machines
) -> None:
    work, one, two = (
        hosts.add(name, own_folders=[site.local]) for name in ("work", "driver-1", "driver-2")
    )
    site.head(work, cores=2)
    first = site.search(one, work, trials=TRIALS)
    wait_for_trials(site, 2, first, one)
    watch_writes(site.server)
    standby = site.search(two, work, "--standby", trials=TRIALS)
    wait_until("the standby waits", lambda: "driver-1" in site.log(two), seconds=PATIENCE)
    wait_for_trials(site, finished(site.server) + 1, first, one)

    hosts.cut(one)
    cut, at_cut = time.monotonic(), finished(site.server)
    assert at_cut + 2 < TRIALS, "the first driver was too quick: nothing is left for the standby"
    after = wait_until(
        "a trial finishes under the standby",
        lambda: finished(site.server) > at_cut + 2,  # two may have been under way to be stored
        seconds=PATIENCE,
    )
    assert ended(standby, "the standby", lambda: site.log(two)) == 0, site.log(two)
    whole = time.monotonic() - cut
    check_exact(site.server, TRIALS)
    check_one_holder(site.server, ["driver-1", "driver-2"])
    assert writes_of(site.server, one) > 0 and writes_of(site.server, two) > 0

    hosts.reconnect(one)
    code = ended(first, "the driver that was cut off", lambda: site.log(one))
    assert code != 0, site.log(one)
    assert writes_after(site.server, one, epoch=2) == []
    check_exact(site.server, TRIALS)
    record(
        "driver's host cut off",
        finished_at_cut=at_cut,
        silent_before_takeover_s=round(silence_before(site.server, one, epoch=2), 1),
        cut_to_next_trials_s=round(after, 1),
        cut_to_end_s=round(whole, 1),
        adopted=attempts(site, "adopted"),
        exit_of_the_driver_cut_off=code,
        writes_of_the_driver_cut_off_after_takeover=0,
    )


@pytest.mark.parametrize("cores", [2, 1], ids=["room elsewhere", "no room elsewhere"])
def test_trials_of_a_workers_host_that_is_cut_off_continue_elsewhere(
    hosts: Network, site: Machines, cores: int
) -> None:
    driver, one, two = (
        hosts.add(name, own_folders=[site.local]) for name in ("driver", "work-1", "work-2")
    )
    site.head(driver, cores=0)
    for host in (one, two):
        site.worker(host, driver, cores=cores)
    search = site.search(driver, driver, trials=TRIALS, joined=True)
    wait_for_trials(site, 2, search, driver)
    there = {host.name: actors_on(host) for host in (one, two)}
    assert sum(there.values()) == 2, there
    lost, left = (one, two) if there["work-1"] else (two, one)
    held = actors_on(lost)
    assert site.entries_on(lost) == 1, "its workers fetch the driver's features once"

    hosts.cut(lost)
    cut, at_cut = time.monotonic(), finished(site.server)
    assert at_cut < TRIALS - 2, "the search was too quick: no trial is left to continue elsewhere"
    assert ended(search, "the search", lambda: site.log(driver)) == 0, site.log(driver)
    check_exact(site.server, TRIALS)
    check_one_holder(site.server, ["driver"])
    again = attempts(site, "lost") + attempts(site, "stalled")
    assert again >= 1, "no trial continued elsewhere"
    assert site.entries_on(left) == 1
    record(
        f"a worker's host cut off, {'room' if cores == 2 else 'no room'} elsewhere",
        finished_at_cut=at_cut,
        workers_on_it=held,
        cut_to_end_s=round(time.monotonic() - cut, 1),
        went_on_elsewhere=again,
        on=left.name,
    )
