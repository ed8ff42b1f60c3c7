"""The store's tests run on SQLite and on PostgreSQL."""

from __future__ import annotations

from database_fixtures import cluster, database_url, migrated_file, migrated_url, store

__all__ = ["cluster", "database_url", "migrated_file", "migrated_url", "store"]
