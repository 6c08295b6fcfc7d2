"""Signals: the first stops in order, the second at once, the third anywhere."""

import os
import signal
from collections.abc import Iterator
from typing import cast

import pytest

from search.driver.session import Session
from search.launch.signals import stop_on_signals
from search.workers.connection import _own_sigterm


class Recorded:
    """A session that records requests to stop."""

    def __init__(self, *, driving: bool) -> None:
        self.requests: list[str] = []
        self._driving = driving

    def stop(self, reason: str) -> None:
        self.requests.append(f"stop: {reason}")

    def stop_at_once(self, reason: str) -> bool:
        self.requests.append(f"at once: {reason}")
        return self._driving


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    ignored = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as it is below nohup
    kept = {number: signal.getsignal(number) for number in handled}
    yield
    for number, handler in kept.items():
        assert signal.getsignal(number) is handler
    signal.signal(signal.SIGHUP, ignored)


def receive(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_stops_at_once_and_the_third_interrupts(second: int) -> None:
    session = Recorded(driving=True)
    with stop_on_signals(cast(Session, session)):
        receive(signal.SIGINT)
        assert session.requests == ["stop: SIGINT received; send it again to stop at once"]
        receive(second)
        name = signal.Signals(second).name
        assert session.requests[1:] == [f"at once: {name} received twice"]
        with pytest.raises(KeyboardInterrupt):
            receive(signal.SIGINT)


def test_the_second_signal_interrupts_where_there_is_no_driver_to_stop() -> None:
    session = Recorded(driving=False)
    with stop_on_signals(cast(Session, session)):
        receive(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            receive(signal.SIGTERM)


def test_the_sigterm_handler_of_ray_is_replaced() -> None:
    session = Recorded(driving=True)
    with stop_on_signals(cast(Session, session)):
        with _own_sigterm():
            signal.signal(signal.SIGTERM, lambda number, frame: pytest.fail("Ray's own"))
        receive(signal.SIGTERM)
    assert session.requests == ["stop: SIGTERM received; send it again to stop at once"]


def test_a_closed_terminal_asks_to_stop_only_once() -> None:
    session = Recorded(driving=True)
    with stop_on_signals(cast(Session, session)):
        receive(signal.SIGHUP)
        receive(signal.SIGHUP)
        assert session.requests == ["stop: SIGHUP received; send it again to stop at once"]
        receive(signal.SIGTERM)
        assert session.requests[1:] == ["at once: SIGTERM received twice"]


def test_a_closed_terminal_stays_ignored() -> None:
    """As under nohup."""
    session = Recorded(driving=True)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals(cast(Session, session)):
            receive(signal.SIGHUP)
        assert session.requests == []
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
