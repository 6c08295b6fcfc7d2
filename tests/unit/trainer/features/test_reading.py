"""Reading ahead keeps the order, and raises an error where it belongs."""

import threading

import pytest

from trainer.features.reading import read_ahead


def test_results_come_in_order() -> None:
    assert list(read_ahead(lambda item: item * 2, range(5))) == [0, 2, 4, 6, 8]
    assert list(read_ahead(lambda item: item, ())) == []


def test_the_next_item_is_read_before_it_is_asked_for() -> None:
    read = threading.Event()

    def note(item: int) -> int:
        if item == 1:
            read.set()
        return item

    results = read_ahead(note, range(4))
    next(results)

    assert read.wait(timeout=30)
    assert list(results) == [1, 2, 3]


def test_an_error_comes_after_the_results_before_it() -> None:
    results = read_ahead(lambda item: 6 // item, [3, 0, 2])

    assert next(results) == 2
    with pytest.raises(ZeroDivisionError):
        next(results)
