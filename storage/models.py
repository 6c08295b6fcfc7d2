"""Our tables, in the schema ``umss``. Optuna's tables are in another schema.

Times are the server's, with time zone. JSON columns are ``json``, not ``jsonb``, which would sort
the keys: the order of a search space matters.
"""

import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    Text,
    func,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = ["SCHEMA", "Base", "LeaseHistoryRow", "LeaseRow", "ReportRow", "StudyRow"]

SCHEMA = "umss"


class Base(DeclarativeBase):
    """All our tables."""

    metadata = MetaData(
        schema=SCHEMA,
        naming_convention={
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        },
    )
    type_annotation_map = {  # noqa: RUF012 - read once by SQLAlchemy
        datetime.datetime: DateTime(timezone=True),
        dict[str, Any]: JSON(none_as_null=True),
        str: Text(),
    }


class StudyRow(Base):
    """One study: everything it depends on, written when it is created."""

    __tablename__ = "study"
    __table_args__ = (
        CheckConstraint("length(name) BETWEEN 1 AND 200", name="name"),
        CheckConstraint("trials >= 1", name="trials"),
        CheckConstraint("lag >= 1", name="lag"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime.datetime] = mapped_column(server_default=func.clock_timestamp())
    config: Mapped[dict[str, Any]]
    space: Mapped[dict[str, Any]]
    seed: Mapped[int] = mapped_column(BigInteger)
    trials: Mapped[int]
    versions: Mapped[dict[str, Any]]
    revision: Mapped[str | None]
    fingerprints: Mapped[dict[str, Any]]
    lag: Mapped[int]
    stop_requested: Mapped[bool] = mapped_column(server_default="false")
    finished_at: Mapped[datetime.datetime | None]


class LeaseRow(Base):
    """Who drives a study: one row per study, whose epoch grows with every holder."""

    __tablename__ = "lease"

    study: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger)
    host: Mapped[str]
    boot_id: Mapped[str]
    namespace: Mapped[int] = mapped_column(BigInteger)
    pid: Mapped[int] = mapped_column(Integer)
    started: Mapped[int] = mapped_column(BigInteger)
    acquired_at: Mapped[datetime.datetime]
    renewed_at: Mapped[datetime.datetime]
    released_at: Mapped[datetime.datetime | None]


class LeaseHistoryRow(Base):
    """Who drove a study, and when; a lease that was taken over has no ``released_at``."""

    __tablename__ = "lease_history"

    study: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    host: Mapped[str]
    pid: Mapped[int] = mapped_column(Integer)
    acquired_at: Mapped[datetime.datetime]
    released_at: Mapped[datetime.datetime | None]


class ReportRow(Base):
    """One complete report of a trial."""

    __tablename__ = "report"

    study: Mapped[str] = mapped_column(
        ForeignKey(f"{SCHEMA}.study.name", ondelete="CASCADE"), primary_key=True
    )
    trial: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    evaluation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    payload: Mapped[dict[str, Any]]
    stored_at: Mapped[datetime.datetime] = mapped_column(server_default=func.clock_timestamp())
