"""Where the threads of this process spend their time: stacks looked at many times a second."""

import sys
import threading
import time
from collections import Counter
from types import FrameType, TracebackType
from typing import Self

__all__ = ["ThreadProfile"]

SECONDS = 0.005  # between two looks
#: Innermost functions in which a thread only waits.
WAITING = {("threading.py", "wait"), ("stand_ins.py", "wait"), ("driver.py", "_step")}
#: Innermost functions in which a thread waits for PostgreSQL.
DATABASE = {"do_execute", "do_commit", "do_rollback", "do_executemany", "do_ping"}
PACKAGES = ("search", "storage", "optuna", "sqlalchemy", "benchmarks")


class ThreadProfile:
    """Looks at the stacks of some threads, as long as its block runs."""

    def __init__(self, threads: dict[str, int]) -> None:
        """Look at nothing yet.

        Args:
            threads: Identifiers of threads, by the name to show.
        """
        self._threads = threads
        self._looks: dict[str, Counter[str]] = {name: Counter() for name in threads}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def shares(self, most: int = 6) -> dict[str, dict[str, float]]:
        """Percent of each thread's time by what it did, the largest first."""
        return {
            name: {
                what: round(100 * count / max(1, looks.total()), 1)
                for what, count in looks.most_common(most)
            }
            for name, looks in self._looks.items()
        }

    def busy(self, thread: str) -> float:
        """Percent of its time in which a thread did not wait for work."""
        looks = self._looks[thread]
        return round(100 * (1 - looks["waits"] / max(1, looks.total())), 1)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            frames = sys._current_frames()
            for name, identifier in self._threads.items():
                if identifier in frames:
                    self._looks[name][_what(frames[identifier])] += 1
            del frames
            time.sleep(SECONDS)


def _what(frame: FrameType) -> str:
    """What a thread does: waits, waits for PostgreSQL, or the innermost function of ours."""
    inner = frame.f_code
    if (inner.co_filename.rpartition("/")[2], inner.co_name) in WAITING:
        return "waits"
    if inner.co_name in DATABASE:
        return "PostgreSQL"
    found: FrameType | None = frame
    while found is not None:
        package, _, name = found.f_globals.get("__name__", "").partition(".")
        if package in ("search", "storage"):
            return f"{name}.{found.f_code.co_qualname}"
        found = found.f_back
    return "else"
