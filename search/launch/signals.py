"""Ctrl-C, SIGTERM, a closed terminal: the first asks a search to stop, a second stops it now."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from search.driver.session import Session

__all__ = ["stop_on_signals"]


@contextlib.contextmanager
def stop_on_signals(session: Session) -> Iterator[None]:
    """Handle SIGINT, SIGTERM and SIGHUP for the length of the block.

    The first finishes the evaluations in hand. The second leaves them and stores what was told;
    where there is no driver yet to do so, it interrupts, as the third does anywhere. SIGHUP comes
    when the terminal closes, often twice, and asks to stop once; one that is ignored (``nohup``)
    stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal received
        if received and number == signal.SIGHUP:
            return
        received += 1
        name = signal.Signals(number).name
        if received == 1:
            session.stop(f"{name} received; once more stops at once")
        elif received > 2 or not session.stop_at_once(f"{name} received twice"):
            raise KeyboardInterrupt

    wanted = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        wanted.append(signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
