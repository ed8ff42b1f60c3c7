"""The tables of studies with people. A participant is a drawn code; no row leads to a person of the space."""

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
    Column("closed", Float),  # since when nobody new is let in; who has begun may go on
    *(Column(name, Text, nullable=False) for name in ("protocol", "pairs")),  # fixed when the study begins
    UniqueConstraint("space_id", "id", name="uq_studies_space_study"),
    sqlite_autoincrement=True,  # the links of a deleted study never lead to another one
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
"""What participants have said, one event a row. No time: it could tell who was there."""
