"""Shared by all tables: the metadata, the integer type, and the column of the space."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)
Id = BigInteger().with_variant(Integer, "sqlite")


def space_column() -> Column[int]:
    """The column of the space that a row belongs to."""
    return Column("space_id", Id, ForeignKey("spaces.id"), nullable=False)
