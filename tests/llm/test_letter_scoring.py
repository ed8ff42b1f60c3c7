"""Letters scored by vLLM's /generative_scoring, on a real server that answers as vLLM does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from odd_hosts import ASK, OddHost, answer
from places import MIRA

from personalrm import Client
from personalrm.llm.endpoint import SamplingParams
from personalrm.llm.host import Host
from personalrm.llm.letter_scoring import LetterScoring
from personalrm.llm.scheduler import Scheduler
from personalrm.synthesis.judging import read_probability

LETTER = SamplingParams(max_tokens=4, logprobs=20)
TOKENS = {"A": [32], "B": [33]}
CHATS = {"logprobs": {"content": [{"token": "B", "logprob": -0.1, "top_logprobs": [{"token": "B", "logprob": -0.1}]}]}}


class Vllm:
    """Which path a request was for is told by its body; ``lacks`` are paths that it does not know."""

    def __init__(self, *lacks: str, score: Any = 0.8, letters: Any = TOKENS) -> None:
        self.lacks, self.score, self.letters = lacks, score, letters
        self.asked: list[str] = []

    def __call__(self, body: dict[str, Any], number: int) -> tuple[int, Any]:
        if "query" in body:
            path = "score"
        else:
            path = "tokenize" if "prompt" in body or "add_generation_prompt" in body else "chat"
        self.asked.append(path)
        if path in self.lacks:
            return 404, {"detail": "Not Found"}
        if path == "tokenize":
            tokens = self.letters[body["prompt"]] if "prompt" in body else [1, 2, 3, 4]
            return 200, {"count": len(tokens), "max_model_len": 99, "tokens": tokens}
        if path == "score":
            assert body["label_token_ids"] == [32, 33]
            assert body["apply_softmax"] is True
            return 200, {"data": [{"index": 0, "object": "score", "score": self.score}], "usage": {"prompt_tokens": 4}}
        return 200, answer("B", **CHATS)


async def probability(host: Vllm, times: int = 1) -> tuple[float | None, list[dict[str, Any]]]:
    async with OddHost(host) as odd:
        endpoint = LetterScoring("m", Host(odd.url), Scheduler(4))
        try:
            for _ in range(times):
                found = await endpoint.complete(ASK, LETTER)
        finally:
            await endpoint.aclose()
    return read_probability(found), odd.bodies


async def test_the_probability_is_the_server_s_and_the_whole_prompt_is_scored() -> None:
    host = Vllm()
    found, bodies = await probability(host, times=2)
    assert found == pytest.approx(0.8)
    assert bodies[-1]["query"] + bodies[-1]["items"][0] == [1, 2, 3, 4]
    assert host.asked == ["tokenize", "tokenize", "score", "tokenize", "score", "tokenize", "score"]
    assert bodies[3]["messages"][0]["role"] == "system"


@pytest.mark.parametrize("score", [0.0, 1.0, 0.5])
async def test_certain_letters_have_finite_log_probabilities(score: float) -> None:
    found, _ = await probability(Vllm(score=score))
    assert found == pytest.approx(score, abs=1e-6)


@pytest.mark.parametrize("host", [Vllm("tokenize"), Vllm("score"), Vllm(letters={"A": [7, 32], "B": [33]})])
async def test_without_it_the_letter_is_a_chat_with_log_probabilities(host: Vllm) -> None:
    found, bodies = await probability(host, times=2)
    assert found is not None
    assert math.isclose(1 - found, 1.0, abs_tol=0.2)
    assert host.asked[-2:] == ["chat", "chat"]  # what the server lacks is asked for once
    assert bodies[-1]["logprobs"] is True


async def test_other_questions_are_chats_and_the_model_has_its_own_name() -> None:
    host = Vllm()
    async with OddHost(host) as odd:
        endpoint = LetterScoring("m", Host(odd.url), Scheduler(4))
        await endpoint.complete(ASK, SamplingParams(max_tokens=300))
        await endpoint.aclose()
    assert host.asked == ["chat"]
    assert endpoint.model == "vllm-score:m"


async def test_a_profile_is_judged_by_scored_letters_through_the_front_door(tmp_path: Path) -> None:
    """The server prefers what is shown first, so that both orders together are even; both are counted as calls."""
    profile = Client().fit(MIRA)
    host = Vllm()
    async with OddHost(host) as odd:
        client = Client("vllm-score:m", base_url=odd.url, api_key="k", cache=tmp_path / "answers.sqlite")
        verdict = await client.acompare(profile, "How long?", "Nine minutes.", "It depends.", verdicts="token")
        again = await client.acompare(profile, "How long?", "Nine minutes.", "It depends.", verdicts="token")
        await client.aclose()
    assert verdict.probability == pytest.approx(0.5)
    assert again == verdict
    assert host.asked.count("score") == 3  # one finds out, two are the orders; the rest came from the cache
