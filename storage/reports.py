"""Reports: the complete report of every evaluation of a trial, each stored once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects import postgresql

from storage.models import ReportRow
from storage.transaction import transaction

__all__ = ["ReportRecord", "reports_of", "store_report"]


@dataclass(frozen=True, kw_only=True)
class ReportRecord:
    """One stored report."""

    #: Number of the trial.
    trial: int
    #: Number of the evaluation, from 1.
    evaluation: int
    #: The report, as JSON tables.
    payload: Mapping[str, Any]


def store_report(
    bind: Engine | Connection,
    *,
    study: str,
    trial: int,
    evaluation: int,
    payload: Mapping[str, Any],
) -> bool:
    """Store a report; an existing one stays unchanged.

    Args:
        bind: Engine or connection; the driver's is fenced.
        study: Name of the study.
        trial: Number of the trial.
        evaluation: Number of the evaluation, from 1.
        payload: JSON tables; finite numbers only.

    Returns:
        Whether it was new.
    """
    statement = (
        postgresql.insert(ReportRow)
        .values(study=study, trial=trial, evaluation=evaluation, payload=dict(payload))
        .on_conflict_do_nothing()
        .returning(ReportRow.evaluation)
    )
    with transaction(bind) as connection:
        return connection.execute(statement).one_or_none() is not None


def reports_of(
    bind: Engine | Connection, *, study: str, trial: int | None = None
) -> tuple[ReportRecord, ...]:
    """The reports of one trial, or of all trials, ordered by trial and evaluation."""
    columns = (ReportRow.trial, ReportRow.evaluation, ReportRow.payload)
    query = select(*columns).where(ReportRow.study == study)
    if trial is not None:
        query = query.where(ReportRow.trial == trial)
    with transaction(bind) as connection:
        rows = connection.execute(query.order_by(ReportRow.trial, ReportRow.evaluation))
        return tuple(ReportRecord(**row._asdict()) for row in rows)
