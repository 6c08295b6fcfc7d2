"""Hosts that a test runs on; where they cannot be made, ``make hosts`` fails, others skip."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.network import HostsRefused, Network, network

REQUIRED = "UMSS_HOSTS_REQUIRED"  # set by ``make hosts``


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder on the disk, since each host has a memory of its own."""
    with tempfile.TemporaryDirectory(prefix="umss-hosts-", dir="/tmp") as made:
        yield Path(made)


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Network]:
    """A network with no hosts yet."""
    try:
        made = network(tmp_path)
        with made as found:
            yield found
    except (HostsRefused, FileNotFoundError) as error:
        if os.environ.get(REQUIRED):
            raise
        pytest.skip(f"no network namespaces here: {error}")
