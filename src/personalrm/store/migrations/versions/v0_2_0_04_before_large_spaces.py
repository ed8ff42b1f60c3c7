"""What keeps reads of a large space as quick as those of a small one; before the code that uses it is started."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0.2.0.4", "0.2.0.3"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "summaries",
        sa.Column("space_id", number, sa.ForeignKey("spaces.id", name="fk_summaries_space_id"), nullable=False),
        sa.Column("made", sa.Float(), nullable=False),
        sa.Column("took", sa.Float(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("space_id", name="pk_summaries"),
    )
    op.create_index("ix_audit_subject", "audit", ["space_id", "subject"])
    op.create_index("ix_jobs_next", "jobs", ["state", "stage", "due"])
    op.create_index("ix_jobs_space", "jobs", ["space_id", "state", "rank", "due"])
