"""Embeddings over real HTTP: what is asked, and answers that are of no use."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from facts import naming
from hypothesis import given
from hypothesis import strategies as st
from odd_hosts import Handler, OddHost, error

from personalrm.errors import EndpointRefused, RequestRefused, UnusableResponse
from personalrm.llm.complaints import ErrorInside
from personalrm.llm.embeddings import MOST_CHARACTERS, EmbeddingsEndpoint, read_embeddings
from personalrm.llm.host import Host
from personalrm.llm.scheduler import Scheduler
from personalrm.llm.simulated.embeddings import embedding

KEY = "sk-test-0123456789abcdefghijklmnop"


def listed(*vectors: Any) -> dict[str, Any]:
    return {"data": [{"index": at, "embedding": vector} for at, vector in enumerate(vectors)]}


def words(body: dict[str, Any], number: int = 0) -> tuple[int, Any]:
    return 200, listed(*(embedding(text).tolist() for text in body["input"]))


async def embedded(handler: Handler, texts: list[str], **host: Any) -> tuple[np.ndarray, OddHost]:
    async with OddHost(handler) as odd:
        one = EmbeddingsEndpoint("m", Host(odd.url, **host), Scheduler(8))
        try:
            return (await one.embed(texts)).vectors, odd
        finally:
            await one.aclose()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalrm.llm.http_client.FIRST_WAIT_S", 0.01)


@pytest.mark.parametrize(
    "given", ["http://h", "http://h/v1/", "http://h/v1/embeddings", "http://h/v1/chat/completions"]
)
def test_url_of_embeddings(given: str) -> None:
    assert Host(given).embeddings_url == "http://h/v1/embeddings"
    assert Host(given).chat_url == "http://h/v1/chat/completions"


async def test_a_request_carries_model_key_and_texts() -> None:
    found, odd = await embedded(words, ["egg", "", "half \ud800"], api_key=KEY)
    assert odd.paths == ["/v1/embeddings"]
    assert odd.bodies == [{"model": "m", "input": ["egg", " ", "half ?"]}]
    assert odd.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert np.allclose(found[0], embedding("egg"), atol=1e-6)


async def test_requests_are_bounded_by_texts_and_by_characters() -> None:
    texts = ["egg"] * 130 + ["x" * (MOST_CHARACTERS - 1), "ten", "minutes"]
    found, odd = await embedded(words, texts)
    assert sorted(len(body["input"]) for body in odd.bodies) == [1, 2, 2, 64, 64]
    assert len(found) == len(texts)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([], "list of embeddings"),
        ({"data": []}, "list of embeddings"),
        ({"data": [{"embedding": [1.0]}]}, "list of embeddings"),
        ({"data": [{"index": 0}]}, "list of embeddings"),
        (listed("AACAPw=="), "list of embeddings"),
        (listed([1.0]), "2 texts with 1"),
        (listed([1.0], [1.0], [1.0]), "2 texts with 3"),
        (listed([1.0, 2.0], [1.0]), "different widths: 1, 2"),
        (listed([], []), "different widths: 0"),
        (listed([1.0], [None]), "numbers"),
        (listed([1.0], ["1.0"]), "numbers"),
        (listed([1.0], [[1.0]]), "numbers"),
        (b'{"data": [{"index": 0, "embedding": [NaN]}]}', "infinite"),
        (listed([1.0], [1e300]), "infinite"),
        (listed([1.0], [0.0]), "zero values"),
        ({"data": listed([1.0], [2.0])["data"][::-1]}, "another order"),
    ],
)
async def test_an_answer_of_no_use_is_one_sentence(answer: Any, said: str) -> None:
    with pytest.raises(UnusableResponse, match=said):
        await embedded(lambda *_: (200, answer), ["egg", "water"])


async def test_a_host_that_changes_its_width_is_found_out() -> None:
    def reply(body: dict[str, Any], number: int) -> Any:
        return 200, listed(*([1.0] * (number + 3) for _ in body["input"]))

    with pytest.raises(UnusableResponse, match=naming(4, 5)):
        await embedded(reply, ["egg"] * 65)


async def test_an_error_sent_with_status_200_and_a_key_in_it() -> None:
    with pytest.raises(EndpointRefused, match=r"\(401\): Bad key") as caught:
        await embedded(lambda *_: (200, error(f"Bad key {KEY}", 401)), ["egg"], api_key=KEY)
    assert KEY not in str(caught.value)


async def test_too_many_texts_are_asked_in_halves_and_too_long_ones_cut() -> None:
    def reply(body: dict[str, Any], number: int) -> Any:
        if len(body["input"]) > 8:
            return 413, error("batch size 20 > maximum allowed batch size 8")
        if max(map(len, body["input"])) > 1000:
            return 400, error("This model's maximum context length is 250 tokens.")
        return words(body)

    texts = [f"egg {at}" for at in range(20)] + ["x" * 3000]
    found, _ = await embedded(reply, texts)
    assert np.allclose(found, [embedding(text[:750]) for text in texts], atol=1e-6)


async def test_what_is_refused_whatever_its_length_is_refused() -> None:
    with pytest.raises(RequestRefused, match="content_filter"):
        await embedded(lambda *_: (400, error("stopped by content_filter")), ["x" * 3000, "y"])
    with pytest.raises(EndpointRefused, match="no such parameter"):
        await embedded(lambda *_: (400, error("no such parameter")), ["egg"])


@given(st.binary() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda one: repr(one).encode()))
def test_any_bytes_are_unusable_or_read(value: bytes) -> None:
    for body in (value, b'{"data": [{"index": 0, "embedding": ' + value + b"}]}"):
        with contextlib.suppress(UnusableResponse, ErrorInside):
            assert np.isfinite(read_embeddings(body, 0)).all()
