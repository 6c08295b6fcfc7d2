"""Records of runs: one JSON line per run, appended; the last line of a seed counts."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["RESULTS", "FaultRecord", "RunRecord", "append_record", "read_records"]

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "chaos.jsonl"


@dataclass(frozen=True, kw_only=True)
class FaultRecord:
    """A fault as it struck."""

    kind: str
    #: Seconds from the start of the run.
    after: float
    #: How long it lasted, where it does.
    seconds: float
    #: Seconds until PostgreSQL was written to again: from the fault, or from the server's return.
    recovery: float | None


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run."""

    seed: int
    engine: str
    workers: int
    study_seed: int
    #: Day and time, UTC.
    at: str
    #: Revision of the code.
    revision: str | None
    seconds: float
    faults: tuple[FaultRecord, ...]
    #: Statements per failure; None if none failed.
    failing_every: int | None
    #: Trials broken on order.
    broken: tuple[int, ...]
    stumbling: tuple[int, ...]
    #: Whether drivers saw each other's checkpoints in an artifact store alone.
    alone: bool = False
    #: Trials that each worker trained at the same time.
    slots: int = 1
    #: How the drivers ended, in the order of their starts.
    exits: tuple[int, ...]
    #: Trials in the database, by state.
    states: dict[str, int] = field(default_factory=dict)
    #: Attempts by why they began.
    attempts: dict[str, int] = field(default_factory=dict)
    #: Evaluation intervals stored, trained a second time, and cut off; None where not noted.
    intervals: int | None = None
    repeated: int | None = None
    cut_off: int | None = None
    #: Whether the run was compared with the undisturbed one.
    compared: bool
    #: Everything that is wrong; nothing for a clean run.
    violations: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.violations

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, table: dict[str, Any]) -> "RunRecord":
        """The inverse of :meth:`to_json`."""
        faults = tuple(FaultRecord(**fault) for fault in table["faults"])
        lists = {key: tuple(item) for key, item in table.items() if isinstance(item, list)}
        return cls(**{**table, **lists, "faults": faults})


def append_record(record: RunRecord, path: Path) -> None:
    """Keep a record after all others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record.to_json()) + "\n")


def read_records(path: Path) -> dict[int, RunRecord]:
    """The last record of each seed, by seed."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    records = [RunRecord.from_json(json.loads(line)) for line in lines]
    return {record.seed: record for record in sorted(records, key=lambda one: one.seed)}
