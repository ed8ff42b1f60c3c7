"""Database fixtures, imported by the conftest of each folder that needs them."""

from __future__ import annotations

import shutil
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


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with all tables and without rows."""
    path = tmp_path_factory.mktemp("migrated") / "store.sqlite"
    Store(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database with all tables and without rows: a copy, because migrating takes a tenth of a second."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "store.sqlite")
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    cluster: postgresql.Cluster = request.getfixturevalue("cluster")
    return cluster.emptied_database()


@pytest.fixture
def store(migrated_url: str) -> Iterator[Store]:
    """A store without rows."""
    opened = Store(migrated_url)
    yield opened
    opened.close()
