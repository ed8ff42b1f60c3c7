"""Answers of the chat endpoint; before the code that has it is started."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0.2.0.2", "0.2.0.1"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "completions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("space_id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("responses", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("created", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_id", "person_id"], ["people.space_id", "people.id"], name="fk_completions_space_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_completions"),
    )
    op.create_index("ix_completions_person", "completions", ["space_id", "person_id"])
    op.create_index("ix_completions_created", "completions", ["created"])
