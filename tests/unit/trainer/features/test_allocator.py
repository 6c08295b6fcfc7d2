"""Freed memory stays with the process for a while, and nothing else changes."""

import ctypes
import resource

import numpy as np
import pytest

from trainer.features.allocator import freed_memory_kept

GLIBC = hasattr(ctypes.CDLL(None), "gnu_get_libc_version")
PAGES = 48 * 2**20 // resource.getpagesize()


def faults_of_a_large_block() -> int:
    """Pages that the kernel gives for 48 MiB, which are freed again."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(48 * 2**20, dtype=np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not GLIBC, reason="the allocator of this system is left alone")
def test_a_large_block_is_taken_from_the_kernel_once() -> None:
    with freed_memory_kept():
        faults_of_a_large_block()
        again = faults_of_a_large_block()

    assert again < PAGES / 10


@pytest.mark.skipif(not GLIBC, reason="the allocator of this system is left alone")
def test_blocks_of_a_batch_stay_in_the_process_afterwards() -> None:
    """Training in the same process is not slower than without."""
    with freed_memory_kept():
        pass
    size = 8 * 2**20
    for _ in range(3):
        np.ones(size, dtype=np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(size, dtype=np.uint8)

    taken = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert taken < size // resource.getpagesize() / 10


def test_another_allocator_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())

    with freed_memory_kept():
        pass
