"""Stand-in workers answer each order as a worker does."""

from benchmarks.stand_ins import StandInPool
from search.records.jobs import Job
from search.records.messages import (
    Begin,
    Continue,
    DrawPictures,
    Order,
    PicturesDrawn,
    Reported,
    Task,
)
from search.workers.pool import Answer


def answer(pool: StandInPool) -> Answer:
    """The next answer; the seats answer within microseconds."""
    answers = pool.wait(60.0)
    assert len(answers) == 1
    return answers[0]


def test_a_seat_reports_each_evaluation_and_then_draws() -> None:
    pool = StandInPool(1, rate=1e9)
    (seat,) = pool.ready()
    job = Job("trial", 3)
    task = Task(job=job, attempt=2, params={}, seed=1, folder="attempt-2")

    orders: tuple[Order, ...] = (Begin(task=task), Continue(), Continue())
    for evaluation, order in enumerate(orders, start=1):
        pool.submit(seat, order)
        event = answer(pool).event
        assert isinstance(event, Reported)
        assert (event.job, event.attempt) == (job, 2)
        assert [report.evaluation for report in event.reports] == [evaluation]
    pool.submit(seat, DrawPictures())
    assert answer(pool) == Answer(worker=seat, event=PicturesDrawn(pictures=()))
    assert len(pool.take_notes()[0]) == 3  # the pictures are no report

    pool.submit(seat, Begin(task=task))
    event = answer(pool).event
    assert isinstance(event, Reported) and event.reports[0].evaluation == 1
