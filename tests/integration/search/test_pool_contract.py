"""The contract of every pool with the driver: in its own process, forked, and on Ray."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search.records.jobs import Job
from search.records.messages import Begin, Continue, Crashed, Event, Lost, Reported, Task
from search.workers.pool import Pool
from tests.fakes.waiting import wait_until
from tests.integration.search.pools import OPENERS, WORKERS, OpenPool
from tests.tiny import TINY

#: For the start of a process that imports torch, on a busy machine.
WAIT_SECONDS = 120.0
#: Long enough for an answer that should not come.
SILENCE_SECONDS = 0.3


@pytest.fixture(scope="module")
def ray_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenPool]:
    """One for all tests, since its workers take seconds to start: each test leaves them free."""
    with OPENERS["ray"](tmp_path_factory.mktemp("ray")) as opened:
        yield opened


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.cluster if name == "ray" else ()) for name in OPENERS
    ]
)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenPool]:
    if request.param == "ray":
        yield request.getfixturevalue("ray_pool")
        return
    with OPENERS[request.param](tmp_path) as pool:
        yield pool


@pytest.fixture
def pool(opened: OpenPool) -> Pool:
    """A pool all of whose workers are ready."""
    wait_until(lambda: len(opened.pool.ready()) == WORKERS)
    return opened.pool


Begins = Callable[..., Begin]


@pytest.fixture
def begin(tmp_path: Path) -> Begins:
    """Makes orders to begin a trial, each attempt with a folder of its own."""

    def make(trial: int, *, attempt: int = 1) -> Begin:
        folders = [str(tmp_path / f"{trial}" / f"{number}") for number in range(1, attempt + 1)]
        return Begin(
            task=Task(
                job=Job("trial", trial),
                attempt=attempt,
                params={},
                seed=trial,
                folder=folders[-1],
                earlier=tuple(folders[:-1]),
            )
        )

    return make


def answers(pool: Pool, count: int) -> dict[str, Event]:
    """The next answers by worker; no more than so many may come."""
    found: dict[str, Event] = {}
    deadline = time.monotonic() + WAIT_SECONDS
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {found} were answered in time"
        for answer in pool.wait(1.0):
            assert answer.worker not in found, "an order was answered twice"
            found[answer.worker] = answer.event
    assert pool.wait(SILENCE_SECONDS) == [], "more was answered than was ordered"
    return found


def answer(pool: Pool, worker: str) -> Event:
    """The answer to the only order that is being carried out."""
    found = answers(pool, 1)
    assert list(found) == [worker]
    return found[worker]


def evaluations(event: Event) -> list[int]:
    assert isinstance(event, Reported), event
    return [report.evaluation for report in event.reports]


def test_workers_have_names_that_differ(pool: Pool) -> None:
    assert len(set(pool.names)) == len(pool.names) == WORKERS
    assert set(pool.ready()) == set(pool.names)
    assert pool.outage is None


def test_without_an_order_there_is_no_answer(pool: Pool) -> None:
    assert pool.wait(SILENCE_SECONDS) == []


def test_each_order_is_answered_once_with_the_next_evaluation(pool: Pool, begin: Begins) -> None:
    worker = pool.names[0]
    pool.submit(worker, begin(3))
    first = answer(pool, worker)
    assert isinstance(first, Reported)
    assert (first.job, first.attempt) == (Job("trial", 3), 1)
    pool.submit(worker, Continue())
    assert [evaluations(first), evaluations(answer(pool, worker))] == [[1], [2]]


def test_each_worker_answers_for_its_own_job(pool: Pool, begin: Begins) -> None:
    trials = {worker: 10 + index for index, worker in enumerate(pool.names)}
    for worker, trial in trials.items():
        pool.submit(worker, begin(trial))
    found = answers(pool, WORKERS)
    jobs = {worker: event.job for worker, event in found.items() if isinstance(event, Reported)}
    assert jobs == {worker: Job("trial", trial) for worker, trial in trials.items()}


def test_iterations_are_those_of_every_worker(pool: Pool, begin: Begins) -> None:
    pool.submit(pool.names[0], begin(3))
    answer(pool, pool.names[0])
    heard = pool.iterations()
    assert heard.keys() == set(pool.names)
    assert min(heard.values()) >= 0


def test_an_attempt_resumes_from_the_checkpoint_of_the_one_before(
    pool: Pool, begin: Begins
) -> None:
    first, second = pool.names
    pool.submit(first, begin(3))
    answer(pool, first)
    pool.submit(first, Continue())
    answer(pool, first)
    pool.submit(second, begin(3, attempt=2))
    resumed = answer(pool, second)
    assert isinstance(resumed, Reported)
    assert (resumed.attempt, evaluations(resumed)) == (2, [1, 2])
    pool.submit(second, Continue())
    assert evaluations(answer(pool, second)) == [3]


def test_the_best_trial_is_scored_on_test(pool: Pool, begin: Begins) -> None:
    worker = pool.names[0]
    trained = begin(3)
    pool.submit(worker, trained)
    while evaluations(answer(pool, worker)) != [TINY["evaluation"]["evaluations"]]:
        pool.submit(worker, Continue())
    task = Task(
        job=Job("test", 3), attempt=1, params={}, seed=3, folder="", earlier=(trained.task.folder,)
    )
    pool.submit(worker, Begin(task=task))
    scored = answer(pool, worker)
    assert isinstance(scored, Reported)
    assert scored.job == Job("test", 3)
    assert scored.on_test is not None and scored.reports == ()


def test_an_error_of_the_trainer_leaves_the_worker_free(pool: Pool, begin: Begins) -> None:
    worker = pool.names[0]
    without_checkpoint = Task(job=Job("test", 3), attempt=1, params={}, seed=3, folder="")
    pool.submit(worker, Begin(task=without_checkpoint))
    crashed = answer(pool, worker)
    assert isinstance(crashed, Crashed), crashed
    assert crashed.reason == "CheckpointError: its checkpoint is missing"
    assert crashed.traceback
    pool.submit(worker, begin(4))
    assert evaluations(answer(pool, worker)) == [1]


def test_a_process_that_ends_loses_its_order_alone(
    opened: OpenPool, pool: Pool, begin: Begins
) -> None:
    killed, other = names = pool.names
    opened.freeze(killed)
    pool.submit(killed, begin(3))
    pool.submit(other, begin(4))
    opened.kill(killed)
    found = answers(pool, WORKERS)
    lost = found[killed]
    assert isinstance(lost, Lost) and lost.reason and not lost.with_cluster
    assert evaluations(found[other]) == [1]

    wait_until(lambda: killed in pool.ready())
    assert pool.names == names and pool.outage is None
    pool.submit(killed, begin(3, attempt=2))
    pool.submit(other, Continue())
    found = answers(pool, WORKERS)
    assert [evaluations(found[worker]) for worker in names] == [[1], [2]]


def test_a_stalled_worker_is_replaced_and_its_order_forgotten(
    opened: OpenPool, pool: Pool, begin: Begins
) -> None:
    still = pool.names[0]
    opened.freeze(still)
    pool.submit(still, begin(3))
    assert pool.wait(SILENCE_SECONDS) == []
    pool.replace(still)
    wait_until(lambda: still in pool.ready())
    pool.submit(still, begin(5))
    found = answer(pool, still)
    assert isinstance(found, Reported)
    assert (found.job, evaluations(found)) == (Job("trial", 5), [1])


def test_a_free_worker_may_be_replaced(pool: Pool, begin: Begins) -> None:
    worker = pool.names[1]
    pool.replace(worker)
    wait_until(lambda: worker in pool.ready())
    pool.submit(worker, begin(3))
    assert evaluations(answer(pool, worker)) == [1]
