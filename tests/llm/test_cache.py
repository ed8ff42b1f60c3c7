"""The cache on real files: what it keeps, what it never holds, full disks, and many processes at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from facts import naming, tells
from hypothesis import given
from hypothesis import strategies as st
from odd_hosts import OddHost, answer
from small_disk import small_disk_at

from personalrm.errors import StorageError, StoreBusy
from personalrm.llm.cache import AnswerCache, Found
from personalrm.llm.cache_location import default_path
from personalrm.llm.cache_rows import cache_key
from personalrm.llm.cache_thread import CacheThread
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.llm.endpoint import Completion, SamplingParams, TokenLogprob
from personalrm.preferences import Message

FULL = Completion(
    "B, because …", (TokenLogprob("B", -0.25, (("B", -0.25), ("A", -1.5))),), 120, 7, 64, "stop", 0.0125, False
)
WRITER = """
import sys
from personalrm.llm.cache import AnswerCache
from personalrm.llm.endpoint import Completion
path, process = sys.argv[1], int(sys.argv[2])
cache = AnswerCache(path)
for at in range(200):
    shared = at % 2
    key = (b"shared%026d" % at) if shared else (b"p%d%030d" % (process, at))
    cache.put(key, "m", Completion(f"answer {at}" if shared else f"answer {process} {at}"))
    assert cache.get(key) is not None
    if at % 50 == 49:
        cache.close()
"""


def ask(text: str) -> list[Message]:
    return [Message("user", text)]


def test_an_answer_comes_back_whole_and_marked(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "deep" / "down" / "answers.sqlite")
    cache.put(b"k" * 32, "m", FULL)
    cache.put(b"k" * 32, "m", Completion("another answer, later"))
    assert cache.get(b"k" * 32) == replace(FULL, from_cache=True)
    assert cache.get(b"n" * 32) is None
    assert len(cache) == 1
    cache.close()
    assert cache.get(b"k" * 32) == replace(FULL, from_cache=True)  # opens again
    cache.close()


def test_whatever_changes_the_answer_changes_the_key() -> None:
    params = SamplingParams(10, 0.0, {"title": "t", "type": "object"}, 5, 0)
    keys = {
        cache_key("m", ask("q"), params),
        cache_key("n", ask("q"), params),
        cache_key("m", ask("r"), params),
        cache_key("m", [Message("system", "q")], params),
        cache_key("m", [*ask("q"), Message("assistant", "")], params),
        cache_key("m", ask("q"), replace(params, temperature=0.1)),
        cache_key("m", ask("q"), replace(params, schema=None)),
        cache_key("m", ask("q"), replace(params, schema={"title": "u", "type": "object"})),
        cache_key("m", ask("q"), replace(params, logprobs=0)),
        cache_key("m", ask("q"), replace(params, sample=1)),
        cache_key("m", ask("half \ud83d"), params),
        cache_key("m", ask("half \ud83e"), params),
    }
    assert len(keys) == 12
    assert cache_key("m", ask("q"), replace(params, max_tokens=11)) in keys  # it only cuts an answer
    assert cache_key("m", ask("q"), replace(params, priority=9)) in keys
    assert cache_key("m", ask("q"), replace(params, schema={"type": "object", "title": "t"})) in keys


@given(st.lists(st.text(), min_size=2, max_size=4))
def test_texts_cannot_be_shifted_between_messages(parts: list[str]) -> None:
    joined = [Message("user", "".join(parts))]
    split = [Message("user", one) for one in parts]
    assert cache_key("m", joined, SamplingParams(1)) != cache_key("m", split, SamplingParams(1))


def test_path_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PERSONALRM_CACHE", "~/here.sqlite")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == tmp_path / "here.sqlite"
    monkeypatch.delenv("PERSONALRM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert default_path() == tmp_path / "x" / "personalrm" / "answers.sqlite"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_path() == tmp_path / ".cache" / "personalrm" / "answers.sqlite"


# files that cannot be used ---------------------------------------------------------------------------------------


def test_a_directory_a_text_file_and_a_file_as_folder(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("These are my notes, and no database at all. " * 100)
    before = text.read_bytes()
    for path in (tmp_path, text, text / "answers.sqlite", Path("/")):
        with pytest.raises(StorageError, match=naming("--cache")):
            AnswerCache(path).open()
    assert text.read_bytes() == before


async def test_a_file_locked_for_long_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """50 lookups at once wait together, once more for the first of them, and not 50 times a minute."""
    cache, alone = AnswerCache(tmp_path / "answers.sqlite"), []
    cache.open()._connection().execute("PRAGMA busy_timeout = 20")
    look_up = AnswerCache.look_up
    monkeypatch.setattr(AnswerCache, "look_up", lambda self, *given: (alone.append(1), look_up(self, *given))[1])
    store = CacheThread(cache)
    with contextlib.closing(sqlite3.connect(cache.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        found = await asyncio.gather(*(store.look_up(bytes([one])) for one in range(50)), return_exceptions=True)
        other.execute("ROLLBACK")
    assert {type(one) for one in found} == {StoreBusy}
    assert tells(str(found[0]), cache.path, "another process", "--cache")
    assert len(alone) == 1
    assert await store.look_up(b"a") is Found.NOTHING
    await store.aclose()


def test_no_right_to_write(tmp_path: Path) -> None:
    """As root every file can be written, so this is done as nobody."""
    AnswerCache(tmp_path / "answers.sqlite").open().close()
    for path, mode in ((tmp_path, 0o555), (tmp_path / "answers.sqlite", 0o444)):
        path.chmod(mode)
    code = """
import os, sys
from personalrm.errors import StorageError
from personalrm.llm.cache import AnswerCache
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    AnswerCache(sys.argv[1]).open()
except StorageError as error:
    print(error)
"""
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/tmp"):  # pytest's folders are 0700
            with contextlib.suppress(OSError):
                parent.chmod(parent.stat().st_mode | 0o011)
    command = [sys.executable, "-c", code, str(tmp_path / "answers.sqlite")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    tmp_path.chmod(0o755)
    assert tells(said, tmp_path / "answers.sqlite")
    assert "readonly" in said or "unable to open" in said or "ermission" in said


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    cache = AnswerCache(path)
    for at in range(200):
        cache.put(b"%032d" % at, "m", Completion("x" * 500))
    cache.close()
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 40000)
    cache = AnswerCache(path)

    def use() -> None:
        for at in range(200):
            cache.get(b"%032d" % at)
            cache.put(b"n%031d" % at, "m", Completion("y"))

    with pytest.raises(StorageError, match=r"cannot be (used|written): .*malformed"):
        use()
    cache.close()


# full disks ------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk_at(tmp_path / "small", megabytes=6) as folder:
        yield folder


async def test_full_disk_keeps_the_answers_in_flight_and_stops_the_run(small_disk: Path) -> None:
    """40 answers of 60 kB in flight when the disk gets full: all are kept, nothing more is asked."""
    path = small_disk / "answers.sqlite"

    async def reply(body: object, number: int) -> object:
        await asyncio.sleep(0.05)
        return 200, answer("x" * 60_000)

    async with OddHost(reply) as odd:
        llm = connect("m", EndpointOptions(base_url=odd.url, cache=path, concurrency=40))
        asking = [asyncio.create_task(llm.complete(ask(f"question {at}"), SamplingParams(5))) for at in range(300)]
        done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_EXCEPTION)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await llm.drain()
        errors = [str(task.exception()) for task in done if not task.cancelled() and task.exception()]
        assert any(tells(one, "full", "kept") for one in errors)
        paid = len(odd.bodies)
        with pytest.raises(StorageError, match="is full"):
            await llm.complete(ask("one more"), SamplingParams(5))
        assert len(odd.bodies) == paid < 300
        await llm.aclose()
        connection = sqlite3.connect(path)
        assert connection.execute("SELECT count(*) FROM answers").fetchone() == (paid,)
        connection.close()


async def test_with_room_again_the_same_object_goes_on(small_disk: Path) -> None:
    """The disk gets full while the first answer is on its way: it is kept, nothing is asked until there is room."""
    ballast = small_disk / "ballast"

    def reply(body: object, number: int) -> object:
        if number == 1:
            with pytest.raises(OSError, match="No space"):
                ballast.write_bytes(b"x" * (7 << 20))
        return 200, answer("x" * 60_000)

    async with OddHost(reply) as odd:
        llm = connect("m", EndpointOptions(base_url=odd.url, cache=small_disk / "answers.sqlite"))
        with pytest.raises(StorageError, match=naming("kept")):
            await llm.complete(ask("first"), SamplingParams(5))
        with pytest.raises(StorageError, match="is full"):
            await llm.complete(ask("second"), SamplingParams(5))
        ballast.unlink()
        assert (await llm.complete(ask("first"), SamplingParams(5))).from_cache
        assert not (await llm.complete(ask("second"), SamplingParams(5))).from_cache
        assert len(odd.bodies) == 2
        await llm.aclose()


def test_opening_on_a_full_disk_leaves_no_half_reserve(small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        (small_disk / "ballast").write_bytes(b"x" * (7 << 20))
    with pytest.raises(StorageError, match=naming(small_disk / "answers.sqlite")):
        AnswerCache(small_disk / "answers.sqlite").open()
    assert not (small_disk / "answers.sqlite.reserve").exists()


# several processes, and what is never stored ---------------------------------------------------------------------


def test_four_processes_write_at_once(tmp_path: Path) -> None:
    """4 × 200 writes, half of them of the same keys, each process closing and opening again: 500 answers, no error."""
    path = str(tmp_path / "new" / "answers.sqlite")
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, str(process)], stderr=subprocess.PIPE, text=True)
        for process in range(4)
    ]
    said = [process.communicate(timeout=600)[1] for process in running]
    assert said == [""] * 4
    cache = AnswerCache(path)
    assert len(cache) == 4 * 100 + 100
    for at in range(0, 200, 2):
        for process in range(4):
            found = cache.get(b"p%d%030d" % (process, at))
            assert found is not None
            assert found.text == f"answer {process} {at}"
    cache.close()


async def test_no_key_no_url_and_no_prompt_on_the_disk(tmp_path: Path) -> None:
    key, secret_prompt = "sk-live-9f8e7d6c5b4a39281706", "The patient lives in Wuppertal."

    def echo(body: object, number: int) -> object:
        return 200, answer(f"Your key is {key}.", logprobs={"content": [{"token": key, "logprob": -0.5}]})

    async with OddHost(echo) as odd:
        url = odd.url.replace("http://", "http://user:passw0rd@") + "?token=t0ken"
        llm = connect("m", EndpointOptions(url, key, tmp_path / "answers.sqlite"))
        params = SamplingParams(5, schema={"title": "t", "type": "object", "description": "described"}, logprobs=5)
        found = await llm.complete(ask(secret_prompt), params)
        stored = _bytes_of(tmp_path)
        await llm.aclose()
        stored += _bytes_of(tmp_path)
    assert found.text == "Your key is [key]."
    assert b"Your key is [key]." in stored
    for piece in (key, key[3:15], secret_prompt, "Wuppertal", "127.0.0.1", "passw0rd", "t0ken", "described"):
        assert piece.encode() not in stored


def _bytes_of(folder: Path) -> bytes:
    """The database, its log, its index and the reserve."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_only_the_owner_may_read_what_is_kept(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.sqlite")
    cache.put(b"k" * 32, "m", Completion("A"))
    assert {one.stat().st_mode & 0o077 for one in tmp_path.glob("answers.sqlite*") if one.suffix != ".reserve"} == {0}
    cache.close()
