"""What hosts write, read without trusting any of it."""

from __future__ import annotations

import json

import orjson
import pytest
from each import each
from growth import assert_growth
from hypothesis import given
from hypothesis import strategies as st

from personalrm.errors import UnusableResponse
from personalrm.llm.complaints import ErrorInside, complaint
from personalrm.llm.credentials import Credentials
from personalrm.llm.endpoint import Completion
from personalrm.llm.retry_after import wait_asked
from personalrm.llm.wire import read_completion

KEY = "proj-AbCdEf0123456789"
SECRET = Credentials.of(KEY)
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
        assert complaint(value, SECRET)


@each(
    ("body", "said"),
    [
        ({"error": {"message": "No.", "code": 1}}, "No"),
        ({"error": "model 'x' not found"}, "model 'x' not found"),
        ({"object": "error", "message": "too long"}, "too long"),
        ({"detail": [{"loc": ["body", "top_logprobs"]}]}, "body.top_logprobs"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"error": {"message": None}}, '{"error":{"message":null}}'),
        (["a"], "a"),
    ],
)
def test_complaints_of_many_hosts(body: object, said: str) -> None:
    assert complaint(orjson.dumps(body)) == said


def test_a_complaint_without_a_blank_does_not_hold_up_the_run() -> None:
    def told(stars: int) -> None:
        said = complaint(orjson.dumps({"error": {"message": f"Bearer {KEY} " + "**x" * stars}}), SECRET)
        assert said.startswith("Bearer [key] **x")
        assert len(said) <= 300

    assert_growth(told, 5_000, 40_000, 20)  # quadratic, as it was: 64


def test_a_page_of_html_is_cut_short() -> None:
    said = complaint(b"<html>\n  <body>" + b"502 Bad Gateway " * 100)
    assert said.startswith("<html> <body>502 Bad Gateway")
    assert len(said) <= 160


@each(
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
    shown = SECRET.scrub(said)
    assert "[key]" in shown
    for piece in ("AbCdEf", KEY[-4:], "abcdef"):
        assert piece not in shown
    assert SECRET.scrub("Incorrect API key provided. Your key is invalid.") == (
        "Incorrect API key provided. Your key is invalid."
    )


def test_stand_in_keys_of_local_servers_are_words() -> None:
    assert Credentials.of("ollama").scrub("ollama says: EMPTY") == "ollama says: EMPTY"
    body = orjson.dumps({"choices": [{"message": {"content": "Ask ollama."}}]})
    assert read_completion(body, 10, Credentials.of("ollama")).text == "Ask ollama."


@each(
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


@each(
    ("headers", "seconds"),
    [
        ({"Retry-After": "9" * 5000}, 31 * 86400),
        ({"retry-after-ms": "9" * 5000}, 31 * 86400),
        ({"Retry-After": "1e400"}, 31 * 86400),
        ({"Retry-After": "Wed, 21 Oct 100000000000000000000 07:28:00 GMT"}, 0),
        ({"Retry-After": "Wed, 99 Foo 99999 77:28:00 GMT"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT", "Date": "Wed, 21 Oct 2015 07:27:00 GMT"}, 60),
        ({"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT", "Date": "Wed, 21 Oct 2099 07:28:30 GMT"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT", "Date": "nonsense"}, 31 * 86400),
        ({"Retry-After": ""}, 0),
    ],
)
def test_waits_beyond_any_clock_and_clocks_that_are_wrong(headers: dict[str, str], seconds: float) -> None:
    assert wait_asked(headers) == seconds


def _body(**choice: object) -> bytes:
    return json.dumps({"choices": [{"message": {"content": "A"}, **choice}]}).encode()


def _scored(token: object, logprob: object, top: object = ()) -> bytes:
    return _body(logprobs={"content": [{"token": token, "logprob": logprob, "top_logprobs": top}]})


@each(
    "body",
    [
        _scored("A", "-0.5"),
        _scored("A", float("nan")),
        _scored("A", True),
        _scored("A", 7.5),
        _scored(5, -0.5),
        _scored(None, -0.5),
        _scored("A", -0.5, [{"token": ["B"], "logprob": -1}]),
        _scored("A", -0.5, [{"token": "B", "logprob": float("nan")}]),
        _scored("A", -0.5, {"token": "B"}),
        _body(logprobs={"content": {"token": "A"}}),
        _body(logprobs={"content": ["A"]}),
    ],
)
def test_log_probabilities_that_are_none_are_absent(body: bytes) -> None:
    found = read_completion(body, 40)
    assert (found.text, found.tokens) == ("A", None)


def test_log_probabilities_lie_between_absent_and_certain() -> None:
    body = _scored("A", 1e-9, [{"token": "B", "logprob": float("-inf")}, {"token": "\ud83d", "logprob": -(10**400)}])
    (token,) = read_completion(body, 40).tokens or ()
    assert token.logprob == 0.0
    assert token.top == (("B", -9999.0), ("\ufffd", -9999.0))


@each("lie", [2**80, -(2**80), 1e308, float("nan"), float("inf"), True, "12", None, [], {}])
def test_counts_and_bills_stay_within_what_an_answer_can_take(lie: object) -> None:
    usage = {
        "prompt_tokens": lie,
        "completion_tokens": lie,
        "prompt_tokens_details": {"cached_tokens": lie},
        "cost": lie,
    }
    body = json.dumps({"choices": [{"message": {"content": "Four letters."}}], "usage": usage}).encode()
    found = read_completion(body, 4_000)
    assert 125 <= found.prompt_tokens <= 30_000
    assert 1 <= found.completion_tokens <= 10_000_000
    assert 0 <= found.cached_tokens <= found.prompt_tokens
    assert found.cost is None or 0 <= found.cost <= 1000
    orjson.dumps([found.prompt_tokens, found.completion_tokens, found.cached_tokens, found.cost])


def test_half_surrogates_become_replacement_characters() -> None:
    body = b'{"choices": [{"message": {"content": "A \\ud83d B \\ud83d\\ude00"}, "finish_reason": "\\udc00"}]}'
    found = read_completion(body, 40)
    assert found.text == "A \ufffd B \U0001f600"
    orjson.dumps([found.text, found.finish_reason])


def test_texts_are_bounded_and_nesting_is_an_answer_that_cannot_be_used() -> None:
    found = read_completion(json.dumps({"choices": [{"message": {"content": "x" * 5_000_000}}]}).encode(), 40)
    assert (len(found.text), found.finish_reason) == (100_000, "length")
    with pytest.raises(UnusableResponse):
        read_completion(b'{"choices": ' + b"[" * 200_000, 40)


def test_what_commands_a_terminal_is_taken_out_of_complaints() -> None:
    said = complaint(json.dumps({"error": {"message": "No \x1b[2J\x9b5m \u202e way"}}).encode())
    assert said == "No �[2J�5m � way"


@each("error", [{"code": "429"}, {"code": 429}, {"status": 429}])
def test_an_error_inside_a_choice_is_an_error(error: dict[str, object]) -> None:
    body = json.dumps({"choices": [{"message": {"content": ""}, "error": {"message": "slow down", **error}}]}).encode()
    with pytest.raises(ErrorInside) as caught:
        read_completion(body, 40)
    assert caught.value.status == 429
    assert complaint(body) == "slow down"
