"""The tables. Rows of a space have its id; rows of a person have the ids of both.

A person's row references the person by ``(space_id, person_id)``, so the database refuses a row that would join two
spaces. `TENANT_TABLES` and `PERSON_TABLES` are derived from the metadata, so a new table is isolated, exported and
erased automatically.

Times of the system are seconds since 1970; the time of a choice is ISO 8601 in UTC, as in `Preference`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from personalrm.store.schema_base import Id, metadata, space_column
from personalrm.store.schema_studies import studies, study_events

REVISION = "0.2.0.6"
"""The newest migration in ``migrations/versions``, which this code requires."""


def _person() -> tuple[Column[int], Column[int], ForeignKeyConstraint]:
    return (
        Column("space_id", Id, nullable=False),
        Column("person_id", Id, nullable=False),
        ForeignKeyConstraint(["space_id", "person_id"], ["people.space_id", "people.id"]),
    )


def _identity() -> tuple[Column[str], Column[str], Column[bytes]]:
    """Source, id, and content hash, which distinguishes a repeated request from a changed one."""
    return (
        Column("source", String(200), nullable=False),
        Column("external_id", String(200), nullable=False),
        Column("content", LargeBinary(16), nullable=False),
    )


spaces = Table(
    "spaces",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("created", Float, nullable=False),
    Column("salt", LargeBinary(32), nullable=False),
    Column("settings", Text, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(24), primary_key=True),
    space_column(),
    Column("secret_hash", LargeBinary(32), nullable=False),
    Column("scopes", String(100), nullable=False),
    Column("label", String(200), nullable=False),
    Column("created", Float, nullable=False),
    Column("revoked", Float),
)

people = Table(
    "people",
    metadata,
    Column("id", Id, primary_key=True),
    space_column(),
    Column("name", String(200), nullable=False),
    Column("created", Float, nullable=False),
    Column("changed", Float, nullable=False),  # when the data to fit last changed
    Column("choices", Integer, nullable=False, default=0),
    Column("revision", Integer, nullable=False, default=0),  # counts all changes of the data to fit
    Column("active_version", Integer),
    Column("active_revision", Integer),  # the revision the active profile was fitted to
    Column("last_version", Integer, nullable=False, default=0),
    Column("erasing", Float),  # start of the erasure; readers no longer see the person
    UniqueConstraint("space_id", "name"),
    UniqueConstraint("space_id", "id", name="uq_people_space_person"),
    sqlite_autoincrement=True,  # an erased person's number is never reused
)

choices = Table(
    "choices",
    metadata,
    Column("id", Id, primary_key=True),
    *_person(),
    *_identity(),
    *(Column(name, Text, nullable=False) for name in ("context", "chosen", "rejected")),
    Column("tie", Boolean, nullable=False, default=False),
    Column("group_id", String(200), nullable=False),
    Column("domain", Text),
    Column("time", String(40), nullable=False),
    Column("received", Float, nullable=False),
    Column("reason", Text),
    Column("margin", Float),
    Column("ranking", String(40)),  # the ranking that the pair was derived from
    Column("weight", Float, nullable=False, default=1.0),
    Column("origin", String(20), nullable=False),  # choice, ranking, rating, thumb, feedback
    Column("forgotten", Float),  # when the person excluded it from learning
    UniqueConstraint("space_id", "person_id", "source", "external_id"),
    Index("ix_choices_in_time", "space_id", "person_id", "time", "id"),
    sqlite_autoincrement=True,
)

rankings = Table(
    "rankings",
    metadata,
    Column("id", Id, primary_key=True),
    *_person(),
    *_identity(),
    Column("context", Text, nullable=False),
    Column("responses", Text, nullable=False),  # best first; those after the first `ranked` have no order
    Column("ranked", Integer, nullable=False),
    Column("time", String(40), nullable=False),
    Column("received", Float, nullable=False),
    UniqueConstraint("space_id", "person_id", "source", "external_id"),
)

ratings = Table(
    "ratings",
    metadata,
    Column("id", Id, primary_key=True),
    *_person(),
    *_identity(),
    Column("prompt_hash", LargeBinary(16), nullable=False),
    *(Column(name, Text, nullable=False) for name in ("context", "response")),
    Column("score", Float, nullable=False),
    Column("time", String(40), nullable=False),
    Column("received", Float, nullable=False),
    UniqueConstraint("space_id", "person_id", "source", "external_id"),
    Index("ix_ratings_prompt", "space_id", "person_id", "source", "prompt_hash"),
)

thumbs = Table(
    "thumbs",
    metadata,
    Column("id", Id, primary_key=True),
    *_person(),
    *_identity(),
    Column("prompt_hash", LargeBinary(16), nullable=False),
    *(Column(name, Text, nullable=False) for name in ("context", "response")),
    Column("up", Boolean, nullable=False),
    Column("reason", Text),
    Column("time", String(40), nullable=False),
    Column("received", Float, nullable=False),
    UniqueConstraint("space_id", "person_id", "source", "external_id"),
    Index("ix_thumbs_prompt", "space_id", "person_id", "source", "prompt_hash"),
)

profiles = Table(
    "profiles",
    metadata,
    *_person(),
    Column("version", Integer, nullable=False),
    Column("created", Float, nullable=False),
    Column("kind", String(20), nullable=False),  # update, refit
    Column("state", String(20), nullable=False),  # active, superseded, aside
    Column("model", String(200), nullable=False),
    *(Column(name, Integer, nullable=False) for name in ("revision", "learned")),  # learned: number of choices fitted
    Column("last_choice", Id, nullable=False),  # the newest choice that had arrived
    Column("body", LargeBinary, nullable=False),
    Column("checked", Text, nullable=False),  # comparison with the version before it, as JSON
    Column("counting", Text, nullable=False, server_default="{}"),  # which choices the person excluded, as JSON
    PrimaryKeyConstraint("space_id", "person_id", "version"),
)

shared_states = Table(
    "shared_states",
    metadata,
    Column("hash", LargeBinary(16), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
"""Parts of profiles that many people share (a population's prior), stored once. No texts, no personal data."""

predictions = Table(
    "predictions",
    metadata,
    *_person(),
    Column("choice_id", Id, nullable=False),
    Column("version", Integer, nullable=False),
    Column("probability", Float),  # of the chosen response; null if unscored
    Column("longer", Float, nullable=False),  # score of always choosing the longer response
    Column("group_id", String(200), nullable=False),
    Column("made", Float, nullable=False),
    PrimaryKeyConstraint("space_id", "person_id", "choice_id"),
    Index("ix_predictions_made", "space_id", "made"),
)

corrections = Table(
    "corrections",
    metadata,
    Column("id", Id, primary_key=True),
    *_person(),
    Column("claim", Text, nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("cited", Text, nullable=False),  # the choices for and against the claim, as cited by the profile
    Column("note", Text),
    Column("version", Integer, nullable=False),  # of the profile with the claim
    Column("created", Float, nullable=False),
    Column("withdrawn", Float),
    Index("ix_corrections_person", "space_id", "person_id"),
)

cached_answers = Table(
    "cached_answers",
    metadata,
    *_person(),
    Column("key", LargeBinary(32), nullable=False),
    PrimaryKeyConstraint("space_id", "person_id", "key"),
)
"""Keys of cached answers to requests with a person's texts; an erasure deletes these answers."""

completions = Table(
    "completions",
    metadata,
    Column("id", String(64), primary_key=True),
    *_person(),
    Column("context", Text, nullable=False),
    Column("responses", Text, nullable=False),  # as sent to the client, as a JSON list
    Column("version", Integer),  # of the profile whose prompt was added; null if none
    Column("created", Float, nullable=False),
    Index("ix_completions_person", "space_id", "person_id"),
    Index("ix_completions_created", "created"),
)
"""Answers of the chat endpoint, so that feedback on an id can become a choice; deleted after a month."""

jobs = Table(
    "jobs",
    metadata,
    *_person(),
    Column("stage", String(20), nullable=False),  # update, refit
    Column("state", String(20), nullable=False),  # queued, running, failed
    Column("rank", Integer, nullable=False),  # lower goes first
    Column("due", Float, nullable=False),
    Column("refit_by", Float, nullable=False),
    Column("requested", Integer, nullable=False),
    Column("claimed", Integer, nullable=False, default=0),
    Column("worker", String(64)),
    Column("lease_until", Float),
    Column("attempts", Integer, nullable=False, default=0),
    Column("error", Text),
    Column("created", Float, nullable=False),
    PrimaryKeyConstraint("space_id", "person_id"),
    Index("ix_jobs_due", "state", "rank", "due"),
    Index("ix_jobs_next", "state", "stage", "due"),
    Index("ix_jobs_space", "space_id", "state", "rank", "due"),
)
"""One row per person with pending work, so at most one worker per person."""

candidates = Table(
    "candidates",
    metadata,
    space_column(),
    Column("external_id", String(200), nullable=False),
    *(Column(name, Text, nullable=False) for name in ("context", "a", "b")),
    Column("created", Float, nullable=False),
    PrimaryKeyConstraint("space_id", "external_id"),
)
"""Pairs for questions, added by the space's operator; never texts of one person for another."""

idempotency = Table(
    "idempotency",
    metadata,
    space_column(),
    Column("key", String(200), nullable=False),
    Column("person_id", Id),
    Column("request", LargeBinary(16), nullable=False),
    Column("answer", Text, nullable=False),
    Column("created", Float, nullable=False),
    PrimaryKeyConstraint("space_id", "key"),
    Index("ix_idempotency_person", "space_id", "person_id"),
    Index("ix_idempotency_created", "created"),
)

spend = Table(
    "spend",
    metadata,
    space_column(),
    Column("day", String(10), nullable=False),
    *(Column(name, Integer, nullable=False, default=0) for name in ("calls", "tokens")),
    Column("cost", Float, nullable=False, default=0.0),
    *(Column(name, BigInteger, nullable=False, server_default="0") for name in ("chats", "chat_tokens")),
    PrimaryKeyConstraint("space_id", "day"),
)

summaries = Table(
    "summaries",
    metadata,
    space_column(),
    *(Column(name, kind, nullable=False) for name, kind in (("made", Float), ("took", Float), ("body", Text))),
    PrimaryKeyConstraint("space_id"),
)
"""Summary shown for a large space. No texts, no personal data."""

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    space_column(),
    Column("time", Float, nullable=False),
    Column("action", String(40), nullable=False),
    Column("key_id", String(24)),
    Column("subject", String(64)),  # a keyed hash of the person's name
    Column("details", Text, nullable=False),
    Index("ix_audit_space", "space_id", "id"),
    Index("ix_audit_subject", "space_id", "subject"),
)

erasures = Table(
    "erasures",
    metadata,
    Column("id", Id, primary_key=True),
    space_column(),
    Column("subject", String(64), nullable=False),
    Column("name", String(200)),  # set until the erasure is finished
    Column("state", String(20), nullable=False),  # started, done
    Column("started", Float, nullable=False),
    Column("finished", Float),
    *(Column(name, Text, nullable=False) for name in ("counts", "models")),
    Column("readmitted", Float),
    Index("ix_erasures_subject", "space_id", "subject"),
    Index("ix_erasures_state", "state"),
)

TENANT_TABLES = tuple(one for one in metadata.sorted_tables if "space_id" in one.c)
PERSON_TABLES = tuple(one for one in metadata.sorted_tables if "person_id" in one.c)
"""The tables an erasure deletes from, parents first; `people` comes last."""
STUDY_TABLES = (studies, study_events)
"""Tables that belong to a study of a space and to no person."""
