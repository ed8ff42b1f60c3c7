"""A migration that is killed, and a copy that is made while choices are written: nothing is half done or lost."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import postgresql
import pytest
from sqlalchemy import text
from stores import choice

from personalrm.errors import StorageError, StoreUnavailable
from personalrm.store.backup import backup, restore
from personalrm.store.database import Database
from personalrm.store.jobs import Work
from personalrm.store.migrating import FOLDER, require_ready, revision, upgrade
from personalrm.store.schema import REVISION
from personalrm.store.store import Store

SOON = Work.update()
MIGRATE_UNTIL = """
import sys
from sqlalchemy import event
from personalrm.store.database import Database
from personalrm.store.migrating import upgrade

database, left = Database(sys.argv[1]), [int(sys.argv[2])]

def executed(connection, cursor, statement, *rest):
    left[0] -= statement.lstrip().upper().startswith(("CREATE", "ALTER", "DROP", "INSERT", "UPDATE"))
    if left[0] == 0:
        print("begun", flush=True)
        sys.stdin.read()

event.listen(database.engine, "after_cursor_execute", executed)
upgrade(database)
"""
"""Stops in the middle of a migration, after this many of its statements, until it is killed."""
FIRST, LAST_BUT_ONE = "0.2.0.1", "0.2.0.5"


def database_of(url: str, version: str) -> Database:
    from alembic import command
    from alembic.config import Config

    database, config = Database(url), Config()
    config.set_main_option("script_location", str(FOLDER))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        made = text("INSERT INTO spaces (name, created, salt, settings) VALUES ('a', 1, :salt, '{}')")
        connection.execute(made, {"salt": b"x" * 32})
    database.close()
    return database


@pytest.mark.parametrize(
    ("version", "statements"),
    [
        (FIRST, 3),
        pytest.param(FIRST, 1, marks=pytest.mark.slow),
        pytest.param(FIRST, 12, marks=pytest.mark.slow),
        pytest.param(LAST_BUT_ONE, 2, marks=pytest.mark.slow),
    ],
)
def test_a_migration_that_is_killed_changes_nothing_and_the_next_start_does_it(
    database_url: str, version: str, statements: int
) -> None:
    database = database_of(database_url, version)
    words = [sys.executable, "-c", MIGRATE_UNTIL, database_url, str(statements)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        with pytest.raises(StoreUnavailable, match="is being migrated"):
            require_ready(database, version)
        process.kill()
    assert revision(database) == version
    assert upgrade(database) == version
    require_ready(database)
    with closing(Store(database_url, migrate=False)) as store:
        space = store.space("a")
        assert space is not None
        assert space.feedback.choices("ada", [choice(1)], SOON).accepted == 1
    database.close()


def test_a_copy_made_while_choices_are_written_holds_all_that_were_acknowledged(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store, stop = Store(database_url), threading.Event()
    space, acknowledged = store.make_space("a"), 0

    def write() -> None:
        nonlocal acknowledged
        while not stop.is_set():
            space.feedback.choices("ada", [choice(acknowledged)], SOON)
            acknowledged += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while acknowledged < 20 and writer.is_alive():
            stop.wait(0.01)
        before = acknowledged
        backup(store.database, tmp_path / "copy")
        after = acknowledged + 1
    finally:
        stop.set()
        writer.join()
        store.close()
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.sqlite'}"
    if not store.database.is_sqlite:
        cluster: postgresql.Cluster = request.getfixturevalue("cluster")
        elsewhere = cluster.new_database()
    assert restore(tmp_path / "copy", elsewhere) == REVISION
    with closing(Store(elsewhere, migrate=False)) as restored:
        found = restored.make_space("a")
        person = found.people.require("ada")
        ids = [one.external_id for one in found.history.page(person, limit=100_000)]
        assert ids == [f"c{number}" for number in range(len(ids))]
        assert before <= len(ids) <= after
        assert (person.choices, person.revision) == (len(ids), len(ids))
        assert [one.person for one in found.jobs.list()] == ["ada"]
        with pytest.raises(StorageError, match="not empty"):
            restore(tmp_path / "copy", elsewhere)
