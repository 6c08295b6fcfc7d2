"""Signals: the first Ctrl-C, SIGTERM or SIGHUP stops a search in order, a second one at once."""

import signal
from contextlib import AbstractContextManager
from types import FrameType

from search.driver.session import Session
from search.machine.signals import handled_signals

__all__ = ["AGAIN", "stop_on_signals"]

#: Ends the reason of a stop while evaluations are still in progress.
AGAIN = "; send it again to stop at once"


def stop_on_signals(session: Session) -> AbstractContextManager[None]:
    """Handle SIGINT, SIGTERM and SIGHUP inside the block.

    The first signal lets the evaluations in progress finish. The second one abandons them and
    stores what was reported; before there is a driver, it raises KeyboardInterrupt instead, and
    the third one always does. SIGHUP comes when the terminal closes, often twice, and therefore
    counts only once. If it was ignored before (``nohup``), it stays ignored.
    """
    received = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal received
        if received and number == signal.SIGHUP:
            return
        received += 1
        name = signal.Signals(number).name
        if received == 1:
            session.stop(f"{name} received{AGAIN}")
        elif received > 2 or not session.stop_at_once(f"{name} received twice"):
            raise KeyboardInterrupt

    return handled_signals(handle, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
