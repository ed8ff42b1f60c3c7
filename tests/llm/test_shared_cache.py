"""The cache beside others: processes that start together, a file held by another, damage, deletion, old files."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest
from askers import asking
from leases import check_lease_of_another_machine
from odd_hosts import ASK, SHORT, OddHost, answer, question, until

from personalrm.llm import cache_claims
from personalrm.llm.cache import AnswerCache, Found
from personalrm.llm.cache_rows import cache_key, row_key
from personalrm.llm.cache_thread import CacheThread
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.llm.endpoint import Completion, SamplingParams
from personalrm.llm.simulated import SimulatedLLM

HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
db.execute("COMMIT")
"""
KEY = b"k" * 32


def test_processes_that_start_together_ask_once(tmp_path: Path) -> None:
    with SimulatedLLM(latency=0.3) as llm:
        programs = [asking(llm.url, tmp_path / "a.sqlite") for _ in range(3)]
        said = [one.communicate(timeout=120)[1] for one in programs]
        assert said == [""] * 3
        assert llm.statistics.requests == 40


def test_claims_of_a_killed_process_are_taken_over_at_once(tmp_path: Path) -> None:
    cache = tmp_path / "a.sqlite"
    with SimulatedLLM(hang_every=1) as llm:
        program = asking(llm.url, cache)
        while llm.statistics.active < 1:
            time.sleep(0.01)
        program.kill()
        program.communicate()
        llm.behaviour = type(llm.behaviour)()
        began = time.perf_counter()
        assert asking(llm.url, cache).communicate(timeout=120)[1] == ""
        assert time.perf_counter() - began < cache_claims.LEASE_S


def test_a_lease_ends_where_nobody_shows_that_they_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far, here = AnswerCache(tmp_path / "a.sqlite"), AnswerCache(tmp_path / "a.sqlite")
    check_lease_of_another_machine(far, here, KEY, monkeypatch)
    far.close()
    here.close()


def test_a_claim_that_is_given_back_is_free(tmp_path: Path) -> None:
    one, other = AnswerCache(tmp_path / "a.sqlite"), AnswerCache(tmp_path / "a.sqlite")
    assert one.look_up(KEY) is Found.NOTHING
    assert one.look_up(KEY) is Found.NOTHING  # one's own
    one.release_claim(KEY)
    assert other.look_up(KEY) is Found.NOTHING
    other.put(KEY, "m", Completion("A"))
    assert one.look_up(KEY) == other.get(KEY)
    one.close()
    other.close()


async def test_a_file_held_by_another_process_holds_up_no_loop(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    store = CacheThread(AnswerCache(path))
    await store.look_up(KEY)
    words = [sys.executable, "-c", HOLDER, path]
    holder = await asyncio.create_subprocess_exec(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    putting = store.put(KEY, "m", Completion("A"))
    for _ in range(200):  # were the loop held up, it would be until the wait for the file is given up
        await asyncio.sleep(0.001)
        assert not putting.done()
    holder.stdin.write(b"let go\n")
    await putting
    assert await store.look_up(KEY) == Completion("A", from_cache=True)
    await store.aclose()
    await holder.wait()


async def test_waiting_operations_share_a_statement(tmp_path: Path) -> None:
    store, keys = CacheThread(AnswerCache(tmp_path / "a.sqlite").open()), [b"%032d" % at for at in range(50)]
    await store.look_up(KEY)
    said: list[str] = []
    connection = store.cache._connection()
    assert isinstance(connection, sqlite3.Connection)
    connection.set_trace_callback(said.append)
    assert await asyncio.gather(*map(store.look_up, keys)) == [Found.NOTHING] * 50
    await asyncio.gather(*(store.put(key, "m", Completion("A")) for key in keys))
    assert len(await asyncio.gather(*map(store.look_up, keys))) == 50
    assert len(said) <= 12, said  # 250 if each operation had its own
    await store.aclose()


async def test_claims_of_stored_answers_are_released_when_nothing_is_asked(tmp_path: Path) -> None:
    store, other = CacheThread(AnswerCache(tmp_path / "a.sqlite")), AnswerCache(tmp_path / "a.sqlite")
    assert await store.look_up(KEY) is Found.NOTHING
    await store.put(KEY, "m", Completion("A"))
    with sqlite3.connect(tmp_path / "a.sqlite") as db:
        db.execute("DELETE FROM answers")  # as for a user who asked for it
    db.close()
    await until(lambda: other.look_up(KEY) is not Found.ASKED_ELSEWHERE)
    assert other.look_up(KEY) is Found.NOTHING
    other.close()
    await store.aclose()


async def test_a_busy_process_shows_that_it_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter rises although operations arrive without a pause."""
    monkeypatch.setattr("personalrm.llm.cache_thread.BEAT_S", 0.05)
    store = CacheThread(AnswerCache(tmp_path / "a.sqlite"))
    assert await store.look_up(KEY) is Found.NOTHING
    db = sqlite3.connect(tmp_path / "a.sqlite")
    async with asyncio.timeout(60):
        while not db.execute("SELECT beat FROM owners").fetchone()[0]:
            await store.look_up(KEY)
            await asyncio.sleep(0.001)
    db.close()
    await store.aclose()


# damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"text": "A"}',
        b'{"text": 5, "tokens": null, "usage": [1, 1, 0], "finish": "stop", "cost": null}',
        b'{"text": "A", "tokens": [["A", "x", []]], "usage": [1, 1, 0], "finish": "stop", "cost": null}',
        b'{"text": "A", "tokens": null, "usage": [1, 1], "finish": "stop", "cost": null}',
        b'{"text": "A", "tokens": null, "usage": ["a", 1, 0], "finish": "stop", "cost": null}',
        b'{"text": "A", "tokens": null, "usage": [1, 1, 0], "finish": null, "cost": null}',
        b'{"text": "A", "tokens": null, "usage": [1, 1, 0], "finish": "stop", "cost": "free"}',
        b'{"text": "A", "tokens": null, "usage": [1, 1, 0], "finish": "stop", "cost": null, "check": "0000"}',
        "text, not bytes",
        17,
    ],
)
async def test_a_damaged_row_is_asked_again_and_counted(row: object, tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    async with OddHost(lambda _, number: (200, answer(f"answer {number}"))) as odd:
        one = connect("m", EndpointOptions(base_url=odd.url, cache=path))
        await one.complete(ASK, SHORT)
        await one.aclose()
        db = sqlite3.connect(path)
        db.execute("UPDATE answers SET answer = ?", (row,))
        db.execute("UPDATE facts SET value = ?", (row,))
        db.commit()
        db.close()
        one = connect("m", EndpointOptions(base_url=odd.url, cache=path))
        assert (await one.complete(ASK, SHORT)).text == "answer 2"
        assert (await one.complete(ASK, SHORT)).from_cache
        await one.aclose()
        assert one.damaged == 1


def test_no_edit_of_an_answer_passes(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "a.sqlite")
    cache.put(KEY, "m", Completion("I prefer A.", prompt_tokens=5))
    cache.close()
    db = sqlite3.connect(tmp_path / "a.sqlite")
    (row,) = db.execute("SELECT answer FROM answers").fetchone()
    record = orjson.loads(row)
    for name, value in (("text", "I prefer B."), ("usage", [6, 1, 0]), ("finish", "length"), ("budget", 9)):
        db.execute("UPDATE answers SET answer = ?", (orjson.dumps({**record, name: value}),))
        db.commit()
        assert AnswerCache(tmp_path / "a.sqlite").get(KEY) is None
        db.execute("INSERT OR REPLACE INTO answers VALUES (?, 'm', ?, 0)", (KEY, row))
        db.commit()
    db.execute("UPDATE answers SET key = ?", (b"n" * 32,))  # another question's answer
    db.commit()
    db.close()
    assert AnswerCache(tmp_path / "a.sqlite").get(b"n" * 32) is None


def test_files_with_flipped_bytes_give_the_answer_nothing_or_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    cache = AnswerCache(path)
    keys = [b"%032d" % at for at in range(60)]
    for key in keys:
        cache.put(key, "m", Completion(f"answer {int(key)} " * 20))
    cache.close()
    whole, draw = path.read_bytes(), random.Random(7)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(draw.choice([1, 1, 5, 50])):
            damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        for more in ("-wal", "-shm"):
            Path(f"{path}{more}").unlink(missing_ok=True)
        cache = AnswerCache(path)
        for key in keys:
            try:
                found = cache.get(key)
            except Exception as error:
                assert type(error).__name__ == "StorageError"  # noqa: PT017
                break
            assert found is None or found.text == f"answer {int(key)} " * 20
        cache.close()


# deleted under a run, and files of version 0.1 -------------------------------------------------------------------


@pytest.mark.parametrize("what", ["file", "folder"])
async def test_a_cache_deleted_in_the_midst_is_begun_anew_and_keeps_what_comes(what: str, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.sqlite"
    async with OddHost(lambda *_: (200, answer("A"))) as odd:
        one = connect("m", EndpointOptions(base_url=odd.url, cache=path))
        await asyncio.gather(*(one.complete(question(at), SHORT) for at in range(5)))
        if what == "folder":
            shutil.rmtree(path.parent)
        else:
            path.unlink()
        await asyncio.gather(*(one.complete(question(at), SHORT) for at in range(5, 10)))
        await one.aclose()
    cache = AnswerCache(path)
    assert len(cache) == 5
    cache.close()


async def test_answers_of_version_0_1_belong_to_the_first_host_that_is_asked(tmp_path: Path) -> None:
    path, params = tmp_path / "a.sqlite", SamplingParams(5)
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE answers (key BLOB PRIMARY KEY, model TEXT NOT NULL, answer BLOB NOT NULL, written REAL)")
    from personalrm.llm.cache_rows import keys_before_0_2

    (old,) = keys_before_0_2("m", ASK, params)
    row = b'{"text":"old","tokens":null,"usage":[9,1,0],"finish":"stop","cost":null}'
    db.execute("INSERT INTO answers VALUES (?, 'm', ?, 0)", (old, row))
    db.commit()
    db.close()
    texts = []
    for _ in range(2):
        async with OddHost(lambda *_: (200, answer("new"))) as odd:
            one = connect("m", EndpointOptions(base_url=odd.url, cache=path))
            texts += [(await one.complete(ASK, params)).text for _ in range(2)]
            await one.aclose()
    assert texts == ["old", "old", "new", "new"]


def test_keys_of_two_hosts_differ() -> None:
    question_key = cache_key("m", ASK, SHORT)
    assert len({row_key(one, question_key) for one in ("", "http://a/v1", "http://a:1/v1")}) == 3


async def test_answers_that_wait_for_others_are_stored_when_their_put_returns(tmp_path: Path) -> None:
    """Answers in a row share wake-ups of the thread; a lookup among them does not wait, and each of them is on disk."""
    store, other = CacheThread(AnswerCache(tmp_path / "a.sqlite")), AnswerCache(tmp_path / "a.sqlite")
    first, second, third = (b"%032d" % at for at in range(3))
    await store.put(first, "m", Completion("A"))
    waiting = store.put(second, "m", Completion("B"))
    await asyncio.sleep(0)
    assert await store.look_up(third) is Found.NOTHING
    await waiting
    await store.put(third, "m", Completion("C"))  # nothing else comes, and it is stored all the same
    found = [other.get(key) for key in (first, second, third)]
    assert [one and one.text for one in found] == ["A", "B", "C"]
    other.close()
    await store.aclose()
