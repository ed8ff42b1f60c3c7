"""Databases that are busy, full, foreign, newer or copied."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import postgresql
import pytest
from facts import naming
from small_disk import largest_file
from sqlalchemy import MetaData, text
from stores import choice

from personalrm.errors import DataError, StorageError, StoreBusy, StoreFull, StoreUnavailable
from personalrm.store import database as databases
from personalrm.store import migrating
from personalrm.store.backup import backup, restore
from personalrm.store.database import Database
from personalrm.store.jobs import Work
from personalrm.store.migrating import FOLDER, require_ready, revision, upgrade
from personalrm.store.schema import REVISION, metadata
from personalrm.store.store import Store
from personalrm.store.testing import memory_store

SOON = Work.update()
OLDER = "0.2.0.2"
FIRST = "0.2.0.1"
VALUES: dict[type, Any] = {int: 1, float: 1.5, str: "x", bytes: b"x", bool: True}


def test_the_newest_migration_is_the_one_the_code_names() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(FOLDER)).get_current_head() == REVISION


def test_migrations_make_exactly_the_tables_of_the_code(database_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    store = Store(database_url)
    with store.database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    store.close()


def test_rows_of_the_first_version_survive_every_migration(database_url: str) -> None:
    from alembic import command
    from alembic.config import Config

    old = Database(database_url)
    with old.write() as connection:
        config = Config()
        config.set_main_option("script_location", str(FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, FIRST)
    first = MetaData()
    first.reflect(old.engine)
    tables = [one for one in first.sorted_tables if one.name != "alembic_version"]
    with old.write() as connection:
        for table in tables:
            needed = [one for one in table.columns if one.primary_key or not one.nullable]
            connection.execute(table.insert().values({one.name: VALUES[one.type.python_type] for one in needed}))
    old.close()
    with closing(Store(database_url)) as store:
        with store.database.read() as connection:
            for table in tables:
                count = connection.execute(text(f"SELECT count(*) FROM {table.name}")).scalar()
                assert count == 1, table.name
        (space,) = store.spaces()
        (person,) = space.people.list("", 10)
        assert space.people.require(person.name).name == VALUES[str]


def test_processes_that_start_together_migrate_once(database_url: str) -> None:
    failed: list[BaseException] = []

    def start() -> None:
        try:
            Store(database_url).close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failed == []
    database = Database(database_url)
    assert revision(database) == REVISION
    database.close()


def test_a_migration_of_another_process_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalrm.store.database.WAIT_FOR_OTHERS_S", 0.05)  # shorter than the other one takes
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    with closing(sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        ends = threading.Timer(0.4, other.execute, ["COMMIT"])
        ends.start()
        Store(url).close()
        ends.join()


def test_a_migration_that_fails_leaves_nothing_half_done(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    real, made = op.create_table, []

    def create(*args: object, **options: object) -> object:
        if len(made) == 5:
            raise RuntimeError("power cut")
        made.append(args[0])
        return real(*args, **options)

    monkeypatch.setattr(op, "create_table", create)
    with pytest.raises(RuntimeError):
        Store(database_url)
    monkeypatch.undo()
    database = Database(database_url)
    assert revision(database) is None
    upgrade(database)
    assert revision(database) == REVISION
    database.close()


def test_a_newer_or_a_foreign_database_is_refused_with_the_way_out(database_url: str) -> None:
    store = Store(database_url)
    with store.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9.9.9.1'"))
    for migrate in (True, False):
        with pytest.raises(StorageError, match=r"9\.9\.9\.1.*update personalrm"):
            Store(database_url, migrate=migrate)
    with store.database.write() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(StorageError, match="choose another"):
        Store(database_url)
    store.close()


def test_an_empty_database_is_refused_where_migrating_is_not_wanted(database_url: str) -> None:
    with pytest.raises(StorageError, match="serve migrate"):
        Store(database_url, migrate=False)


def test_a_copy_holds_everything_and_goes_into_an_empty_database_only(
    store: Store, migrated_url: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not store.database.is_sqlite:
        cluster: postgresql.Cluster = request.getfixturevalue("cluster")
        monkeypatch.setenv("PATH", str(cluster.programs), prepend=":")
        empty = cluster.new_database()
    else:
        empty = f"sqlite:///{tmp_path / 'restored.sqlite'}"
    space = store.make_space("a")
    space.feedback.choices("ada", [choice(n) for n in range(4)], SOON)
    copy = tmp_path / "copy"
    assert backup(store.database, copy) > 1000
    with pytest.raises(StorageError, match="already"):
        backup(store.database, copy)
    space.feedback.choices("ada", [choice(9)], SOON)
    assert restore(copy, empty) == REVISION
    restored = Store(empty)
    found = restored.space("a")
    assert found is not None
    assert found.people.require("ada").choices == 4
    restored.close()
    with pytest.raises(StorageError, match="not empty"):
        restore(copy, empty)


def test_a_file_that_is_no_copy_is_refused(store: Store, migrated_url: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"not a copy" * 100)
    with pytest.raises((DataError, StorageError)):
        restore(other, migrated_url)
    with pytest.raises(DataError):
        restore(tmp_path / "missing", migrated_url)


def test_a_restore_that_fails_leaves_nothing(tmp_path: Path) -> None:
    other, empty, damaged = tmp_path / "other", tmp_path / "tables", tmp_path / "damaged"
    other.write_bytes(b"not a copy" * 100)
    damaged.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with closing(sqlite3.connect(empty)) as database, database:
        database.execute("CREATE TABLE theirs (a)")
    target, folder = tmp_path / "new" / "people.sqlite", tmp_path / "new"
    for source in (tmp_path / "missing", other, damaged, empty):
        with pytest.raises((DataError, StorageError)):
            restore(source, f"sqlite:///{target}")
        assert not list(folder.glob("*")), source.name

    backed = tmp_path / "copy"
    with closing(Store(f"sqlite:///{tmp_path / 'one.sqlite'}")) as store:
        backup(store.database, backed)
    with closing(sqlite3.connect(backed)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9.9.9.1'")
    with pytest.raises(StorageError, match="newer"):
        restore(backed, f"sqlite:///{target}")
    assert not list(folder.glob("*"))


def test_a_damaged_copy_is_refused(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'one.sqlite'}")
    store.make_space("a").feedback.choices("ada", [choice(n) for n in range(50)], SOON)
    copy = tmp_path / "copy"
    backup(store.database, copy)
    store.close()
    whole = copy.read_bytes()
    copy.write_bytes(whole[:9000] + b"\xff" * 30000 + whole[39000:])
    with pytest.raises(DataError, match="damaged"):
        restore(copy, f"sqlite:///{tmp_path / 'two.sqlite'}")


@pytest.mark.parametrize("room", [0, 4096, 65536])
def test_a_full_disk_leaves_no_new_database(room: int, tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'one.sqlite'}")
    store.make_space("a")
    copy, two = tmp_path / "copy", tmp_path / "deep" / "two.sqlite"
    backup(store.database, copy)
    store.close()
    before = {one.name for one in tmp_path.iterdir()}
    with largest_file(room):
        for work in (lambda: restore(copy, f"sqlite:///{two}"), lambda: Store(f"sqlite:///{two}")):
            with pytest.raises(StorageError, match=naming("full", two.name)):
                work()
            assert not two.parent.exists() or list(two.parent.iterdir()) == []
        reopened = Database(f"sqlite:///{tmp_path / 'one.sqlite'}")
        with pytest.raises(StorageError):
            backup(reopened, tmp_path / "copy2")
        reopened.close()
    logs = {f"one.sqlite{ending}" for ending in ("-wal", "-shm")}  # of the database that was there
    assert {one.name for one in tmp_path.iterdir()} - {"deep"} - logs == before
    assert restore(copy, f"sqlite:///{two}") == REVISION


def test_a_locked_database_says_that_it_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "WAIT_FOR_OTHERS_S", 0.1)
    store = Store(f"sqlite:///{tmp_path / 'one.sqlite'}")
    space = store.make_space("a")
    other = sqlite3.connect(tmp_path / "one.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match="try again"):
        space.feedback.choices("ada", [choice(1)], SOON)
    assert space.people.get("ada") is None  # reading goes on
    other.execute("ROLLBACK")
    other.close()
    assert space.feedback.choices("ada", [choice(1)], SOON).accepted == 1
    store.close()


def test_a_full_disk_says_so_and_loses_nothing(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'one.sqlite'}")
    space = store.make_space("a")
    space.feedback.choices("ada", [choice(1)], SOON)
    with store.database.write() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar()
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(StoreFull):
        space.feedback.choices("ada", [choice(n) for n in range(2, 900)], SOON)
    with store.database.write() as connection:
        connection.execute(text("PRAGMA max_page_count = 1000000"))
    assert space.people.require("ada").choices == 1
    store.close()


def test_a_server_that_is_down_says_so(cluster: postgresql.Cluster) -> None:
    url = cluster.new_database()
    store = Store(url)
    space = store.make_space("a")
    cluster.stop()
    try:
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            space.people.get("ada")
    finally:
        cluster.start()
    assert space.people.get("ada") is None
    store.close()


def test_a_password_is_never_shown() -> None:
    database = Database("postgresql://me:hunter2@127.0.0.1:1/none")
    assert "hunter2" not in database.shown
    with pytest.raises(StoreUnavailable) as error, database.read():
        pass
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("url", ["mysql://x", "http://x/y", "postgresql://h:port/x", "sqlite+nodriver:///x"])
def test_what_is_no_database_is_said(url: str) -> None:
    with pytest.raises((DataError, StorageError)):
        Store(url)


def test_a_store_in_memory_works_alike() -> None:
    with memory_store() as store:
        space = store.make_space("a")
        assert space.feedback.choices("ada", [choice(1)], SOON).accepted == 1
        assert space.people.require("ada").choices == 1


def old_version(url: str) -> Database:
    """A database that an earlier release has made."""
    from alembic import command
    from alembic.config import Config

    database, config = Database(url), Config()
    config.set_main_option("script_location", str(FOLDER))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, OLDER)
    return database


def test_a_database_that_is_being_migrated_is_not_ready(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = old_version(database_url)
    require_ready(database, OLDER)
    began, go_on, real = threading.Event(), threading.Event(), migrating._run

    def slowly(*given: Any) -> None:
        real(*given)
        began.set()
        assert go_on.wait(30)

    monkeypatch.setattr(migrating, "_run", slowly)
    newer = Database(database_url)
    work = threading.Thread(target=upgrade, args=(newer,))
    work.start()
    try:
        assert began.wait(30)
        with pytest.raises(StoreUnavailable, match="is being migrated"):
            require_ready(database, OLDER)
    finally:
        go_on.set()
        work.join()
    require_ready(database)
    with pytest.raises(StoreUnavailable, match=OLDER):  # the service of before
        require_ready(database, OLDER)
    database.close()
    newer.close()


def test_a_migration_that_was_broken_off_leaves_a_database_that_the_next_start_makes_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    database = old_version(url)

    def fails(*_: Any) -> None:
        raise RuntimeError("disk gone")

    with monkeypatch.context() as patch:
        patch.setattr(migrating, "_run", fails)
        with pytest.raises(RuntimeError):
            upgrade(database)
    require_ready(database, OLDER)
    with database.write() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 1")  # what a kill leaves
    with pytest.raises(StoreUnavailable, match="is being migrated"):
        require_ready(database, OLDER)
    assert upgrade(database) == OLDER
    require_ready(database)
    with database.write() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 1")
    assert upgrade(database) == REVISION
    require_ready(database)
    database.close()


def test_tables_of_another_version_are_said_to_be_that(database_url: str) -> None:
    store = Store(database_url)
    with store.database.write() as connection:
        connection.execute(text("ALTER TABLE choices RENAME COLUMN weight TO mass"))
        connection.execute(text("DROP TABLE api_keys"))
    space = store.make_space("a")
    with pytest.raises(StoreUnavailable, match="lacks tables"):
        space.feedback.choices("ada", [choice(1)], SOON)
    with pytest.raises(StoreUnavailable, match="lacks tables"):
        space.keys.list()
    store.close()
