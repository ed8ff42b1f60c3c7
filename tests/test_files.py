"""Files are written whole or not at all, a folder has one writer, and a damaged record is named."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from facts import naming, tells
from small_disk import largest_file

from personalrm import SynthesizeMe
from personalrm.data.reading import read_choices
from personalrm.databases import MEMORY, open_database
from personalrm.errors import DataError, ProfileError, StorageError
from personalrm.files import (
    making,
    read_object,
    read_record,
    reason,
    replace_file,
    stored,
    to_json,
)
from personalrm.locks import hold, hold_file
from personalrm.profile.file import load, save


def test_a_full_disk_leaves_the_earlier_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")

    replace_file(tmp_path / "a", b"1")
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="full"):
        replace_file(tmp_path / "a", b"2")
    assert [one.name for one in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"1"


def test_what_is_half_written_names_its_process(tmp_path: Path) -> None:
    """Two processes that write the same file do not write into each other's half."""
    seen: list[str] = []

    def blocks() -> Iterator[bytes]:
        seen.extend(one.name for one in tmp_path.iterdir())
        yield b"1"

    assert replace_file(tmp_path / "a", blocks()) == 1
    assert len(seen) == 1
    assert str(os.getpid()) in seen[0]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_a_private_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "a").touch(mode=0o644)
    replace_file(tmp_path / "a", b"secret", private=True)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


HOLDER = """
import sys, time
from pathlib import Path
from personalrm.locks import hold
lock = hold(Path(sys.argv[1]), "run of train")
(Path(sys.argv[1]) / f".model.{__import__('os').getpid()}.unfinished").touch()
print("held", flush=True)
time.sleep(600)
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that holds the folder, and has half a file in it."""
    program = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    assert program.stdout.readline() == "held\n"
    return program


def test_a_second_process_is_refused_and_told_which_one_is_there(tmp_path: Path) -> None:
    with holder(tmp_path / "out") as program:
        try:
            with pytest.raises(DataError, match=naming(f"process {program.pid}", "out")):
                hold(tmp_path / "out", "run of train")
        finally:
            program.kill()


def test_the_lock_of_a_killed_process_is_taken_over_and_its_half_files_are_removed(tmp_path: Path) -> None:
    with holder(tmp_path / "out") as program:
        program.send_signal(signal.SIGKILL)
        program.communicate()
    (tmp_path / "out/.other.1.unfinished").touch()  # of a process that lives
    assert len(list((tmp_path / "out").iterdir())) == 3
    with hold(tmp_path / "out", "run of train"):
        assert sorted(one.name for one in (tmp_path / "out").iterdir()) == [".lock", ".other.1.unfinished"]
    assert [one.name for one in (tmp_path / "out").iterdir()] == [".other.1.unfinished"]


def test_a_folder_made_for_nothing_is_removed_and_a_used_one_stays(tmp_path: Path) -> None:
    with hold(tmp_path / "empty", "run"), hold(tmp_path / "used", "run"):
        (tmp_path / "used/file").touch()
    assert [one.name for one in tmp_path.iterdir()] == ["used"]
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=naming(tmp_path / "file")):
        hold(tmp_path / "file", "run")


def test_a_full_disk_leaves_neither_a_lock_nor_its_folder(tmp_path: Path) -> None:
    program = (
        "import resource, sys; from pathlib import Path; from personalrm.errors import StorageError; "
        "from personalrm.locks import hold\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "try: hold(Path(sys.argv[1]), 'run')\n"
        "except StorageError as error: print(error)"
    )
    command = [sys.executable, "-W", "error", "-c", program, str(tmp_path / "run")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert str(tmp_path / "run") in ended.stdout
    assert ended.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_held_beside_it(tmp_path: Path) -> None:
    with hold_file(tmp_path / "ada.json", "update"), hold_file(tmp_path / "bob.json", "update"):
        with pytest.raises(DataError, match=r"another update .*ada\.json"):
            hold_file(tmp_path / "ada.json", "update")
        assert not (tmp_path / "ada.json").exists()
    hold_file(tmp_path / "ada.json", "update").release()
    assert list(tmp_path.iterdir()) == []


def test_a_database_is_private_shared_and_made_with_its_folder(tmp_path: Path) -> None:
    schema = "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY);"
    path = tmp_path / "deep" / "facts.sqlite"
    one, other = (open_database(path, schema) for _ in range(2))
    one.execute("INSERT INTO facts VALUES ('a')")
    assert other.execute("SELECT name FROM facts").fetchall() == [("a",)]
    assert one.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o600
    for db in (one, other, open_database(MEMORY, schema)):
        db.close()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(sqlite3.DatabaseError):
        open_database(path, schema)


@pytest.mark.parametrize("room", [0, 4096, 16384])
def test_a_full_disk_leaves_no_new_database_and_keeps_an_earlier_one(room: int, tmp_path: Path) -> None:
    schema = "".join(f"CREATE TABLE IF NOT EXISTS t{one} (name TEXT PRIMARY KEY);" for one in range(8))
    earlier = tmp_path / "earlier.sqlite"
    earlier.touch()
    with largest_file(room):
        for path in (tmp_path / "a/b/new.sqlite", earlier):
            with pytest.raises(sqlite3.OperationalError):
                open_database(path, schema)
    assert {one.name for one in tmp_path.iterdir()} >= {"earlier.sqlite"}
    assert not (tmp_path / "a").exists()
    for path in (tmp_path / "a/b/new.sqlite", earlier):
        open_database(path, schema).close()


@pytest.mark.parametrize(
    ("error", "way_out"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "free some space"),
        (OSError(errno.EROFS, "Read-only file system"), "another place"),
        (PermissionError(errno.EACCES, "Permission denied"), "permissions"),
        (OSError(errno.ENAMETOOLONG, "File name too long"), "shorter name"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_file_that_cannot_be_written_is_named_with_the_way_out(error: OSError, way_out: str, tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match=naming(tmp_path / "a.json", error.strerror, way_out)),
        stored(tmp_path / "a.json"),
        making(tmp_path / "deep/er"),
    ):
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_long_name_is_written_and_locked_and_a_longer_one_is_refused(tmp_path: Path) -> None:
    longest = tmp_path / ("ä" * 125 + ".json")  # 255 bytes
    with hold_file(longest, "update"):
        replace_file(longest, b"{}")
    assert [one.name for one in tmp_path.iterdir()] == [longest.name]
    with pytest.raises(StorageError, match=naming("shorter name")), stored(longest):
        replace_file(longest.with_suffix(".jsonl"), b"{}")


def test_a_place_that_can_hold_no_database_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "missing" / "a.sqlite")
    (tmp_path / "file").touch()
    before = sorted(tmp_path.iterdir())
    too_long = "a" * 250 + ".db"  # with the names of its log
    for name in ("folder", "pipe", "link", "file/a.sqlite", too_long):
        with pytest.raises((OSError, sqlite3.Error)):
            open_database(tmp_path / name, "CREATE TABLE IF NOT EXISTS facts (name TEXT);")
    assert sorted(tmp_path.iterdir()) == before


def test_an_error_of_sqlite_has_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_bytes(b"no database" * 1000)
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as db, pytest.raises(sqlite3.DatabaseError) as found:
        db.execute("SELECT 1 FROM a")
    assert tells(reason(found.value), "not a database", "another file")


def test_a_database_that_another_has_just_made_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "facts.sqlite"
    schema = "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY);"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")  # under it, a change of the journal's mode fails without waiting
        other.execute("CREATE TABLE others (name TEXT)")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            open_database(path, schema, wait_s=0.0)
        ends = threading.Timer(0.1, other.execute, ["COMMIT"])
        ends.start()
        open_database(path, schema).close()
        ends.join()


@dataclass(frozen=True)
class Point:
    x: int
    name: str = ""


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("{", "damaged"),
        ("[]", "expected a JSON object, found list"),
        ('{"schema": "1"}', "field 'schema'"),
        ('{"schema": true}', "field 'schema'"),
        ('{"schema": 0}', "field 'schema'"),
        ("{}", "field 'schema'"),
        ('{"schema": 3}', r"schema 3.* 2\)"),
        ('{"schema": 2}', "field 'x'"),
        ('{"schema": 2, "x": "one"}', "field 'x'"),
    ],
)
def test_a_record_that_cannot_be_used_is_named(text: str, facts: str, tmp_path: Path) -> None:
    path = tmp_path / "point.json"
    path.write_text(text)
    with pytest.raises(ProfileError, match=rf"the point .*point\.json.*{facts}"):
        read_record(path, Point, "point", 2, ProfileError)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "point.json"
    replace_file(path, to_json(Point(1, "here")))
    assert read_record(path, Point, "point") == Point(1, "here")
    assert read_object(path, "point") == {"x": 1, "name": "here"}
    with pytest.raises(DataError, match=naming("gone.json", "No such file")):
        read_object(tmp_path / "gone.json", "point")


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    """In a folder that others can write to, names of ours can be guessed."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    for name in (".lock", ".ada.json.lock", f".ada.json.{os.getpid()}.unfinished"):
        (tmp_path / name).symlink_to(precious)
    with pytest.raises(StorageError):
        hold(tmp_path, "run of train")
    with pytest.raises(StorageError):
        hold_file(tmp_path / "ada.json", "update")
    replace_file(tmp_path / "ada.json", b"{}")
    assert precious.read_text() == "mine"
    assert not (tmp_path / "ada.json").is_symlink()


def test_writing_to_a_pipe_waits_for_no_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalrm.files.WAIT_FOR_READER_S", 0.05)
    pipe = tmp_path / "p"
    rows = [{"prompt": "x" * 9_000, "chosen": f"Short {n}.", "rejected": "A longer answer."} for n in range(9)]
    profile = SynthesizeMe().fit(rows).profile
    os.mkfifo(pipe)
    with pytest.raises(StorageError, match="pipe"):
        save(profile, pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    monkeypatch.setattr("personalrm.files.WAIT_FOR_READER_S", 60)
    reader.start()
    save(profile, pipe)
    reader.join()
    assert len(read[0]) > 1 << 16, "more than a pipe holds at once"
    (tmp_path / "whole.json").write_bytes(read[0])
    assert load(tmp_path / "whole.json") == profile


@pytest.mark.parametrize("place", ["/dev/zero", "/dev/full", "pipe"])
def test_what_may_never_end_is_not_read(place: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    if place == "pipe":
        os.mkfifo(path)  # nobody writes to it
    else:
        path.symlink_to(place)
    with pytest.raises(DataError, match="device"):
        read_object(path, "manifest")
    if place != "pipe":
        with pytest.raises(DataError, match="device"):
            list(read_choices(path))
        with pytest.raises(DataError, match="device"):
            load(path)
