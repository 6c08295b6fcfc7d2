"""A study as PostgreSQL alone sees it, and which host wrote each row and when.

Every table has a trigger that notes the network address behind each change, in the same
transaction: what was rolled back was never written.
"""

import itertools
from typing import Any

from tests.hosts.network import Host
from tests.hosts.server import Server

__all__ = [
    "check_exact",
    "check_one_holder",
    "finished",
    "silence_before",
    "watch_writes",
    "writes_after",
    "writes_of",
]

WATCH = """
CREATE SCHEMA watch;
CREATE TABLE watch.writes (
    host inet, at timestamptz DEFAULT clock_timestamp(), relation text, operation text
);
CREATE FUNCTION watch.note() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO watch.writes (host, relation, operation)
        VALUES (inet_client_addr(), TG_TABLE_NAME, TG_OP);
    RETURN NULL;
END $$;
DO $$ DECLARE found record; BEGIN
    FOR found IN SELECT schemaname, tablename FROM pg_tables
        WHERE schemaname IN ('public', 'umss') LOOP
        EXECUTE format('CREATE TRIGGER watch AFTER INSERT OR UPDATE OR DELETE ON %I.%I'
            ' FOR EACH ROW EXECUTE FUNCTION watch.note()',
            found.schemaname, found.tablename);
    END LOOP;
END $$;
"""


def finished(server: Server) -> int:
    """Trials that are COMPLETE or PRUNED."""
    rows = server.query("SELECT count(*) FROM trials WHERE state IN ('COMPLETE', 'PRUNED')")
    return int(rows[0][0]) if rows else 0


def watch_writes(server: Server) -> None:
    """Note every change from now on; the tables have to be there."""
    server.execute(WATCH)


def writes_after(server: Server, host: Host, epoch: int) -> list[tuple[Any, ...]]:
    """What a host changed since that epoch of the lease began."""
    return server.query("SELECT at, relation, operation FROM watch.writes WHERE host = %s"
        " AND at >= (SELECT acquired_at FROM umss.lease_history WHERE epoch = %s)",
        host.address, epoch,
    )  # fmt: skip


def silence_before(server: Server, host: Host, epoch: int) -> float:
    """Seconds from a host's last change to the beginning of that epoch of the lease."""
    rows = server.query(
        "SELECT extract(epoch FROM (SELECT acquired_at FROM umss.lease_history WHERE epoch = %s)"
        " - max(at)) FROM watch.writes WHERE host = %s",
        epoch, host.address,
    )  # fmt: skip
    return float(rows[0][0])


def writes_of(server: Server, host: Host) -> int:
    """The number of noted changes by a host."""
    rows = server.query("SELECT count(*) FROM watch.writes WHERE host = %s", host.address)
    return int(rows[0][0])


def check_exact(server: Server, trials: int) -> None:
    """Exactly this many finished trials, distinct, with each report once and in order."""
    rows = server.query("SELECT number, state, trial_id FROM trials ORDER BY number")
    assert [row[0] for row in rows] == list(range(trials))
    assert {row[1] for row in rows} <= {"COMPLETE", "PRUNED"}
    points = server.query(
        "SELECT trial_id, array_agg(param_name || '=' || param_value ORDER BY param_name)"
        " FROM trial_params GROUP BY trial_id",
    )
    assert len({tuple(point) for _, point in points}) == trials, "two trials have one point"
    assert len({len(point) for _, point in points}) == 1, "a trial lacks parameters"
    reports = server.query(
        "SELECT trial, array_agg(evaluation ORDER BY evaluation), array_agg(evaluation ORDER BY"
        " stored_at) FROM umss.report GROUP BY trial ORDER BY trial",
    )
    assert [row[0] for row in reports] == list(range(trials))
    values = dict(
        server.query(
            "SELECT number, array_agg(step ORDER BY step) FROM trial_intermediate_values"
            " JOIN trials USING (trial_id) GROUP BY number",
        )
    )
    for trial, evaluations, as_stored in reports:
        assert evaluations == list(range(1, len(evaluations) + 1)), (trial, evaluations)
        assert as_stored == evaluations, f"reports of trial {trial} were stored out of order"
        assert set(values[trial]) <= set(evaluations), (trial, values[trial])
    counted = server.query("SELECT count(*) FROM trial_values")
    complete = [row for row in rows if row[1] == "COMPLETE"]
    assert counted[0][0] >= len(complete), "a complete trial has no value"


def check_one_holder(server: Server, holders: list[str]) -> None:
    """The lease went from host to host in this order, one at a time."""
    rows = server.query(
        "SELECT epoch, host, acquired_at, released_at FROM umss.lease_history ORDER BY 1"
    )
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert [row[1] for row in rows] == holders
    for before, after in itertools.pairwise(rows):
        assert before[3] is None or before[3] <= after[2], "two drivers held the lease at once"
