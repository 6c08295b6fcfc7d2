"""The tables of docs/reliability.md, made from the records of runs."""

from collections import Counter
from collections.abc import Iterable, Sequence

from benchmarks.markdown import markdown_table
from tests.chaos.results import FaultRecord, RunRecord

__all__ = ["faults_table", "runs_table", "summary", "work_table"]

ENGINES = {"light": "processes of the test suite", "ray": "the real command on Ray"}
FAULTS = {
    "kill_driver": "SIGKILL of the driver",
    "kill_worker": "SIGKILL of a worker",
    "kill_head": "SIGKILL of Ray's head node",
    "freeze_driver": "SIGSTOP of the driver, until a standby has taken over",
    "stop_driver": "SIGTERM of the driver, which is then restarted",
    "outage": "PostgreSQL stopped (`pg_ctl stop -m immediate`)",
    "others_write": "others write through Optuna's API: queue, add, tell",
    "full_disk": "full checkpoint disk, for some seconds",
    "driver_clock": "the driver's clock jumps, forward or back",
    "server_clock": "the server's clock jumps forward while a standby waits",
}


def summary(records: Iterable[RunRecord]) -> str:
    """All tables."""
    all_ = list(records)
    return "\n\n".join((runs_table(all_), faults_table(all_), work_table(all_)))


def runs_table(records: Sequence[RunRecord]) -> str:
    """Runs by the kind of their workers."""
    rows: list[tuple[object, ...]] = []
    for engine, name in ENGINES.items():
        rows.append((name, *_counted([one for one in records if one.engine == engine])))
    rows.append(("total", *_counted(records)))
    header = ("workers", "runs", "clean", "compared", "trials", "FAIL", "drivers started")
    return markdown_table(header, rows)


def _counted(records: Sequence[RunRecord]) -> tuple[int, ...]:
    return (
        len(records),
        sum(record.clean for record in records),
        sum(record.compared for record in records),
        sum(sum(record.states.values()) for record in records),
        sum(record.states.get("FAIL", 0) for record in records),
        sum(len(record.exits) for record in records),
    )


def faults_table(records: Sequence[RunRecord]) -> str:
    """How often each fault struck, and the longest time until something was stored again."""
    struck: dict[tuple[str, float], list[FaultRecord]] = {}
    for record in records:
        for one in record.faults:
            seconds = one.seconds if one.kind == "outage" else 0.0
            struck.setdefault((one.kind, seconds), []).append(one)
    rows: list[tuple[object, ...]] = []
    for kind, seconds in sorted(struck, key=lambda key: (list(FAULTS).index(key[0]), key[1])):
        times = [one.recovery for one in struck[kind, seconds] if one.recovery is not None]
        name = FAULTS[kind] + (f" for {seconds:g} s" if seconds else "")
        rows.append((name, len(struck[kind, seconds]), max(times, default="")))
    failing = sum(record.failing_every is not None for record in records)
    rows.append(("one in 200 of the driver's statements fails, throughout a run", failing, ""))
    alone = sum(record.alone for record in records)
    rows.append(("drivers share only an artifact store of checkpoints", alone, ""))
    broken = sum(len(record.broken) for record in records)
    rows.append(("a trial fails every time", broken, ""))
    stumbling = sum(len(record.stumbling) for record in records)
    rows.append(("a trial fails the first time", stumbling, ""))
    return markdown_table(("fault", "times", "longest recovery, s"), rows)


def work_table(records: Sequence[RunRecord]) -> str:
    """Lost work: trained between two evaluations and not used, and the reasons."""
    noted = [record for record in records if record.intervals is not None]
    attempts: Counter[str] = Counter()
    for record in records:
        attempts.update(record.attempts)
    rows: list[tuple[object, ...]] = [
        ("intervals between evaluations, in total", sum(one.intervals or 0 for one in noted)),
        ("interrupted", sum(one.cut_off or 0 for one in noted)),
        ("trained again, with checkpoints in a shared folder", _repeated(noted, alone=False)),
        (
            "trained again, with checkpoints only in an artifact store",
            _repeated(noted, alone=True),
        ),
        *((f"further attempts of a trial: {why}", attempts[why]) for why in sorted(attempts)),
    ]
    return markdown_table(("work", "number"), rows)


def _repeated(records: Sequence[RunRecord], *, alone: bool) -> int:
    return sum(record.repeated or 0 for record in records if record.alone is alone)
