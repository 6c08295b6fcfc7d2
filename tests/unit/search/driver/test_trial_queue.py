"""Which job is next."""

from search.driver.running_job import RunningJob
from search.driver.trial_queue import TrialQueue
from search.records.jobs import Job


def job(number: int, seed: int | None = None) -> RunningJob:
    key = Job("trial", number) if seed is None else Job("confirm", number, seed)
    return RunningJob(job=key, params={}, history=[(1, 1, "new")])


def queue_of(*jobs: RunningJob, ready: tuple[RunningJob, ...]) -> TrialQueue:
    queue = TrialQueue()
    for each in jobs:
        queue.add(each)
    for each in ready:
        queue.mark_ready(each.job)
    return queue


def test_the_lowest_trial_is_next_whenever_it_was_added() -> None:
    jobs = [job(3), job(1), job(2)]
    queue = queue_of(*jobs, ready=tuple(jobs))
    for number, worker in ((1, "a"), (2, "b"), (3, "c")):
        found = queue.next(jump=False)
        assert found is not None and found.number == number
        queue.give(worker, found)
    assert queue.next(jump=False) is None and queue.next(jump=True) is None


def test_a_job_that_is_not_ready_holds_later_ones_back_unless_one_jumps() -> None:
    first, second = job(1), job(2)
    queue = queue_of(first, second, ready=(second,))
    assert queue.next(jump=False) is None
    assert queue.next(jump=True) is second


def test_a_job_that_lost_its_worker_precedes_later_ones() -> None:
    first, second = job(1), job(2)
    queue = queue_of(first, second, ready=(first, second))
    queue.give("a", first)
    assert queue.on("a") is first and queue.free("a") is first
    assert queue.next(jump=False) is None  # its new attempt is being stored
    queue.mark_ready(first.job)
    assert queue.next(jump=False) is first


def test_a_job_that_is_over_is_not_given_out() -> None:
    first, second = job(1), job(2)
    queue = queue_of(first, second, ready=(first, second))
    queue.end(first.job)
    assert queue.next(jump=False) is second and list(queue.running) == [second.job]


def test_confirmations_of_a_trial_are_ordered_by_seed() -> None:
    jobs = [job(1, seed=2), job(1, seed=1), job(0, seed=3)]
    queue = queue_of(*jobs, ready=tuple(jobs))
    order = []
    for worker in "abc":
        found = queue.next(jump=False)
        assert found is not None
        order.append(str(found.job))
        queue.give(worker, found)
    assert order == ["confirm/0/seed-3", "confirm/1/seed-1", "confirm/1/seed-2"]
