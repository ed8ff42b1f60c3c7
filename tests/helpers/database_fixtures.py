"""Database fixtures, imported by the conftest of each folder that needs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import postgresql
import pytest

from personalrm.store.store import Store


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgresql.Cluster]:
    """A PostgreSQL cluster; skips the test if PostgreSQL is not installed."""
    programs = postgresql.find()
    if programs is None:
        pytest.skip(postgresql.MISSING)
    started = postgresql.Cluster(programs)
    yield started
    started.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty SQLite or PostgreSQL database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    cluster: postgresql.Cluster = request.getfixturevalue("cluster")
    return cluster.new_database()


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store in an empty database."""
    opened = Store(database_url)
    yield opened
    opened.close()
