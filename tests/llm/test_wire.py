"""What hosts write, read without trusting any of it."""

from __future__ import annotations

import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalrm.errors import UnusableResponse
from personalrm.llm.endpoint import Completion
from personalrm.llm.wire import ErrorInside, complaint, read_completion, redact, wait_asked

KEY = "proj-AbCdEf0123456789"
NAMES = [
    "choices", "message", "content", "refusal", "logprobs", "token", "logprob", "top_logprobs", "usage",
    "prompt_tokens", "prompt_tokens_details", "cached_tokens", "finish_reason", "cost", "error", "code", "text",
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**40) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)


def _answer_like(inner: object) -> object:
    return {"choices": [{"message": inner, "logprobs": inner}], "usage": inner}


@given(JSON | JSON.map(_answer_like))
def test_any_json_is_an_answer_or_one_of_two_errors(value: object) -> None:
    try:
        found = read_completion(orjson.dumps(value), 40)
    except (UnusableResponse, ErrorInside):
        return
    assert isinstance(found.text, str)
    assert isinstance(found.prompt_tokens, int)
    assert found.prompt_tokens >= 0
    assert isinstance(found, Completion)


@given(st.binary(max_size=60))
def test_any_bytes_are_unusable_or_read(value: bytes) -> None:
    try:
        read_completion(value, 40)
    except (UnusableResponse, ErrorInside):
        assert complaint(value, KEY)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "No.", "code": 1}}, "No"),
        ({"error": "model 'x' not found"}, "model 'x' not found"),
        ({"object": "error", "message": "too long"}, "too long"),
        ({"detail": [{"loc": ["body", "top_logprobs"]}]}, "[{'loc': ['body', 'top_logprobs']}]"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"error": {"message": None}}, '{"error":{"message":null}}'),
        (["a"], "['a']"),
    ],
)
def test_complaints_of_many_hosts(body: object, said: str) -> None:
    assert complaint(orjson.dumps(body), None) == said


def test_a_complaint_without_a_blank_does_not_hold_up_the_run() -> None:
    began = time.perf_counter()
    said = complaint(orjson.dumps({"error": {"message": f"Bearer {KEY} " + "**x" * 100_000}}), KEY)
    assert said.startswith("Bearer [key] **x")
    assert len(said) <= 300
    assert time.perf_counter() - began < 30.0  # minutes, if all of it were searched for keys


def test_a_page_of_html_is_cut_short() -> None:
    said = complaint(b"<html>\n  <body>" + b"502 Bad Gateway " * 100, None)
    assert said.startswith("<html> <body>502 Bad Gateway")
    assert len(said) <= 160


@pytest.mark.parametrize(
    "said",
    [
        f"Incorrect key {KEY}.",
        f"Incorrect key {KEY[:11]}…",
        f"Incorrect key proj****{KEY[-4:]}.",
        f"Bearer {KEY}",
        "Incorrect key sk-abcdef123456 or pk_abcdef123456",
    ],
)
def test_keys_are_taken_out_and_words_are_left(said: str) -> None:
    shown = redact(said, KEY)
    assert "[key]" in shown
    for piece in ("AbCdEf", KEY[-4:], "abcdef"):
        assert piece not in shown
    assert redact("Incorrect API key provided. Your key is invalid.", KEY) == (
        "Incorrect API key provided. Your key is invalid."
    )


def test_stand_in_keys_of_local_servers_are_words() -> None:
    assert redact("ollama says: EMPTY", "ollama") == "ollama says: EMPTY"
    body = orjson.dumps({"choices": [{"message": {"content": "Ask ollama."}}]})
    assert read_completion(body, 10, "ollama").text == "Ask ollama."


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"Retry-After": "2.5"}, 2.5),
        ({"Retry-After": "-1"}, 0),
        ({"Retry-After": "soon"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"retry-after-ms": "250", "Retry-After": "1"}, 0.25),
        ({"retry-after-ms": "x"}, 0),
        ({"retry-after-ms": "2²"}, 0),
        ({"Retry-After": "inf"}, 0),
        ({"Retry-After": "nan"}, 0),
    ],
)
def test_waits_that_hosts_ask_for(headers: dict[str, str], seconds: float) -> None:
    assert wait_asked(headers) == seconds
