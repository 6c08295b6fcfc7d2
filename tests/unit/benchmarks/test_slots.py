"""The replay from which trials per hour and idle slots are computed."""

import pytest

from benchmarks.slots import Replay, Times


def replayed(lengths: list[int], slots: int, **times: float) -> Replay:
    taken = {"step": 1.0, "evaluation": 0.0, "start": 0.0, "answer": 0.0, **times}
    replay = Replay(lengths, slots, interval=10, times=Times(**taken))
    replay.run()
    return replay


def test_one_slot_trains_one_trial_after_the_other() -> None:
    replay = replayed([2, 1, 3], 1, evaluation=5.0, start=7.0)
    assert replay.now == 6 * 10 + 6 * 5 + 3 * 7 and replay.idle_share == 0


def test_slots_share_a_step_and_wait_for_evaluations() -> None:
    replay = replayed([2, 2], 2, evaluation=5.0)
    assert replay.now == 2 * 10 + 4 * 5 and replay.idle_share == 0


def test_a_slot_without_a_trial_is_idle() -> None:
    replay = replayed([3, 1], 2)
    assert replay.now == 30 and replay.idle_share == 20 / (2 * 30)


def test_a_free_slot_gets_the_next_trial_at_once() -> None:
    assert replayed([3, 1, 2], 2).idle_share == 0


def test_a_slot_alone_waits_for_the_answer_and_one_of_two_trains_on() -> None:
    alone = replayed([2], 1, answer=4.0)
    assert alone.now == 24 and alone.idle_share == pytest.approx(4 / 24)
    both = replayed([1, 3], 2, answer=4.0)
    assert both.now == 38
