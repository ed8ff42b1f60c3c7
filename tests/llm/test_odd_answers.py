"""Answers of hosts in other shapes, and refusals in other words: they are read, and nothing paid is asked twice."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import Any

import orjson
import pytest
from odd_hosts import ASK, EXPLAINED, LETTER, SCHEMA, SHORT, VERDICT, answer, asked, error, question

from personalrm.errors import EndpointError, EndpointRefused, RequestRefused, Unreachable
from personalrm.llm.answers import parse_choice
from personalrm.llm.endpoint import SamplingParams
from personalrm.llm.retry_after import wait_asked

STREAM = (
    b'data: {"choices": [{"delta": {"role": "assistant", "content": ""}, "finish_reason": null}]}\n\n'
    b'data: {"choices": [{"delta": {"content": "A"}, "finish_reason": "stop"}]}\n\n'
    b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}\n\ndata: [DONE]\n\n'
)
OLDER = {"tokens": ["A"], "token_logprobs": [-0.2], "top_logprobs": [{"A": -0.2, "B": -1.9}]}
CALLED = {"tool_calls": [{"function": {"name": "verdict", "arguments": VERDICT}}], "content": None}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (STREAM, "A"),
        ({"object": "text_completion", "choices": [{"text": "A", "finish_reason": "stop"}]}, "A"),
        ({"choices": [{"message": CALLED, "finish_reason": "tool_calls"}]}, VERDICT),
        (answer("A", logprobs=OLDER), "A"),
    ],
)
async def test_an_answer_in_another_shape_is_read_and_not_asked_again(body: Any, text: str) -> None:
    async with asked(lambda *_: (200, body)) as (odd, one):
        found = await one.complete(ASK, LETTER)
    assert (found.text, len(odd.bodies)) == (text, 1)
    if "logprobs" in str(body):
        assert found.tokens is not None
        assert found.tokens[0].top == (("A", -0.2), ("B", -1.9))


def _content(content: Any, **more: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": content, **more}}]}


PARTS = [{"type": "thinking", "thinking": "B?"}, {"type": "text", "text": VERDICT}]
CHAT = _content(VERDICT)
OTHER_BODIES: dict[str, Any] = {
    "parts": _content(PARTS),
    "strings": _content([VERDICT]),
    "one part": _content({"type": "text", "text": VERDICT}),
    "parsed JSON": _content({"preference": "A"}),
    "parsed arguments": _content("", tool_calls=[{"function": {"arguments": {"preference": "A"}}}]),
    "a function call": _content(None, function_call={"name": "verdict", "arguments": VERDICT}),
    "thinking only": _content(None, thinking=VERDICT),
    "reasoning text only": _content("", reasoning_text=VERDICT),
    "reasoning details only": _content(None, reasoning_details=[{"type": "reasoning.text", "text": VERDICT}]),
    "a delta": {"choices": [{"delta": {"content": VERDICT}}]},
    "choices by number": {"choices": {"0": CHAT["choices"][0]}},
    "index": {"choices": [{"index": 1, **_content("B")["choices"][0]}, {"index": 0, **CHAT["choices"][0]}]},
    "Anthropic": {"type": "message", "content": [{"type": "text", "text": VERDICT}], "stop_reason": "end_turn"},
    "Ollama": {"message": {"role": "assistant", "content": VERDICT}, "done": True, "prompt_eval_count": 9},
    "Cohere": {"message": {"content": [{"type": "text", "text": VERDICT}]}, "finish_reason": "COMPLETE"},
    "Responses": {"output": [{"type": "message", "content": [{"type": "output_text", "text": VERDICT}]}]},
    "TGI": [{"generated_text": VERDICT}],
    "Gemini": {"candidates": [{"content": {"parts": [{"text": VERDICT}]}, "finishReason": "STOP"}]},
    "Cloudflare": {"success": True, "errors": [], "result": {"response": VERDICT}},
    "wrapped": {"success": True, "data": CHAT},
    "lines": b'{"message": {"content": "A"}, "done": false}\n{"message": {"content": " "}, "done": true}\n',
    "an id before the stream": b"id: 1\nretry: 9\n" + STREAM,
    "a mark before the stream": b"\xef\xbb\xbf" + STREAM,
    "comments": b": keep-alive\n\n: keep-alive\n\n" + orjson.dumps(CHAT),
    "bytes after the end": orjson.dumps(CHAT) + b"\r\n0\r\n\r\n",
    "a zero after the end": orjson.dumps(CHAT) + b"\0",
    "a JSON text": orjson.dumps(orjson.dumps(CHAT).decode()),
    "a proxy function": {"statusCode": 200, "body": orjson.dumps(CHAT).decode()},
    "lines of chunks": b"\n".join(one.removeprefix(b"data: ") for one in STREAM.split(b"\n\n")[:2]),
    "a broken chunk after the end": STREAM.replace(b"data: [DONE]", b'data: {"choi'),
    "a message that is a text": {"choices": [{"message": VERDICT}]},
    "a text": {"text": VERDICT},
    "Latin-1": b'{"choices": [{"message": {"content": "A \xe9"}}]}',
}


@pytest.mark.parametrize("shape", OTHER_BODIES)
async def test_an_answer_in_the_form_of_another_api_is_read_and_not_asked_again(shape: str) -> None:
    async with asked(lambda *_: (200, OTHER_BODIES[shape])) as (odd, one):
        found = await one.complete(ASK, SHORT)
    assert parse_choice(found.text) == "a" or found.text == "A \xe9"
    assert len(odd.bodies) == 1


DEFLATE = zlib.compressobj(wbits=-15)
PLAIN = orjson.dumps(CHAT)
PACKED = {
    "gzip, identity": gzip.compress(PLAIN),
    "gzip, gzip": gzip.compress(gzip.compress(PLAIN)),
    "gzip": gzip.compress(PLAIN[:20]) + gzip.compress(PLAIN[20:]),
    "identity": gzip.compress(PLAIN),
    "deflate": DEFLATE.compress(PLAIN) + DEFLATE.flush(),
    "x-gzip": PLAIN,
    "utf-8": PLAIN,
}


@pytest.mark.parametrize("coding", PACKED)
async def test_bodies_that_are_packed_otherwise_than_their_header_says(coding: str) -> None:
    async with asked(lambda *_: (201, PACKED[coding], {"Content-Encoding": coding})) as (odd, one):
        assert (await one.complete(ASK, SHORT)).text == VERDICT
    assert len(odd.bodies) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (200, {"object": "error", "message": "The model `m` does not exist.", "code": 404}, EndpointRefused, "model"),
        (200, {"error": {"message": "No auth credentials found", "code": "invalid"}}, EndpointRefused, "the key"),
        (200, {"success": False, "message": "token expired"}, EndpointRefused, "the key"),
        (200, {"error": "Unexpected endpoint or method. (POST /chat)"}, EndpointRefused, "path"),
        (200, {"error_code": 17, "error_msg": "Open api daily request limit reached"}, EndpointRefused, "day"),
        (200, {"choices": None, "base_resp": {"status_code": 8, "status_msg": "insufficient balance"}}, EndpointRefused,
         "no credit"),
        (200, {"statusCode": 401, "body": '{"message": "Unauthorized"}'}, EndpointRefused, "the key"),
        (400, error("Budget has been exceeded! Current cost: 10.2, Max budget: 10.0"), EndpointRefused, "no credit"),
        (400, [error("User location is not supported for the API use.")], EndpointRefused, "access from here"),
        (412, error("Account suspended, due to reaching the monthly spending limit"), EndpointRefused, "credit"),
        (400, error("the request exceeds the available context size"), RequestRefused, "context size"),
        (400, error("The requested model 'm' is not supported by any provider"), EndpointRefused, "no model"),
        (400, error("Your credit balance is too low to access the API."), EndpointRefused, "no credit"),
        (429, error("Your account is suspended, please check your plan"), EndpointRefused, "no credit"),
        (429, [{"error": {"message": "Quota!", "details": ["RequestsPerDay"]}}], EndpointRefused, "day"),
        (503, error("No available channel for model m under group default"), EndpointRefused, "model"),
        (410, error("This was retired."), EndpointRefused, "model"),
        (407, b"", EndpointRefused, "proxy"),
        (403, b"<!DOCTYPE html><title>Just a moment...</title>", EndpointRefused, "access from here"),
        (403, error("Country, region, or territory not supported"), EndpointRefused, "access from here"),
        (302, b"", EndpointRefused, "moved"),
        (413, b"<html><title>413 Request Entity Too Large</title></html>", RequestRefused, "413"),
        (400, error("The input token count (9) exceeds the maximum number of tokens allowed"), RequestRefused, "400"),
        (400, error("Input length 5000 exceeds the maximum allowed length of 4096"), RequestRefused, "400"),
        (400, error("Please reduce the length of the messages or completion."), RequestRefused, "400"),
        (500, error("The decoder prompt is longer than the maximum model length of 8"), RequestRefused, "500"),
        (400, {"error": {"code": "data_inspection_failed", "message": "Inappropriate."}}, RequestRefused, "filter"),
        (429, error("Slow down. Please try again in 7m12.5s."), Unreachable, "wait 432 s"),
    ],
)  # fmt: skip
async def test_the_right_sentence_at_once(status: int, body: Any, kind: Any, words: str) -> None:
    """One request, although some come with features that the host has not shown yet."""
    reply = status, body, {"Location": "https://h/v1?token=abcdef123456"}
    async with asked(lambda *_: reply, api_key="sk-0123456789abcdef") as (odd, one):
        with pytest.raises(EndpointError) as caught:
            await one.complete(ASK, EXPLAINED)
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert "abcdef" not in str(caught.value)
    assert len(odd.bodies) == 1


@pytest.mark.parametrize(
    ("headers", "said", "seconds"),
    [
        ({"Retry-After": "5ms"}, "", 0.005),
        ({"Retry-After": "0,5"}, "", 0.5),
        ({"Retry-After": "1h2m3.5s"}, "", 3723.5),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, "", 360),
        ({"x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "6m0s"}, "", 0),
        ({}, "Please retry after 26 seconds.", 26),
        ({}, '"retryDelay": "37s"', 37),
        ({}, "Please try again in 20ms. Visit", 0.02),
        ({}, "Please try again in a few minutes", 0),
    ],
)
def test_waits_asked_for_in_other_units_and_places(headers: dict[str, str], said: str, seconds: float) -> None:
    assert wait_asked(headers, said) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "refusal",
    [
        error("Invalid 'stop': array too long. Expected at most 1"),
        {"detail": [{"loc": ["body", "stop"], "msg": "str"}]},
    ],
)
async def test_a_list_of_stops_that_is_too_long_is_left_out(refusal: Any) -> None:
    async with asked(lambda body, _: (422, refusal) if "stop" in body else (200, answer(VERDICT))) as (odd, one):
        await one.complete(ASK, EXPLAINED)
    assert odd.statuses == [422, 200]


async def test_tokens_that_are_no_text_of_the_answer_are_no_log_probabilities() -> None:
    """vLLM's ``--return-tokens-as-token-ids``."""
    tokens = [
        {"token": f"token_id:{at}", "logprob": -0.1, "top_logprobs": [{"token": "A", "logprob": -9}]} for at in "12"
    ]
    async with asked(lambda *_: (200, answer("B", logprobs={"content": tokens}))) as (_, one):
        assert (await one.complete(ASK, LETTER)).tokens is None


@pytest.mark.parametrize("reason", ["max_tokens", "MAX_TOKENS", "model_length"])
async def test_other_words_for_a_cut_answer(reason: str) -> None:
    async with asked(lambda *_: (200, answer("A because", finish_reason=reason))) as (_, one):
        assert (await one.complete(ASK, EXPLAINED)).finish_reason == "length"


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, [error("API key not valid. Please pass a valid API key.")], EndpointRefused, "refuses the key"),
        (422, {"error": "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000"}, RequestRefused, "4096"),
    ],
)
async def test_refusals_in_the_words_of_gemini_and_tgi(status: int, body: Any, kind: Any, words: str) -> None:
    async with asked(lambda *_: (status, body), api_key="sk-0123456789abcdef") as (odd, one):
        with pytest.raises(EndpointRefused) as caught:
            await one.complete(ASK, LETTER)
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert len(odd.bodies) == 1


async def test_stop_sequences_refused_in_the_words_of_xai() -> None:
    def reply(body: dict[str, Any], number: int) -> Any:
        if "stop" in body:
            return 400, {"code": "invalid argument", "error": "Argument not supported on this model: stop"}
        return 200, answer(VERDICT)

    async with asked(reply) as (odd, one):
        await one.complete(ASK, EXPLAINED)
    assert odd.statuses == [400, 200]


@pytest.mark.parametrize("feature", ["logprobs", "response_format"])
async def test_a_feature_answered_with_500_is_left_out(feature: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word on the reason; a 500 that ends by itself costs no feature."""
    monkeypatch.setattr("personalrm.llm.http_client.FIRST_WAIT_S", 0.001)

    def reply(body: dict[str, Any], number: int) -> Any:
        return (500, b"Internal Server Error") if feature in body else (200, answer(VERDICT))

    wanted = SamplingParams(50, schema=SCHEMA, logprobs=20)
    async with asked(reply) as (odd, one):
        found = await asyncio.gather(*(one.complete(question(at), wanted) for at in range(6)))
        assert all(each.text == VERDICT for each in found)
    assert odd.statuses.count(500) == 3
    async with asked(lambda _, number: (500, b"") if number < 3 else (200, answer(VERDICT))) as (odd, one):
        await one.complete(ASK, wanted)
    assert [feature in body for body in odd.bodies] == [True] * 3


async def test_limits_of_a_few_tokens_are_raised_where_they_are_refused() -> None:
    def reply(body: dict[str, Any], number: int) -> Any:
        few = body["max_tokens"] < 16
        return (400, error("Invalid 'max_output_tokens': integer below minimum value")) if few else (200, answer("A"))

    async with asked(reply) as (odd, one):
        await asyncio.gather(*(one.complete(question(at), SHORT) for at in range(5)))
    assert odd.statuses == [400] + [200] * 5


async def test_an_error_in_a_stream_is_named() -> None:
    broken = (
        STREAM[: STREAM.index(b"data: [DONE]")] + b'data: {"error": {"message": "No credits left", "code": 402}}\n\n'
    )
    async with asked(lambda *_: (200, broken)) as (odd, one):
        with pytest.raises(EndpointRefused, match="No credits left"):
            await one.complete(ASK, SHORT)
    assert len(odd.bodies) == 1
