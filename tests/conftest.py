"""Settings of every test."""

import os

from tests.fakes.scratch import scratch_root


def pytest_configure() -> None:
    """Have ``tmp_path`` in memory, if there is room; whoever gave a place keeps it."""
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(scratch_root()))
