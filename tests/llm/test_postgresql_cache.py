"""The answer cache in a real PostgreSQL: what the SQLite file promises, for machines that share no file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import orjson
import postgresql
import pytest
from askers import asking
from database_fixtures import cluster
from facts import tells
from leases import check_lease_of_another_machine
from odd_hosts import ASK, SHORT, OddHost, answer, question

from personalrm.errors import StorageError
from personalrm.llm.cache import AnswerCache, Found
from personalrm.llm.cache_location import default_cache, default_path, open_cache
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.llm.endpoint import Completion, TokenLogprob
from personalrm.llm.forgetting import forget_answers
from personalrm.llm.simulated import SimulatedLLM

__all__ = ["cluster"]
KEY = b"k" * 32
FULL = Completion(
    "B, because …", (TokenLogprob("B", -0.25, (("B", -0.25), ("A", -1.5))),), 120, 7, 64, "stop", 0.0125, False
)


@pytest.fixture
def url(cluster: postgresql.Cluster) -> str:
    return cluster.new_database()


@pytest.fixture
def two(url: str) -> Iterator[tuple[AnswerCache, AnswerCache]]:
    caches = open_cache(url), open_cache(url)
    yield caches
    for one in caches:
        one.close()


def test_an_answer_comes_back_whole_from_every_machine(two: tuple[AnswerCache, AnswerCache]) -> None:
    one, other = two
    one.put(KEY, "m", FULL)
    other.put(KEY, "m", Completion("another answer, later"))
    assert other.get(KEY) == one.get(KEY) == replace(FULL, from_cache=True)
    assert other.get(b"n" * 32) is None
    assert len(other) == 1
    other.close()
    assert other.get(KEY) == replace(FULL, from_cache=True)  # opens again
    one.put(b"c" * 32, "m", Completion("cut", finish_reason="length"))
    one.put(b"c" * 32, "m", Completion("whole"))
    one.put(KEY, "m", Completion("asked again"), replace=True)
    assert [other.get(key).text for key in (b"c" * 32, KEY)] == ["whole", "asked again"]  # type: ignore[union-attr]


def test_facts_are_shared(two: tuple[AnswerCache, AnswerCache]) -> None:
    one, other = two
    for value in ({"room": 1}, {"room": 2}):
        one.keep_fact("host", value)
        assert other.fact("host") == value
    assert other.fact("nothing") is None


def test_a_claim_holds_until_it_is_given_back(two: tuple[AnswerCache, AnswerCache]) -> None:
    one, other = two
    assert one.look_up(KEY) is Found.NOTHING
    assert one.look_up(KEY) is Found.NOTHING  # one's own
    assert other.look_up(KEY) is Found.ASKED_ELSEWHERE
    one.release_claim(KEY)
    assert other.look_up(KEY) is Found.NOTHING
    other.put(KEY, "m", Completion("A"))
    assert one.look_up(KEY) == Completion("A", from_cache=True)
    assert other.claimed == 0


def test_a_lease_ends_where_nobody_shows_that_they_live(
    two: tuple[AnswerCache, AnswerCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    far, here = two
    check_lease_of_another_machine(far, here, KEY, monkeypatch)
    assert far.look_up(KEY) is Found.ASKED_ELSEWHERE


def test_processes_that_start_together_ask_once(url: str) -> None:
    with SimulatedLLM(latency=0.3) as llm:
        programs = [asking(llm.url, url) for _ in range(2)]
        assert [one.communicate(timeout=120)[1] for one in programs] == ["", ""]
        assert llm.statistics.requests == 40


async def test_a_damaged_row_is_asked_again(url: str) -> None:
    import psycopg

    async with OddHost(lambda _, number: (200, answer(f"answer {number}"))) as odd:
        one = connect("m", EndpointOptions(base_url=odd.url, cache=url))
        await one.complete(ASK, SHORT)
        await one.aclose()
        with psycopg.connect(url) as db:
            row = db.execute("SELECT answer FROM answers").fetchone()
            assert row is not None
            db.execute("UPDATE answers SET answer = %s", (orjson.dumps({**orjson.loads(row[0]), "text": "other"}),))
        one = connect("m", EndpointOptions(base_url=odd.url, cache=url))
        assert (await one.complete(ASK, SHORT)).text == "answer 2"
        assert one.damaged == 1
        await one.aclose()


async def test_a_server_that_stops_is_one_sentence_and_nothing_is_asked_twice(url: str) -> None:
    import psycopg

    async with OddHost(lambda _, number: (200, answer(f"answer {number}"))) as odd:
        llm = connect("m", EndpointOptions(base_url=odd.url, cache=url))
        await asyncio.gather(*(llm.complete(question(at), SHORT) for at in range(5)))
        with psycopg.connect(url, autocommit=True) as db:  # as when the server restarts
            others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            db.execute(f"SELECT pg_terminate_backend(pid) {others}")
        with pytest.raises(StorageError):
            await llm.complete(question(0), SHORT)
        again = await asyncio.gather(*(llm.complete(question(at), SHORT) for at in range(5)))
        assert all(one.from_cache for one in again)
        assert len(odd.bodies) == 5
        await llm.aclose()


def test_no_password_in_an_error() -> None:
    cache = open_cache("postgresql://ada:s3cret-pw@127.0.0.1:9/answers")
    with pytest.raises(StorageError) as refused:
        cache.get(KEY)
    assert tells(str(refused.value), "127.0.0.1", "answers")
    assert "s3cret" not in str(refused.value)
    assert "ada" not in str(refused.value)


def test_what_is_forgotten_is_gone(two: tuple[AnswerCache, AnswerCache], url: str) -> None:
    for key in (KEY, b"n" * 32):
        two[0].put(key, "m", FULL)
    assert forget_answers(url, [KEY, b"x" * 32]) == 1
    assert two[1].get(KEY) is None
    assert two[1].get(b"n" * 32) is not None


def test_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONALRM_CACHE", "postgresql://host/answers")
    assert default_cache() == "postgresql://host/answers"
    assert default_path().name == "answers.sqlite"  # for what needs a file
    monkeypatch.setenv("PERSONALRM_CACHE", "here.sqlite")
    assert default_cache() == "here.sqlite"
