"""The cache of embeddings: each text embedded once, no text stored, and robust to crashes."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from facts import naming
from hash_encoders import Hashes, Plain
from places import HELPERS
from small_disk import small_disk_at

from personalrm.errors import StorageError
from personalrm.models.encoders import Cached, store
from personalrm.models.encoders.base import Encoder

WRITER = """
import sys, time
sys.path.insert(0, {folder!r})
from hash_encoders import Hashes
from personalrm.models.encoders import Cached
from personalrm.models.encoders import store
store.CHUNK = 50
encoder = Cached(Hashes(), sys.argv[1])
print("ready", flush=True)
for at in range(int(sys.argv[3])):
    encoder.embed([f"shared {{at}} {{one}}" if one % 2 else f"{{sys.argv[2]}} {{at}} {{one}}" for one in range(100)])
    print(at, flush=True)
print("done", flush=True)
"""


def written(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM vectors").fetchone()[0])


def test_nothing_is_embedded_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "CHUNK", 7)
    texts = [f"text {at % 40}" for at in range(100)] + ["\ud800", "\ud801", ""]
    inner = Hashes()
    encoder: Encoder = Cached(inner, tmp_path / "deep" / "vectors.sqlite")
    first = encoder.embed(texts)
    assert np.array_equal(first, Hashes().embed(texts))
    assert set(inner.asked.values()) == {1}
    assert np.array_equal(first, encoder.embed(texts))
    again = Hashes()
    later = Cached(again, tmp_path / "deep" / "vectors.sqlite")
    assert np.array_equal(first, later.embed(texts))
    assert not again.asked
    assert set(inner.asked.values()) == {1}
    assert (later.name, later.width, later.text((), "a")) == ("hashes", 12, "0: a")
    assert (first.dtype, first.flags.writeable) == (np.float32, True)
    assert encoder.embed([]).shape == (0, 12)


def test_texts_that_were_cut_are_known_in_later_runs(tmp_path: Path) -> None:
    texts = ["short", "x" * 30, "x" * 30, "y" * 21]
    for _ in range(2):
        encoder = Cached(Hashes(), tmp_path / "vectors.sqlite")
        _, cut = encoder.mark(texts)
        assert cut.tolist() == [False, True, True, True]
        assert encoder.truncated == 2
    plain = Plain()
    plain.truncated = 3
    assert Cached(plain, store.MEMORY).truncated == 3
    assert Cached(plain, store.MEMORY).mark(texts)[1].tolist() == [False] * 4


def test_encoders_of_different_names_share_a_file_and_no_vector(tmp_path: Path) -> None:
    one, other = Plain("one"), Plain("other", width=5)
    for inner in (one, other):
        Cached(inner, tmp_path / "vectors.sqlite").embed(["egg"])
    assert other.asked == {"egg": 1}
    assert written(tmp_path / "vectors.sqlite") == 2


def test_memory_is_bounded_and_the_file_knows_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "REMEMBER_BYTES", 10 * 12 * 4)
    inner = Plain()
    encoder = Cached(inner, tmp_path / "vectors.sqlite")
    encoder.embed([f"{at}" for at in range(50)])
    assert len(encoder._memory) == 10
    encoder.embed([f"{at}" for at in range(50)])
    assert set(inner.asked.values()) == {1}
    only = Cached(inner, store.MEMORY)
    only.embed(["a", *map(str, range(20)), "a"])
    assert inner.asked["a"] == 1


def test_threads_share_it(tmp_path: Path) -> None:
    inner = Plain()
    encoder = Cached(inner, tmp_path / "vectors.sqlite")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(encoder.embed, [[f"{at}" for at in range(200)]] * 16))
    assert all(np.array_equal(one, found[0]) for one in found)
    assert set(inner.asked.values()) == {1}


def test_no_text_is_stored_and_only_the_owner_may_read(tmp_path: Path) -> None:
    encoder = Cached(Plain(), tmp_path / "vectors.sqlite")
    encoder.embed(["The patient lives in Wuppertal."])
    kept = list(tmp_path.glob("vectors.sqlite*"))
    assert all(b"Wuppertal" not in one.read_bytes() for one in kept)
    assert {one.stat().st_mode & 0o077 for one in kept} == {0}
    encoder.close()
    assert encoder.embed(["The patient lives in Wuppertal."]).shape == (1, 12)


def test_the_default_path_is_beside_the_cache_of_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Cached(Plain()).embed(["egg"])
    assert written(tmp_path / "embeddings.sqlite") == 1
    monkeypatch.setenv("PERSONALRM_CACHE", store.MEMORY)
    Cached(Plain()).embed(["egg"])
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.endswith("sqlite")) == ["embeddings.sqlite"]


# what may happen to a file ---------------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_not_changed(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("These are my notes, and no database at all. " * 100)
    before = text.read_bytes()
    for path in (tmp_path, text, text / "vectors.sqlite"):
        with pytest.raises(StorageError, match=naming(path)):
            Cached(Plain(), path)
    assert text.read_bytes() == before


def test_a_damaged_file_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    texts = [f"{at}" for at in range(2000)]
    first = Cached(Plain(), path)
    first.embed(texts)
    first.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 60_000)
    with pytest.raises(StorageError, match="malformed"):
        Cached(Plain(), path).embed(texts)


def test_vectors_of_different_widths_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    Cached(Plain(), path).embed(["egg"])
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE vectors SET vector = x'0000803F'")
        db.commit()
    with pytest.raises(StorageError, match="different widths"):
        Cached(Plain(), path).embed(["egg", "water"])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk_at(tmp_path / "small", megabytes=1) as folder:
        yield folder


def test_a_full_disk_is_reported_once_and_computing_continues(small_disk: Path) -> None:
    inner = Plain(width=64)
    encoder = Cached(inner, small_disk / "vectors.sqlite")
    texts = [f"{at}" for at in range(20_000)]
    with pytest.warns(RuntimeWarning, match=naming(small_disk / "vectors.sqlite")) as said:
        found = encoder.embed(texts)
    assert len(said) == 1
    assert np.array_equal(found, Plain(width=64).embed(texts))
    assert np.array_equal(encoder.embed([*texts, "more"])[:-1], found)  # and not a word more: warnings are errors
    assert set(inner.asked.values()) == {1}
    encoder.close()
    (small_disk / "ballast").write_bytes(b"x" * _room(small_disk))
    with pytest.warns(RuntimeWarning, match="is full"):
        late = Cached(Plain(), small_disk / "deep" / "other.sqlite")
    assert late.embed(["egg"]).shape == (1, 12)


def _room(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    """2 × 20 × 100 texts, half of them the same."""
    path = tmp_path / "vectors.sqlite"
    running = [_writer(path, f"p{process}", 20) for process in range(2)]
    said = [one.communicate(timeout=300) for one in running]
    assert [error for _, error in said] == ["", ""]
    assert written(path) == 20 * 50 + 2 * 20 * 50


def test_kill_nine_keeps_committed_vectors(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    for killed in range(3):
        writer = _writer(path, f"k{killed}", 10_000)
        assert writer.stdout is not None
        said = ""
        while said != "5\n":
            said = writer.stdout.readline()
        time.sleep(0.003 * killed)
        writer.send_signal(signal.SIGKILL)
        writer.communicate(timeout=60)
        inner = Hashes()
        Cached(inner, path).embed([f"shared {at} {one}" for at in range(6) for one in range(1, 100, 2)])
        assert not inner.asked
        with contextlib.closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _writer(path: Path, name: str, rounds: int) -> subprocess.Popen[str]:
    program = WRITER.format(folder=str(HELPERS))
    command = [sys.executable, "-c", program, str(path), name, str(rounds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_forked_child_opens_the_file_anew(tmp_path: Path) -> None:
    program = (
        f"import os, sys; sys.path.insert(0, {str(HELPERS)!r})\n"
        "from hash_encoders import Plain\nfrom personalrm.models.encoders import Cached\n"
        "encoder = Cached(Plain(), sys.argv[1]); encoder.embed(['egg'])\n"
        "if os.fork() == 0:\n    encoder.embed(['water']); os._exit(0)\n"
        "print(os.wait()[1]); encoder.embed(['ten'])\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "vectors.sqlite")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "0\n"
    assert written(tmp_path / "vectors.sqlite") == 3


@pytest.mark.parametrize("value", [b"", b"abc", "text", 7, bytes(48), b"\xff" * 48, b"\x00\x00\xc0\x7f" * 12])
def test_a_damaged_row_is_computed_again_and_replaced(tmp_path: Path, value: object) -> None:
    path = tmp_path / "vectors.sqlite"
    expected = Cached(Plain(), path).embed(["egg", "tea"])
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE vectors SET vector = ? WHERE rowid = 1", (value,))
        db.commit()
    for asked in (1, 0):
        inner = Plain()
        assert np.array_equal(Cached(inner, path).embed(["egg", "tea"]), expected)
        assert sum(inner.asked.values()) == asked
