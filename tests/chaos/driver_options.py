"""Options of a driver of the suite; read by processes that never train."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "BAD_INPUT",
    "DRIVEN_ELSEWHERE",
    "LOG_FILE",
    "REFUSED",
    "STOPPED",
    "DriverOptions",
]

#: In the folder of the run: the output of the drivers.
LOG_FILE = "driver.log"
#: Exit codes as the README has them, and one more: the search was not begun.
BAD_INPUT, DRIVEN_ELSEWHERE, STOPPED, REFUSED = 2, 3, 4, 5

#: Override the preset ``rooms``: a trial takes a fraction of a second of a core.


@dataclass(frozen=True, kw_only=True)
class DriverOptions:
    """How to drive."""

    study: str
    address: str
    #: Where it and its workers note their work.
    folder: Path
    cache: Path
    checkpoints: Path
    #: Artifact store for checkpoints, which other nodes can read; None for none.
    artifacts: str | None = None
    trials: int
    workers: int
    #: Trials that each worker trains at the same time.
    slots: int = 1
    study_seed: int
    #: Seconds to wait for the lease.
    wait: float = 0.0
    #: Statements per failure, and the number that count as done; None if none fails.
    failing_every: int | None = None
    statements_done: int = 0
    broken: tuple[int, ...] = ()
    stumbling: tuple[int, ...] = ()
    #: Trials from this number on begin once all faults have struck; None delays no trial.
    held_from: int | None = None
    #: Settings that override the preset ``rooms``.
    settings: dict[str, Any]
    #: Whether the workers' trainer is one that costs nothing.
    trivial: bool = False

    def tables(self) -> dict[str, Any]:
        """The settings that override the preset ``rooms``."""
        search = {"trials": self.trials, "seed": self.study_seed}
        return {**self.settings, "search": {**self.settings.get("search", {}), **search}}
