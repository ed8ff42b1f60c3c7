"""A server for every quirk of hosts: the run ends well or with the right sentence, and nothing paid is asked twice."""

from __future__ import annotations

import asyncio
import itertools
import logging
from pathlib import Path
from typing import Any

import pytest
from facts import tells
from odd_hosts import ASK, EXPLAINED, LETTER, SCHEMA, SHORT, VERDICT, OddHost, answer, asked, error, question

from personalrm.errors import EndpointRefused, RequestRefused
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.llm.endpoint import SamplingParams
from personalrm.preferences import Message


def thinking(body: dict[str, Any], number: int, need: int = 1500) -> Any:
    """A model that thinks for 1,500 tokens before it answers, beside the answer."""
    limit = body.get("max_tokens") or body.get("max_completion_tokens")
    text = VERDICT if "response_format" in body else "A"
    if limit < need:
        cut = answer(None, finish_reason="length")
        cut["choices"][0]["message"]["reasoning_content"] = "Let me think …"
        return 200, cut | {"usage": {"prompt_tokens": 20, "completion_tokens": limit}}
    return 200, answer(text) | {"usage": {"prompt_tokens": 20, "completion_tokens": need}}


# reasoning models ------------------------------------------------------------------------------------------------


async def test_a_model_that_thinks_first_gets_room_which_is_remembered(tmp_path: Path) -> None:
    async with OddHost(thinking) as odd:
        for run in range(2):
            one = connect("m", EndpointOptions(base_url=odd.url, cache=tmp_path / "a.sqlite"))
            found = await asyncio.gather(*(one.complete(question(at + 10 * run), LETTER) for at in range(10)))
            await one.aclose()
            assert [each.text for each in found] == ["A"] * 10
        assert len(odd.bodies) == 21  # one to find out, then ten and ten
    assert one.ledger.calls == 10


async def test_room_grows_until_the_thoughts_fit() -> None:
    async with asked(lambda body, number: thinking(body, number, 9_000)) as (odd, one):
        assert (await one.complete(ASK, EXPLAINED)).text == VERDICT
    assert [body["max_tokens"] for body in odd.bodies] == [200, 2248, 8392, 16384]


async def test_max_tokens_of_the_user_is_the_ceiling(tmp_path: Path) -> None:
    async with OddHost(thinking) as odd:
        one = connect("m", EndpointOptions(base_url=odd.url, cache=tmp_path / "a.sqlite", max_tokens=1_000))
        found = await one.complete(ASK, LETTER)
        assert found.text == ""
        assert [body["max_tokens"] for body in odd.bodies] == [4, 1000]
        await one.aclose()
        one = connect("m", EndpointOptions(base_url=odd.url, cache=tmp_path / "a.sqlite", max_tokens=3_000))
        assert (await one.complete(ASK, LETTER)).text == "A"
        await one.aclose()


async def test_reasoning_effort_is_sent_and_given_up_where_it_is_refused(tmp_path: Path) -> None:
    def reply(body: dict[str, Any], number: int) -> Any:
        if "reasoning_effort" in body:
            return 400, error("Unrecognized request argument supplied: reasoning_effort")
        return 200, answer("A")

    async with OddHost(reply) as odd:
        settings = EndpointOptions(base_url=odd.url, cache=tmp_path / "a.sqlite", reasoning_effort="low")
        one = connect("m", settings)
        await asyncio.gather(*(one.complete(question(at), SHORT) for at in range(5)))
        await one.aclose()
    assert [body.get("reasoning_effort") for body in odd.bodies] == ["low"] + [None] * 5


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
async def test_an_answer_that_stands_among_the_thoughts_is_read(name: str) -> None:
    def reply(*_: Any) -> Any:
        found = answer(None)
        found["choices"][0]["message"][name] = "Both are fine. I prefer A."
        return 200, found

    async with asked(reply) as (_, one):
        assert (await one.complete(ASK, LETTER)).text == "Both are fine. I prefer A."


@pytest.mark.parametrize("status", [403, 404, 422, 500])
async def test_log_probabilities_forbidden_under_any_status(status: int) -> None:
    def reply(body: dict[str, Any], number: int) -> Any:
        if "logprobs" in body:
            return status, error("You are not allowed to request logprobs from this model")
        return 200, answer("A")

    async with asked(reply, api_key="sk-0123456789abcdef") as (odd, one):
        found = await asyncio.gather(*(one.complete(question(at), LETTER) for at in range(8)))
    assert all(each.text == "A" for each in found)
    assert odd.statuses.count(status) == 2


# templates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (400, "System role not supported"),
        (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
        (500, "Jinja Exception: Only user and assistant roles are supported!"),
        (422, "Input should be 'user' or 'assistant': role 'system' is invalid"),
        (400, "The first message must be from the user"),
        (400, "Developer instruction is not enabled for this model"),
    ],
)
async def test_templates_without_a_system_role(status: int, sentence: str, tmp_path: Path) -> None:
    def reply(body: dict[str, Any], number: int) -> Any:
        roles = [one["role"] for one in body["messages"]]
        if "system" in roles or any(one == other for one, other in itertools.pairwise(roles)):
            return status, error(sentence)
        return 200, answer("A")

    double = [*ASK, Message("user", "Decide.")]
    async with OddHost(reply) as odd:
        for run in range(2):
            one = connect("m", EndpointOptions(base_url=odd.url, cache=tmp_path / "a.sqlite"))
            assert (await one.complete([*double, Message("user", str(run))], SHORT)).text == "A"
            await one.aclose()
    assert odd.statuses == [status, 200, 200]  # remembered by the next run
    assert odd.bodies[-1]["messages"][0]["content"].startswith("Be brief.")


async def test_limits_in_a_schema_are_left_out_where_they_are_refused() -> None:
    limited = {**SCHEMA, "properties": {**SCHEMA["properties"], "why": {"type": "string", "maxLength": 99}}}

    def reply(body: dict[str, Any], number: int) -> Any:
        if "maxLength" in str(body):
            return 400, error("Invalid schema for response_format 'verdict': 'maxLength' is not permitted.")
        return 200, answer(VERDICT)

    async with asked(reply) as (odd, one):
        await one.complete(ASK, SamplingParams(200, schema=limited))
    assert odd.bodies[-1]["response_format"]["type"] == "json_schema"
    assert odd.statuses == [400, 200]


async def test_stop_sequences_are_left_out_where_they_are_refused() -> None:
    def reply(body: dict[str, Any], number: int) -> Any:
        if "stop" in body:
            return 400, error("Unsupported parameter: 'stop' is not supported with this model.")
        return 200, answer(VERDICT)

    async with asked(reply) as (odd, one):
        await one.complete(ASK, EXPLAINED)
    assert odd.statuses == [400, 200]


# cut, empty, filtered --------------------------------------------------------------------------------------------


async def test_an_empty_answer_is_never_kept(tmp_path: Path) -> None:
    replies = [answer(""), answer("A")]
    async with OddHost(lambda _, number: (200, replies[number - 1])) as odd:
        one = connect("m", EndpointOptions(base_url=odd.url, cache=tmp_path / "a.sqlite"))
        assert (await one.complete(ASK, SHORT)).text == ""
        assert (await one.complete(ASK, SHORT)).text == "A"
        assert (await one.complete(ASK, SHORT)).from_cache
        await one.aclose()


async def test_a_cut_answer_is_kept_with_its_budget_and_asked_again_with_a_larger_one(tmp_path: Path) -> None:
    def reply(body: dict[str, Any], number: int) -> Any:
        return 200, answer('{"reasoning": "on and on', finish_reason="length")

    async with OddHost(reply) as odd:
        for ceiling in (None, None, 3_000):
            settings = EndpointOptions(base_url=odd.url, cache=tmp_path / "a.sqlite", max_tokens=ceiling)
            one = connect("m", settings)
            found = await one.complete(ASK, SamplingParams(200 if ceiling is None else 700, schema=SCHEMA))
            assert found.finish_reason == "length"
            await one.aclose()
    assert [body["max_tokens"] for body in odd.bodies] == [200, 800, 2800]


async def test_refresh_asks_again_once_and_keeps_the_new_answer(tmp_path: Path) -> None:
    async with OddHost(lambda _, number: (200, answer(f"answer {number}"))) as odd:
        for refresh, expected in ((False, ["answer 1"] * 2), (True, ["answer 2"] * 2), (False, ["answer 2"] * 2)):
            one = connect("m", EndpointOptions(base_url=odd.url, cache=tmp_path / "a.sqlite", refresh=refresh))
            assert [(await one.complete(ASK, SHORT)).text for _ in range(2)] == expected
            await one.aclose()
    assert len(odd.bodies) == 2


@pytest.mark.parametrize(
    "reply",
    [
        (200, answer("", finish_reason="content_filter")),
        (400, error("The response was filtered due to the prompt triggering Azure's content management policy")),
        (403, error("Your chosen model requires moderation and your input was flagged for violence")),
    ],
)
async def test_a_content_filter_refuses_one_request_and_is_counted(reply: Any, tmp_path: Path) -> None:
    def some(body: dict[str, Any], number: int) -> Any:
        return reply if "number 3" in str(body) else (200, answer("A"))

    async with OddHost(some) as odd:
        one = connect("m", EndpointOptions(base_url=odd.url, cache=tmp_path / "a.sqlite"))
        await one.complete(question(0), SHORT)
        found = await asyncio.gather(*(one.complete(question(at), SHORT) for at in range(1, 6)), return_exceptions=True)
        await one.aclose()
    assert [type(each) for each in found].count(RequestRefused) == 1
    assert "content filter" in str(found[2])
    assert one.ledger.refused == 1


# limits of the day, and prompts cut in silence -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"error": {"message": "Rate limit exceeded: free-models-per-day", "code": 429}}),
        (429, {"error": {"message": "Rate limit reached on requests per day (RPD): Limit 200, Used 200"}}),
        (429, {"error": {"message": "You have reached your daily limit"}}),
        (403, {"detail": "Monthly quota exceeded"}),
        (
            200,
            {"choices": [{"message": {"content": ""}, "error": {"code": "429", "message": "daily quota is used up"}}]},
        ),
    ],
)
async def test_a_limit_of_the_day_stops_all_at_once(status: int, body: Any) -> None:
    async with asked(lambda *_: (status, body)) as (odd, one):
        found = await asyncio.gather(*(one.complete(question(at), SHORT) for at in range(20)), return_exceptions=True)
    assert len(odd.bodies) == 1
    assert all(isinstance(each, EndpointRefused) and "limit of the day" in str(each) for each in found)


async def test_a_limit_of_the_minute_is_waited_for() -> None:
    sentence = "Rate limit reached for m on requests per min (RPM): Limit 3"
    replies = {1: (429, error(sentence), {"Retry-After": "0.05"})}
    async with asked(lambda _, number: replies.get(number, (200, answer("A")))) as (odd, one):
        assert (await one.complete(ASK, SHORT)).text == "A"
    assert len(odd.bodies) == 2


async def test_a_prompt_that_the_host_cuts_in_silence_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """Ollama's way: never more than ``num_ctx`` tokens, and no error."""

    def reply(body: dict[str, Any], number: int) -> Any:
        characters = sum(len(one["content"]) for one in body["messages"])
        return 200, answer("A") | {"usage": {"prompt_tokens": min(2048, characters // 4), "completion_tokens": 1}}

    with caplog.at_level(logging.WARNING, "personalrm.llm"):
        async with asked(reply) as (_, one):
            for size in (200, 600, 1500):
                await one.complete([Message("user", "word " * size)], SHORT)
            assert one.prompts.cut == 0
            for size in (4000, 5000):
                await one.complete([Message("user", "word " * size)], SHORT)
            assert one.prompts.cut == 2
    (said,) = [one.getMessage() for one in caplog.records]
    assert tells(said, 2048, 5000)
    assert "num_ctx" in said


async def test_two_hosts_that_call_their_models_alike_share_no_answer(tmp_path: Path) -> None:
    texts = []
    for letter in ("A", "B"):
        async with OddHost(lambda *_, letter=letter: (200, answer(letter))) as odd:
            one = connect("llama3.1:8b", EndpointOptions(base_url=odd.url, cache=tmp_path / "a.sqlite"))
            texts.append((await one.complete(ASK, SHORT)).text)
            await one.aclose()
    assert texts == ["A", "B"]
