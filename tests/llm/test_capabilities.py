"""Hosts that refuse features: found out once, asked in the next weaker form, remembered by the next process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from facts import naming
from odd_hosts import ASK, SCHEMA, SHORT, answer, asked, error, question

from personalrm.errors import EndpointRefused
from personalrm.llm.capabilities import Capabilities
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.llm.endpoint import SamplingParams
from personalrm.llm.simulated import SimulatedLLM
from personalrm.preferences import Message

STRUCTURED = SamplingParams(max_tokens=50, schema=SCHEMA)
SCORED = SamplingParams(max_tokens=1, logprobs=20)
ALL = SamplingParams(max_tokens=50, schema=SCHEMA, logprobs=20)


def mixed(count: int) -> list[tuple[list[Message], SamplingParams]]:
    """First calls of every kind, as the stages send them together."""
    return [(question(at), (SCORED, STRUCTURED, SHORT, ALL)[at % 4]) for at in range(count)]


def refusing(*refused: tuple[str, str]) -> Any:
    """A host that refuses each parameter named first with the sentence named second."""

    def reply(body: dict[str, Any], number: int) -> Any:
        for parameter, sentence in refused:
            name, _, value = parameter.partition("=")
            if name in body and (not value or value in str(body[name])):
                return 400, error(sentence)
        return 200, answer('{"preference": "A"}')

    return reply


@pytest.mark.parametrize(
    ("refused", "refusals"),
    [
        ((("response_format=json_schema", "Invalid value: 'json_schema'. Supported values are: 'json_object'"),), 1),
        ((("response_format", "'response_format' is not supported"),), 2),
        ((("logprobs", "'logprobs' is not supported with this model."),), 2),
        ((("top_logprobs=20", "top_logprobs: Input should be less than or equal to 5"),), 1),
        ((("max_tokens", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),), 1),
        ((("temperature", "Unsupported value: 'temperature' does not support 0 with this model."),), 1),
        ((("messages='system'", "System role not supported"),), 1),
        (
            (
                (
                    "messages='system'",
                    "Roles must alternate user/assistant; no system role",
                ),
            ),
            1,
        ),
        (
            (
                ("max_tokens", "Use 'max_completion_tokens'"),
                ("temperature", "temperature is deprecated for this model"),
                ("logprobs", "You are not allowed to request logprobs from this model"),
                ("response_format=json_schema", "response_format type is unavailable now"),
            ),
            5,
        ),
    ],
)
async def test_each_refusal_is_met_once_by_30_first_calls(refused: tuple[tuple[str, str], ...], refusals: int) -> None:
    async with asked(refusing(*refused)) as (odd, one):
        calls = [([ASK[0], *messages], params) for messages, params in mixed(30)]
        found = await asyncio.gather(*(one.complete(messages, params) for messages, params in calls))
    assert len(found) == 30
    assert odd.statuses.count(400) == refusals
    assert odd.statuses.count(200) == 30


async def test_a_refusal_that_names_nothing_gives_up_one_feature_after_the_other() -> None:
    def reply(body: dict[str, Any], number: int) -> Any:
        return (400, b"Bad Request") if "response_format" in body else (200, answer('{"preference": "A"}'))

    async with asked(reply) as (odd, one):
        await asyncio.gather(*(one.complete(messages, params) for messages, params in mixed(12)))
        assert one.capabilities.structured == "text"
    assert odd.statuses.count(400) <= 4


async def test_a_refused_prompt_teaches_nothing() -> None:
    def reply(body: dict[str, Any], number: int) -> Any:
        bad = "bad" in body["messages"][-1]["content"]
        return (400, error("Something is wrong")) if bad else (200, answer('{"preference": "A"}', logprobs=_sure()))

    async with asked(reply) as (odd, one):
        with pytest.raises(EndpointRefused, match=naming("m", 400, "Something is wrong")):
            await one.complete([Message("user", "bad")], ALL)
        assert len(odd.bodies) <= 5
        await one.complete(ASK, ALL)
        assert "json_schema" in str(odd.bodies[-1])
        assert odd.bodies[-1]["top_logprobs"] == 20
        sent = len(odd.bodies)
        with pytest.raises(EndpointRefused):  # all features are known by now: one request
            await one.complete([Message("user", "bad again")], ALL)
        assert len(odd.bodies) == sent + 1


@pytest.mark.parametrize(
    "sentence",
    [
        "This model's maximum context length is 4096 tokens",
        "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is 4096",
        "The response was filtered due to the prompt triggering content management policy",
        "API key not valid. Please pass a valid API key.",
    ],
)
async def test_refusals_of_the_prompt_are_asked_once(sentence: str) -> None:
    async with asked(lambda *_: (400, error(sentence))) as (odd, one):
        with pytest.raises(EndpointRefused):
            await one.complete(ASK, ALL)
        assert len(odd.bodies) == 1
        assert one.capabilities == Capabilities()


async def test_logprobs_left_out_in_silence_are_not_asked_for_again() -> None:
    async with asked(lambda *_: (200, answer("A", logprobs=None))) as (odd, one):
        first = await one.complete(question(1), SCORED)
        await one.complete(question(2), SCORED)
    assert first.tokens is None
    assert ["logprobs" in body for body in odd.bodies] == [True, False]


async def test_an_empty_answer_says_nothing_about_logprobs() -> None:
    replies = [answer(None), answer("A", logprobs=_sure())]
    async with asked(lambda _, number: (200, replies[number - 1])) as (odd, one):
        await one.complete(question(1), SCORED)
        found = await one.complete(question(2), SCORED)
    assert found.tokens is not None
    assert odd.bodies[1]["top_logprobs"] == 20


async def test_one_answer_without_logprobs_later_is_an_exception_not_the_rule() -> None:
    replies = [answer("A", logprobs=_sure()), answer("A"), answer("A", logprobs=_sure())]
    async with asked(lambda _, number: (200, replies[number - 1])) as (_, one):
        found = [await one.complete(question(at), SCORED) for at in range(3)]
    assert [one.tokens is None for one in found] == [False, True, False]


async def test_a_host_that_changes_its_mind_is_followed() -> None:
    """What once was taken is refused later (another version behind the same URL): asked again in the weaker form."""
    strict = False

    def reply(body: dict[str, Any], number: int) -> Any:
        if strict and "logprobs" in body:
            return 400, error("logprobs is not supported")
        return 200, answer("A", logprobs=_sure())

    async with asked(reply) as (_, one):
        await one.complete(question(0), SCORED)
        strict = True
        found = await asyncio.gather(*(one.complete(question(at), SCORED) for at in range(1, 9)))
        assert all(one.text == "A" for one in found)
        assert one.capabilities.alternatives == 0


async def test_system_text_opens_the_first_user_message_where_there_is_no_system_role() -> None:
    async with asked(refusing(("messages='system'", "system role is not supported"))) as (odd, one):
        await one.complete(ASK, SHORT)
    assert odd.bodies[-1]["messages"] == [{"role": "user", "content": "Be brief.\n\nWhich one, A or B?"}]


async def test_the_request_that_uses_most_features_goes_first() -> None:
    async with asked(lambda *_: (200, answer("A", logprobs=_sure()))) as (odd, one):
        await asyncio.gather(*(one.complete(question(at), (SHORT, SCORED, ALL)[at % 3]) for at in range(9)))
    assert odd.bodies[0]["messages"][0]["content"].startswith("Question number 2")


async def test_hosted_reasoning_model_is_asked_its_way() -> None:
    async with SimulatedLLM(thinking="hidden") as llm:
        params = SamplingParams(max_tokens=400, temperature=0.0, schema=SCHEMA, logprobs=20)
        one = connect("o", EndpointOptions(base_url=llm.url, cache=":memory:"))
        await asyncio.gather(*(one.complete(question(at), params) for at in range(10)))
        await one.aclose()
        assert llm.statistics.statuses["400"] == 4  # max_tokens, temperature, logprobs 20, logprobs 5
        assert llm.statistics.finished.total() == 10


async def test_the_next_process_probes_nothing(tmp_path: Path) -> None:
    settings = {"cache": tmp_path / "answers.sqlite"}
    async with SimulatedLLM(structured="none", logprobs=False) as llm:
        for process in range(2):
            one = connect("m", EndpointOptions(base_url=llm.url, **settings))
            asking = (one.complete(question(at + 10 * process), ALL) for at in range(10))
            await asyncio.gather(*asking)
            await one.aclose()
            assert llm.statistics.statuses["400"] == 4
        other = connect("another model", EndpointOptions(base_url=llm.url, **settings))
        await other.complete(question(0), ALL)
        await other.aclose()
        assert llm.statistics.statuses["400"] == 8  # another model at the same host may do more


async def test_what_was_learned_is_forgotten_after_a_week(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"cache": tmp_path / "answers.sqlite"}
    async with SimulatedLLM(logprobs=False) as llm:
        one = connect("m", EndpointOptions(base_url=llm.url, **settings))
        await one.complete(question(0), SCORED)
        await one.aclose()
        monkeypatch.setattr("personalrm.llm.connect.LEARNED_FOR_S", 0.0)
        again = connect("m", EndpointOptions(base_url=llm.url, **settings))
        await again.complete(question(1), SCORED)
        await again.aclose()
        assert llm.statistics.statuses["400"] == 4


def test_record_of_another_version_is_nothing_known() -> None:
    there = Capabilities(structured="text", alternatives=5, known=frozenset({"plain"}))
    assert Capabilities.from_json(there.to_json()) == there
    assert Capabilities.from_json({"structured": "text"}) == Capabilities()


def _sure() -> dict[str, Any]:
    return {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": [{"token": "A", "logprob": -0.1}]}]}
