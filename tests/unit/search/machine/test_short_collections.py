"""Garbage collections that do not grow with the number of trials."""

import gc
import weakref

import pytest

from search.machine.short_collections import short_collections


class _Node:
    """An object that can be part of a cycle."""

    def __init__(self) -> None:
        self.other: _Node | None = None


def _is_looked_at(node: object) -> bool:
    """Whether the next full collection would look at an object."""
    return any(each is node for each in gc.get_objects())


def test_a_full_collection_skips_what_an_earlier_one_kept() -> None:
    node = _Node()
    with short_collections():
        assert _is_looked_at(node)
        gc.collect()
        assert not _is_looked_at(node)
    assert _is_looked_at(node)


def test_garbage_in_cycles_is_still_collected() -> None:
    with short_collections():
        gc.collect()
        node = _Node()
        node.other = _Node()
        node.other.other = node
        gone = weakref.ref(node)
        del node
        gc.collect()
        assert gone() is None


def test_garbage_that_was_in_use_is_collected_after_the_context() -> None:
    node = _Node()
    node.other = node
    with short_collections():
        gc.collect()
        gone = weakref.ref(node)
        del node
        gc.collect()
        assert gone() is not None
    gc.collect()
    assert gone() is None


def test_young_collections_set_nothing_aside() -> None:
    node = _Node()
    with short_collections():
        gc.collect(1)
        assert _is_looked_at(node)


def test_collections_are_as_before_after_an_error() -> None:
    callbacks, node = list(gc.callbacks), _Node()
    with pytest.raises(KeyError), short_collections():
        gc.collect()
        raise KeyError
    assert gc.callbacks == callbacks
    assert _is_looked_at(node)
