"""The first tables; before the code of 0.2.0 is started."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0.2.0.1", None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _spaces()
    _feedback()
    _learned()


def column(name: str, kind: sa.types.TypeEngine[Any], nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def person() -> tuple[sa.Column[Any], ...]:
    return column("space_id", ID), column("person_id", ID)


def of_person(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["space_id", "person_id"], ["people.space_id", "people.id"], name=name)


def _spaces() -> None:
    op.create_table(
        "spaces",
        column("id", ID),
        column("name", sa.String(length=100)),
        column("created", sa.Float()),
        column("salt", sa.LargeBinary(length=32)),
        column("settings", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_spaces"),
        sa.UniqueConstraint("name", name="uq_spaces_name"),
    )
    op.create_table(
        "api_keys",
        column("id", sa.String(length=24)),
        column("space_id", ID),
        column("secret_hash", sa.LargeBinary(length=32)),
        column("scopes", sa.String(length=100)),
        column("label", sa.String(length=200)),
        column("created", sa.Float()),
        column("revoked", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name="fk_api_keys_space_id"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
    )
    op.create_table(
        "audit",
        column("id", ID),
        column("space_id", ID),
        column("time", sa.Float()),
        column("action", sa.String(length=40)),
        column("key_id", sa.String(length=24), nullable=True),
        column("subject", sa.String(length=64), nullable=True),
        column("details", sa.Text()),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name="fk_audit_space_id"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_space", "audit", ["space_id", "id"])
    op.create_table(
        "erasures",
        column("id", ID),
        column("space_id", ID),
        column("subject", sa.String(length=64)),
        column("name", sa.String(length=200), nullable=True),
        column("state", sa.String(length=20)),
        column("started", sa.Float()),
        column("finished", sa.Float(), nullable=True),
        column("counts", sa.Text()),
        column("models", sa.Text()),
        column("readmitted", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name="fk_erasures_space_id"),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )
    op.create_index("ix_erasures_state", "erasures", ["state"])
    op.create_index("ix_erasures_subject", "erasures", ["space_id", "subject"])
    op.create_table(
        "idempotency",
        column("space_id", ID),
        column("key", sa.String(length=200)),
        column("person_id", ID, nullable=True),
        column("request", sa.LargeBinary(length=16)),
        column("answer", sa.Text()),
        column("created", sa.Float()),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name="fk_idempotency_space_id"),
        sa.PrimaryKeyConstraint("space_id", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_created", "idempotency", ["created"])
    op.create_index("ix_idempotency_person", "idempotency", ["space_id", "person_id"])
    op.create_table(
        "spend",
        column("space_id", ID),
        column("day", sa.String(length=10)),
        column("calls", sa.Integer()),
        column("tokens", sa.Integer()),
        column("cost", sa.Float()),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name="fk_spend_space_id"),
        sa.PrimaryKeyConstraint("space_id", "day", name="pk_spend"),
    )
    op.create_table(
        "candidates",
        column("space_id", ID),
        column("external_id", sa.String(length=200)),
        column("context", sa.Text()),
        column("a", sa.Text()),
        column("b", sa.Text()),
        column("created", sa.Float()),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name="fk_candidates_space_id"),
        sa.PrimaryKeyConstraint("space_id", "external_id", name="pk_candidates"),
    )
    op.create_table(
        "people",
        column("id", ID),
        column("space_id", ID),
        column("name", sa.String(length=200)),
        column("created", sa.Float()),
        column("changed", sa.Float()),
        column("choices", sa.Integer()),
        column("revision", sa.Integer()),
        column("active_version", sa.Integer(), nullable=True),
        column("active_revision", sa.Integer(), nullable=True),
        column("last_version", sa.Integer()),
        column("erasing", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name="fk_people_space_id"),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.UniqueConstraint("space_id", "id", name="uq_people_space_person"),
        sa.UniqueConstraint("space_id", "name", name="uq_people_space_id"),
        sqlite_autoincrement=True,
    )


def _feedback() -> None:
    op.create_table(
        "choices",
        column("id", ID),
        *person(),
        column("source", sa.String(length=200)),
        column("external_id", sa.String(length=200)),
        column("content", sa.LargeBinary(length=16)),
        column("context", sa.Text()),
        column("chosen", sa.Text()),
        column("rejected", sa.Text()),
        column("tie", sa.Boolean()),
        column("group_id", sa.String(length=200)),
        column("domain", sa.Text(), nullable=True),
        column("time", sa.String(length=40)),
        column("received", sa.Float()),
        column("reason", sa.Text(), nullable=True),
        column("margin", sa.Float(), nullable=True),
        column("ranking", sa.String(length=40), nullable=True),
        column("weight", sa.Float()),
        column("origin", sa.String(length=20)),
        column("forgotten", sa.Float(), nullable=True),
        of_person("fk_choices_space_id"),
        sa.PrimaryKeyConstraint("id", name="pk_choices"),
        sa.UniqueConstraint("space_id", "person_id", "source", "external_id", name="uq_choices_space_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_choices_in_time", "choices", ["space_id", "person_id", "time", "id"])
    op.create_table(
        "rankings",
        column("id", ID),
        *person(),
        column("source", sa.String(length=200)),
        column("external_id", sa.String(length=200)),
        column("content", sa.LargeBinary(length=16)),
        column("context", sa.Text()),
        column("responses", sa.Text()),
        column("ranked", sa.Integer()),
        column("time", sa.String(length=40)),
        column("received", sa.Float()),
        of_person("fk_rankings_space_id"),
        sa.PrimaryKeyConstraint("id", name="pk_rankings"),
        sa.UniqueConstraint("space_id", "person_id", "source", "external_id", name="uq_rankings_space_id"),
    )
    op.create_table(
        "ratings",
        column("id", ID),
        *person(),
        column("source", sa.String(length=200)),
        column("external_id", sa.String(length=200)),
        column("content", sa.LargeBinary(length=16)),
        column("prompt_hash", sa.LargeBinary(length=16)),
        column("context", sa.Text()),
        column("response", sa.Text()),
        column("score", sa.Float()),
        column("time", sa.String(length=40)),
        column("received", sa.Float()),
        of_person("fk_ratings_space_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ratings"),
        sa.UniqueConstraint("space_id", "person_id", "source", "external_id", name="uq_ratings_space_id"),
    )
    op.create_index("ix_ratings_prompt", "ratings", ["space_id", "person_id", "source", "prompt_hash"])
    op.create_table(
        "thumbs",
        column("id", ID),
        *person(),
        column("source", sa.String(length=200)),
        column("external_id", sa.String(length=200)),
        column("content", sa.LargeBinary(length=16)),
        column("prompt_hash", sa.LargeBinary(length=16)),
        column("context", sa.Text()),
        column("response", sa.Text()),
        column("up", sa.Boolean()),
        column("reason", sa.Text(), nullable=True),
        column("time", sa.String(length=40)),
        column("received", sa.Float()),
        of_person("fk_thumbs_space_id"),
        sa.PrimaryKeyConstraint("id", name="pk_thumbs"),
        sa.UniqueConstraint("space_id", "person_id", "source", "external_id", name="uq_thumbs_space_id"),
    )
    op.create_index("ix_thumbs_prompt", "thumbs", ["space_id", "person_id", "source", "prompt_hash"])
    # ### end Alembic commands ###


def _learned() -> None:
    op.create_table(
        "shared_states",
        column("hash", sa.LargeBinary(length=16)),
        column("body", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("hash", name="pk_shared_states"),
    )
    op.create_table(
        "profiles",
        *person(),
        column("version", sa.Integer()),
        column("created", sa.Float()),
        column("kind", sa.String(length=20)),
        column("state", sa.String(length=20)),
        column("model", sa.String(length=200)),
        column("revision", sa.Integer()),
        column("learned", sa.Integer()),
        column("last_choice", ID),
        column("body", sa.LargeBinary()),
        column("checked", sa.Text()),
        of_person("fk_profiles_space_id"),
        sa.PrimaryKeyConstraint("space_id", "person_id", "version", name="pk_profiles"),
    )
    op.create_table(
        "predictions",
        *person(),
        column("choice_id", ID),
        column("version", sa.Integer()),
        column("probability", sa.Float(), nullable=True),
        column("longer", sa.Float()),
        column("group_id", sa.String(length=200)),
        column("made", sa.Float()),
        of_person("fk_predictions_space_id"),
        sa.PrimaryKeyConstraint("space_id", "person_id", "choice_id", name="pk_predictions"),
    )
    op.create_index("ix_predictions_made", "predictions", ["space_id", "made"])
    op.create_table(
        "corrections",
        column("id", ID),
        *person(),
        column("claim", sa.Text()),
        column("verdict", sa.String(length=20)),
        column("cited", sa.Text()),
        column("note", sa.Text(), nullable=True),
        column("version", sa.Integer()),
        column("created", sa.Float()),
        column("withdrawn", sa.Float(), nullable=True),
        of_person("fk_corrections_space_id"),
        sa.PrimaryKeyConstraint("id", name="pk_corrections"),
    )
    op.create_index("ix_corrections_person", "corrections", ["space_id", "person_id"])
    op.create_table(
        "cached_answers",
        *person(),
        column("key", sa.LargeBinary(length=32)),
        of_person("fk_cached_answers_space_id"),
        sa.PrimaryKeyConstraint("space_id", "person_id", "key", name="pk_cached_answers"),
    )
    op.create_table(
        "jobs",
        *person(),
        column("stage", sa.String(length=20)),
        column("state", sa.String(length=20)),
        column("rank", sa.Integer()),
        column("due", sa.Float()),
        column("refit_by", sa.Float()),
        column("requested", sa.Integer()),
        column("claimed", sa.Integer()),
        column("worker", sa.String(length=64), nullable=True),
        column("lease_until", sa.Float(), nullable=True),
        column("attempts", sa.Integer()),
        column("error", sa.Text(), nullable=True),
        column("created", sa.Float()),
        of_person("fk_jobs_space_id"),
        sa.PrimaryKeyConstraint("space_id", "person_id", name="pk_jobs"),
    )
    op.create_index("ix_jobs_due", "jobs", ["state", "rank", "due"])
