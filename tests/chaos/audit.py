"""The database's own notes of every write: its author and the epoch.

Triggers in a schema of their own, in the database of the run; the notes of a transaction are
committed or rolled back together with its writes.
"""

from sqlalchemy import Connection, text

__all__ = ["install_audit"]

SCHEMA = """
CREATE SCHEMA chaos;
CREATE TABLE chaos.write (
    id bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    backend text NOT NULL,   -- which connection: process number and start
    epoch bigint NOT NULL,   -- of the lease, as the writing statement saw it
    trial integer,           -- its number
    what text NOT NULL,      -- table
    before text,             -- state of the trial, or value
    after text
);
"""

BACKEND = """
CREATE FUNCTION chaos.backend() RETURNS text LANGUAGE sql AS $$
    SELECT pid || ' ' || backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()
$$;
CREATE FUNCTION chaos.epoch() RETURNS bigint LANGUAGE sql AS $$
    SELECT coalesce(max(epoch), 0) FROM umss.lease
$$;
"""

NOTE_TRIAL = """
CREATE FUNCTION chaos.note_trial() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos.write (backend, epoch, trial, what, before, after) VALUES (
        chaos.backend(), chaos.epoch(), NEW.number, 'trial',
        CASE WHEN TG_OP = 'UPDATE' THEN OLD.state::text END, NEW.state::text
    );
    RETURN NEW;
END $$;
CREATE TRIGGER chaos AFTER INSERT OR UPDATE ON public.trials
    FOR EACH ROW EXECUTE FUNCTION chaos.note_trial();
"""

NOTE_NUMBER = """
CREATE FUNCTION chaos.note_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos.write (backend, epoch, trial, what, before, after) VALUES (
        chaos.backend(), chaos.epoch(),
        (SELECT number FROM public.trials WHERE trial_id = NEW.trial_id), '{table}',
        CASE WHEN TG_OP = 'UPDATE' THEN OLD.{column}::text END, NEW.{column}::text
    );
    RETURN NEW;
END $$;
CREATE TRIGGER chaos AFTER INSERT OR UPDATE ON public.{table}
    FOR EACH ROW EXECUTE FUNCTION chaos.note_{table}();
"""

NOTE_REPORT = """
CREATE FUNCTION chaos.note_report() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos.write (backend, epoch, trial, what, after)
    VALUES (chaos.backend(), chaos.epoch(), NEW.trial, 'report', NEW.evaluation::text);
    RETURN NEW;
END $$;
CREATE TRIGGER chaos AFTER INSERT OR UPDATE ON umss.report
    FOR EACH ROW EXECUTE FUNCTION chaos.note_report();
"""

#: Optuna's tables of results, and the column that holds them.
NUMBERS = {
    "trial_values": "value",
    "trial_intermediate_values": "intermediate_value",
    "trial_params": "param_value",
}


def install_audit(connection: Connection) -> None:
    """Have every write noted from now on; a database holds one study."""
    for statement in (SCHEMA, BACKEND, NOTE_TRIAL, NOTE_REPORT):
        connection.execute(text(statement))
    for table, column in NUMBERS.items():
        connection.execute(text(NOTE_NUMBER.format(table=table, column=column)))
