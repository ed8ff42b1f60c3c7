"""Studies with people; before the code that has them is started."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0.2.0.5", "0.2.0.4"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "studies",
        sa.Column("id", number, nullable=False),
        sa.Column("space_id", number, sa.ForeignKey("spaces.id", name="fk_studies_space_id"), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("closed", sa.Float(), nullable=True),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("pairs", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_studies"),
        sa.UniqueConstraint("space_id", "id", name="uq_studies_space_study"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "study_events",
        sa.Column("space_id", number, nullable=False),
        sa.Column("study_id", number, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_id", "study_id"], ["studies.space_id", "studies.id"], name="fk_study_events_space_id"
        ),
        sa.PrimaryKeyConstraint("space_id", "study_id", "code", "place", name="pk_study_events"),
    )
