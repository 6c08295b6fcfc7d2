"""The draws of a hundred runs: always the same, with every fault often enough."""

from collections import Counter

from tests.chaos.faults import FAULTS
from tests.chaos.schedule import LONG_OUTAGE, TRIALS, draw_schedule

HUNDRED = [draw_schedule(seed) for seed in range(100)]


def test_a_seed_draws_the_same_again() -> None:
    assert [draw_schedule(seed) for seed in range(100)] == HUNDRED
    assert len({schedule.faults for schedule in HUNDRED}) == 100


def test_every_fault_strikes_often() -> None:
    counts = Counter(fault.kind for schedule in HUNDRED for fault in schedule.faults)
    assert counts.keys() == FAULTS.keys()
    assert min(counts.values()) >= 5, counts


def test_the_long_outage_is_in_ten_runs_and_short_ones_elsewhere() -> None:
    outages = [
        {fault.seconds for fault in schedule.faults if fault.kind == "outage"}
        for schedule in HUNDRED
    ]
    assert sum(LONG_OUTAGE in seconds for seconds in outages) == 10
    assert sum(0.5 in seconds for seconds in outages) >= 10
    assert sum(5.0 in seconds for seconds in outages) >= 10


def test_ten_runs_are_of_the_real_command_and_half_of_the_others_are_comparable() -> None:
    assert sum(schedule.engine == "ray" for schedule in HUNDRED) == 10
    assert sum(schedule.comparable for schedule in HUNDRED) >= 40


def test_faults_strike_while_there_is_something_to_strike() -> None:
    for schedule in HUNDRED:
        assert all(1 <= fault.at < TRIALS - 4 for fault in schedule.faults)
        assert list(schedule.faults) == sorted(
            schedule.faults, key=lambda fault: (fault.at, fault.delay)
        )
        assert set(schedule.broken) | set(schedule.stumbling) <= set(range(TRIALS))


def test_workers_have_several_slots_in_some_runs() -> None:
    slotted = [schedule for schedule in HUNDRED if schedule.slots > 1]
    assert len(slotted) >= 15 and not any(schedule.comparable for schedule in slotted)
