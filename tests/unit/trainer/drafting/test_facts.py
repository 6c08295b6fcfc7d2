"""Which files of a group are read."""

import pytest

from trainer.drafting.facts import spread


@pytest.mark.parametrize("period", [2, 3, 4])
@pytest.mark.parametrize("count", [48, 60, 100, 241])
def test_a_sample_meets_every_kind_of_file_that_takes_turns(count: int, period: int) -> None:
    found = spread(range(count), 24)
    assert len(set(found)) == 24 and list(found) == sorted(found)
    assert {each % period for each in found} == set(range(period))


def test_a_small_group_is_read_whole() -> None:
    assert list(spread(range(24), 24)) == list(range(24))
