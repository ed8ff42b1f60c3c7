"""Hosts without usable answers, against the commands that `test_odd_hosts.py` does not run: requests and exits."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from command_line import Run, rows, sentence
from odd_hosts import answer, asked, error, in_a_thread, question

from personalrm.errors import EndpointRefused, UnusableResponse
from personalrm.llm.endpoint import SamplingParams

PROMPT = ("--prompt", "How long?")
PARAMS = SamplingParams(max_tokens=50)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalrm.llm.http_client.FIRST_WAIT_S", 0.001)
    monkeypatch.setattr("personalrm.llm.http_client.LONGEST_WAIT_S", 0.002)


def fitted(run: Run, tmp_path: Path) -> tuple[Path, Path]:
    """A profile of a judge that reads well, and new choices of its person."""
    said = [{"prompt": f"Question {at}?", "chosen": f"Yes, {at}.", "rejected": f"No, {at}, no."} for at in range(9)]
    reads = '{"reasoning": "They like yes.", "preference": "A"}'
    with in_a_thread(lambda *_: (200, answer(reads))) as sound:
        words = ("--model", "judge:m", "--preset", "frugal", "--base-url", sound.url, "--out", tmp_path / "p.json")
        assert run("fit", rows(tmp_path / "a.jsonl", *said[:6]), *words).code == 0
    return tmp_path / "p.json", rows(tmp_path / "b.jsonl", *said[6:])


@pytest.mark.parametrize("text", ["The quick brown fox.", ""])
def test_answers_without_a_verdict_fail_diagnose_and_rank(run: Run, tmp_path: Path, text: str) -> None:
    profile, later = fitted(run, tmp_path)
    with in_a_thread(lambda *_: (200, answer(text))) as odd:
        ask = ("--base-url", odd.url)
        diagnosed = run("diagnose", profile, later, *ask)
        ranked = run("rank", profile, *PROMPT, "--response", "Yes.", "--response", "No, no.", *ask)
    assert (diagnosed.code, ranked.code) == (1, 1)
    assert "none of" in sentence(diagnosed)
    assert "the only pair" in sentence(ranked)
    assert ranked.out == ""


STREAM = b'data: {"choices": [{"delta": {"content": "A"}}]}\n\ndata: {"error": {"code": 502, "message": "Gone"}}\n\n'


async def test_a_stream_that_ends_in_an_error_is_asked_for_once_more() -> None:
    async with asked(lambda *_: (200, STREAM)) as (odd, one):
        with pytest.raises(UnusableResponse, match="Gone"):
            await one.complete(question(1), PARAMS)
    assert len(odd.bodies) == 2


@pytest.mark.parametrize(
    ("reply", "kind"),
    [((400, {"detail": "Bad Request"}), EndpointRefused), ((200, {"choices": None}), UnusableResponse)],
)
async def test_a_host_that_fails_two_requests_alike_is_asked_no_third(reply: Any, kind: type[Exception]) -> None:
    async with asked(lambda *_: reply) as (odd, one):
        told = await asyncio.gather(*(one.complete(question(at), PARAMS) for at in range(30)), return_exceptions=True)
    assert {type(said) for said in told} == {kind}
    assert len(Counter(orjson.dumps(body["messages"]) for body in odd.bodies)) == 2


async def test_the_message_of_openrouter_s_provider_is_shown() -> None:
    said = error("Provider returned error", 400)
    said["error"]["metadata"] = {"raw": '{"error": {"message": "The fish is stale"}}', "provider_name": "P"}
    async with asked(lambda *_: (400, said)) as (_, one):
        with pytest.raises(EndpointRefused, match="The fish is stale"):
            await one.complete(question(1), PARAMS)
