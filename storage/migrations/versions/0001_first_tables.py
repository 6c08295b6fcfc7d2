"""The first tables: studies, leases and their history, reports."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "umss"


def upgrade() -> None:
    """Create the tables."""
    _create_study()
    _create_lease()
    _create_report()


def _create_study() -> None:
    op.create_table(
        "study",
        sa.Column("name", sa.Text(), nullable=False),
        _time("created_at", server_default=sa.func.clock_timestamp()),
        sa.Column("config", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("space", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("trials", sa.Integer(), nullable=False),
        sa.Column("versions", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("revision", sa.Text(), nullable=True),
        sa.Column("fingerprints", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("lag", sa.Integer(), nullable=False),
        sa.Column("stop_requested", sa.Boolean(), server_default="false", nullable=False),
        _time("finished_at", nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_study"),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name="name"),
        sa.CheckConstraint("trials >= 1", name="trials"),
        sa.CheckConstraint("lag >= 1", name="lag"),
        schema=SCHEMA,
    )


def _create_lease() -> None:
    op.create_table(
        "lease",
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("namespace", sa.BigInteger(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        _time("acquired_at"),
        _time("renewed_at"),
        _time("released_at", nullable=True),
        sa.PrimaryKeyConstraint("study", name="pk_lease"),
        schema=SCHEMA,
    )
    op.create_table(
        "lease_history",
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        _time("acquired_at"),
        _time("released_at", nullable=True),
        sa.PrimaryKeyConstraint("study", "epoch", name="pk_lease_history"),
        schema=SCHEMA,
    )


def _create_report() -> None:
    op.create_table(
        "report",
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("evaluation", sa.Integer(), nullable=False),
        sa.Column("payload", sa.JSON(none_as_null=True), nullable=False),
        _time("stored_at", server_default=sa.func.clock_timestamp()),
        sa.PrimaryKeyConstraint("study", "trial", "evaluation", name="pk_report"),
        _belongs_to_study("report"),
        schema=SCHEMA,
    )


def _time(
    name: str, *, nullable: bool = False, server_default: sa.Function[object] | None = None
) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), nullable=nullable, server_default=server_default
    )


def _belongs_to_study(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["study"], [f"{SCHEMA}.study.name"], name=f"fk_{table}_study", ondelete="CASCADE"
    )
