"""The tables of studies with people. A participant is a random code; no row refers to a person of the space."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from personalrm.store.schema_base import Id, metadata, space_column

studies = Table(
    "studies",
    metadata,
    Column("id", Id, primary_key=True),
    space_column(),
    Column("name", String(100), nullable=False),
    Column("created", Float, nullable=False),
    Column("closed", Float),  # when it was closed to new participants; others may continue
    *(Column(name, Text, nullable=False) for name in ("protocol", "pairs")),  # fixed when the study is created
    UniqueConstraint("space_id", "id", name="uq_studies_space_study"),
    sqlite_autoincrement=True,  # the number, and so the links, of a deleted study are never reused
)

study_events = Table(
    "study_events",
    metadata,
    Column("space_id", Id, nullable=False),
    Column("study_id", Id, nullable=False),
    Column("code", String(32), nullable=False),
    Column("place", Integer, nullable=False),
    Column("body", Text, nullable=False),
    ForeignKeyConstraint(["space_id", "study_id"], ["studies.space_id", "studies.id"]),
    PrimaryKeyConstraint("space_id", "study_id", "code", "place"),
)
"""Participants' answers, one event per row. No time, because it could identify a participant."""
