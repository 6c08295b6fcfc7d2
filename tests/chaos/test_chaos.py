"""The short form of ``make chaos``: four runs with every fault except those of Ray."""

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.block import Block
from tests.chaos.faults import FAULTS
from tests.chaos.processes import Launcher, LightLauncher, RayLauncher
from tests.chaos.results import read_records
from tests.chaos.runner import Runner
from tests.chaos.schedule import Fault, Schedule, draw_schedule
from tests.chaos.server import ChaosServer
from tests.fakes.fork_server import fork_server
from tests.fakes.scratch import scratch_root

pytestmark = pytest.mark.timeout(600)  # on a machine of any speed

TRIALS = 10


def fault(kind: str, at: int, seconds: float = 0.0, delay: float = 0.2) -> Fault:
    return Fault(kind=kind, at=at, delay=delay, seconds=seconds)


def schedule(seed: int, workers: int, *faults: Fault, **more: object) -> Schedule:
    return Schedule(
        seed=seed, engine="light", workers=workers, study_seed=0, faults=faults, trials=TRIALS,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip


SHORT = (
    schedule(
        1, 1, fault("kill_driver", 2), fault("outage", 4, 0.5), fault("driver_clock", 6),
        fault("kill_worker", 7), failing_every=200, stumbling=(5,),
    ),
    schedule(
        2, 2, fault("kill_worker", 1), fault("freeze_driver", 3), fault("full_disk", 6, 1.0),
        fault("kill_driver", 7), broken=(4,), alone=True,
    ),
    schedule(
        3, 2, fault("outage", 2, 2.0), fault("kill_worker", 2, delay=0.8),
        fault("server_clock", 4, 3600.0), fault("others_write", 5), fault("stop_driver", 7),
    ),
    schedule(
        4, 1, fault("kill_worker", 2), fault("kill_driver", 5), fault("kill_worker", 6),
        slots=3, stumbling=(4,),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    launchers: dict[str, Launcher] = {"light": LightLauncher(fork_server()), "ray": RayLauncher()}
    with tempfile.TemporaryDirectory(prefix="umss-chaos-", dir=scratch_root()) as folder:
        work = Path(folder)
        with ChaosServer.open() as server:
            yield Runner(server=server, launchers=launchers, cache=work / "cache", work=work)


def test_the_short_form_has_every_fault_except_those_of_ray() -> None:
    met = {one.kind for run in SHORT for one in run.faults}
    assert FAULTS.keys() - met == {"kill_head"}


@pytest.mark.parametrize("run", SHORT, ids=lambda run: f"seed-{run.seed}")
def test_a_search_under_faults_is_exact(run: Schedule, runner: Runner, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    clean = Block(runner, results).run(run)
    record = read_records(results)[run.seed]
    assert clean, record.violations
    assert len(record.faults) == len(run.faults), "a fault did not strike"
    assert record.compared == run.comparable


def test_a_fault_strikes_also_where_the_search_is_faster(runner: Runner, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    late = schedule(5, 2, fault("kill_worker", 7, delay=2.0), slots=3)
    assert Block(dataclasses.replace(runner, trivial=True), results).run(late)
    assert len(read_records(results)[5].faults) == 1


@pytest.mark.long
def test_a_search_on_ray_under_faults_is_exact(runner: Runner, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    faults = (fault("kill_worker", 2), fault("kill_head", 4), fault("kill_driver", 6))
    drawn = draw_schedule(9, trials=TRIALS)
    run = Schedule(
        seed=9, engine="ray", workers=drawn.workers, study_seed=0, faults=faults, trials=TRIALS
    )
    assert Block(runner, results).run(run), read_records(results)[9].violations
