"""The tables of docs/reliability.md, made from the records of runs."""

from collections.abc import Iterable

from benchmarks.markdown import markdown_table
from tests.chaos.results import RunRecord, Struck

__all__ = ["summary"]

FAULTS = {
    "kill_driver": "SIGKILL of the driver",
    "kill_worker": "SIGKILL of a worker",
    "kill_head": "SIGKILL of the head of the Ray cluster",
    "freeze_driver": "SIGSTOP of the driver until a standby has taken over",
    "stop_driver": "SIGTERM of the driver, started again",
    "outage": "PostgreSQL torn down (`pg_ctl stop -m immediate`)",
    "full_disk": "full disk under the checkpoints, for seconds",
    "driver_clock": "the driver's clock jumps by an hour, ahead or back",
    "server_clock": "the server's clock jumps an hour ahead while a standby waits",
}


def summary(records: Iterable[RunRecord]) -> str:
    """Runs and what was broken in them, as Markdown."""
    all_ = list(records)
    return "\n\n".join((_runs(all_), _faults(all_), _work(all_)))


def _runs(records: list[RunRecord]) -> str:
    rows = []
    for engine in ("light", "ray"):
        of = [record for record in records if record.engine == engine]
        rows.append(
            (
                {"light": "processes of the suite", "ray": "the real command on Ray"}[engine],
                len(of),
                sum(record.clean for record in of),
                sum(record.compared for record in of),
                sum(sum(record.states.values()) for record in of),
                sum(record.states.get("FAIL", 0) for record in of),
                sum(len(record.exits) for record in of),
            )
        )
    rows.append(("together", *(sum(row[i] for row in rows) for i in range(1, 7))))  # type: ignore[misc]
    header = ("workers", "runs", "clean", "compared", "trials", "of them FAIL", "drivers started")
    return markdown_table(header, rows)


def _faults(records: list[RunRecord]) -> str:
    struck: dict[str, list[Struck]] = {}
    for record in records:
        for one in record.faults:
            name = FAULTS[one.kind]
            if one.kind == "outage":
                name += f" for {one.seconds:g} s"
            struck.setdefault(name, []).append(one)
    rows = []
    for name in sorted(struck, key=lambda name: (list(FAULTS.values()).index(_base(name)), name)):
        times = [one.recovery for one in struck[name] if one.recovery is not None]
        rows.append((name, len(struck[name]), max(times, default=0.0)))
    failing = [record for record in records if record.failing_every]
    rows.append(("runs in which 0.5 % of the statements fail", len(failing), "-"))
    broken = sum(len(record.broken) for record in records)
    rows.append(("trials that break whenever they are tried", broken, "-"))
    stumbling = sum(len(record.stumbling) for record in records)
    rows.append(("trials that break the first time", stumbling, "-"))
    return markdown_table(("fault", "times", "longest recovery, s"), rows)


def _base(name: str) -> str:
    return name.partition(" for ")[0] if name.startswith(FAULTS["outage"]) else name


def _work(records: list[RunRecord]) -> str:
    noted = [record for record in records if record.intervals is not None]
    intervals = sum(record.intervals or 0 for record in noted)
    repeated = sum(record.repeated or 0 for record in noted)
    cut_off = sum(record.cut_off or 0 for record in noted)
    attempts: dict[str, int] = {}
    for record in records:
        for why, count in record.attempts.items():
            attempts[why] = attempts.get(why, 0) + count
    rows = [
        ("intervals that count", intervals),
        ("cut off by a kill", cut_off),
        ("trained a second time", repeated),
        *((f"further attempts: {why}", attempts[why]) for why in sorted(attempts)),
    ]
    return markdown_table(("work between two evaluations", "intervals"), rows)
