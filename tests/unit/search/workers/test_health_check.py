"""The health check of Ray's head: ports that answer, refuse, or stay silent."""

import socket
import time
from collections.abc import Iterator

import pytest

from search.workers import health_check
from search.workers.health_check import HealthCheck


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


def wait_until_gone(found: HealthCheck) -> str:
    deadline = time.monotonic() + 20
    while found.gone is None and time.monotonic() < deadline:
        time.sleep(0.002)
    assert found.gone is not None
    return found.gone


def test_a_closed_port_is_found_without_a_request(listening: socket.socket) -> None:
    host, port = listening.getsockname()
    found = HealthCheck({"Ray's head": (host, port)}, seconds=0.002)
    try:
        assert found.check() is None and found.gone is None
        listening.close()
        assert wait_until_gone(found) == f"Ray's head at {host}:{port} does not answer"
    finally:
        found.close()


def test_a_closed_port_is_reported_at_once(listening: socket.socket) -> None:
    endpoint = listening.getsockname()
    found = HealthCheck({"Ray's head": endpoint}, seconds=1000.0)
    listening.close()
    assert found.gone is None
    assert found.check() == found.gone and "Ray's head" in str(found.gone)
    found.close()


def test_silence_is_believed_later_than_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    pings: list[int] = []

    def silent(endpoint: health_check.Endpoint) -> int:
        pings.append(health_check.SILENT)
        return health_check.SILENT if len(pings) != 3 else 0  # it answers once, and is believed

    monkeypatch.setattr(health_check, "_ping", silent)
    found = HealthCheck({"Ray's head": ("127.0.0.1", 1)}, seconds=0.002)
    assert found.check() is None
    wait_until_gone(found)
    found.close()
    assert len(pings) >= 3 + health_check.ENOUGH
