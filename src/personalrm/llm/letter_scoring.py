"""vLLM's ``/generative_scoring`` for questions answered with one letter: P(A) against P(B) without generating a token.

    endpoint = LetterScoring("qwen", Host.from_environment("http://localhost:8000/v1"), Scheduler(64))
    await endpoint.complete(messages, SamplingParams(4, logprobs=20))       # Completion("A", tokens=…)

Used for ``--model vllm-score:NAME``. The conversation is rendered by ``/tokenize`` with the model's chat template. If
the server lacks a path, or A and B are not single tokens, the letter is requested as a chat with log-probabilities.
Other questions are chats as well. Source: vLLM's ``entrypoints/generate/generative_scoring``.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import orjson

from personalrm.errors import EndpointRefused, UnusableResponse
from personalrm.llm.complaints import short
from personalrm.llm.credentials import NO_CREDENTIALS, Credentials
from personalrm.llm.endpoint import NULL_OBSERVER, Completion, RequestObserver, SamplingParams, TokenLogprob
from personalrm.llm.host import Host
from personalrm.llm.host_json import load_json
from personalrm.llm.http_client import HttpClient
from personalrm.llm.openai import OpenAIEndpoint
from personalrm.llm.scheduler import Scheduler
from personalrm.llm.transport import BadRequest
from personalrm.llm.wire import CHARACTERS_A_TOKEN, count
from personalrm.preferences import Message

PREFIX = "vllm-score:"
LETTERS = ("A", "B")
SMALLEST = 1e-9


class LetterScoring(OpenAIEndpoint):
    """An endpoint that scores letters if the server supports it. Belongs to one event loop.

    Args:
        model: the model's name at the host; results name it ``vllm-score:NAME``.
        host: URL and key.
        scheduler: bounds the requests in flight.
        more: arguments of `OpenAIEndpoint`.
    """

    def __init__(self, model: str, host: Host, scheduler: Scheduler, **more: Any) -> None:
        super().__init__(model, host, scheduler, **more)
        self._scorer = HttpClient(model, host, host.root_url("/generative_scoring"), scheduler, read_score)
        self._tokenizer = HttpClient(model, host, host.root_url("/tokenize"), scheduler, read_tokens)
        self._labels: list[int] | None = None
        self._is_known: bool | None = None
        self._finding_out = asyncio.Lock()

    @property
    def model(self) -> str:
        return f"{PREFIX}{self._model}"

    async def aclose(self) -> None:
        """Close the connections; the next request opens new ones."""
        for one in (self._scorer, self._tokenizer):
            await one.aclose()
        await super().aclose()

    async def send(self, messages: Sequence[Message], params: SamplingParams, observer: RequestObserver) -> Completion:
        """`complete`, with events of each request sent to ``observer``."""
        is_letter = params.prefix_only and params.logprobs > 0 and params.temperature == 0.0
        if not is_letter or not await self._can_score():
            return await super().send(messages, params, observer)
        turns = [{"role": one.role, "content": one.content} for one in messages]
        try:
            tokens = await self._tokens({"messages": turns, "add_generation_prompt": True})
            return await self._scored(tokens, observer, params.priority)
        except BadRequest:  # for example a template without system turns, which chats can work around
            return await super().send(messages, params, observer)

    async def _can_score(self) -> bool:
        """Whether the server scores letters; determined with one token, which is not counted."""
        async with self._finding_out:
            if self._is_known is None:
                try:
                    found = [await self._tokens({"prompt": one, "add_special_tokens": False}) for one in LETTERS]
                    self._labels = [one for tokens in found for one in tokens]
                    self._is_known = len(self._labels) == len(LETTERS)
                    if self._is_known:
                        await self._scored(self._labels, NULL_OBSERVER, 0)
                except (BadRequest, EndpointRefused, UnusableResponse):
                    self._is_known = False  # the chat that follows reports a wrong key
            return self._is_known

    async def _tokens(self, asked: dict[str, Any]) -> list[int]:
        body = orjson.dumps({"model": self._model, **asked})
        return await self._tokenizer.persist(lambda: (body, 0), NULL_OBSERVER)

    async def _scored(self, tokens: list[int], observer: RequestObserver, priority: int) -> Completion:
        asked = {"query": tokens[:-1], "items": [tokens[-1:]], "label_token_ids": self._labels}
        body = orjson.dumps({"model": self._model, **asked, "item_first": False, "apply_softmax": True})
        return await self._scorer.persist(lambda: (body, 1), observer, priority=priority)


def read_score(body: bytes, request_characters: int, credentials: Credentials = NO_CREDENTIALS) -> Completion:
    """Return P(first label) as an answer of one token. UnusableResponse if the answer holds no probability."""
    try:
        answer = load_json(body)
        (item,) = answer["data"]
        chance = item["score"]
        if isinstance(chance, bool) or not 0.0 <= chance <= 1.0:
            raise ValueError(chance)
        usage = answer.get("usage") or {}
    except (ValueError, LookupError, TypeError, AttributeError):
        said = short(body, credentials)
        raise UnusableResponse(f"the host answered with something that is not a score: {said}") from None
    logs = [math.log(max(SMALLEST, one)) for one in (chance, 1.0 - chance)]
    best = 0 if chance >= 0.5 else 1
    token = TokenLogprob(LETTERS[best], logs[best], tuple(zip(LETTERS, logs, strict=True)))
    prompt = count(usage.get("prompt_tokens"), 1 << 30) or request_characters // CHARACTERS_A_TOKEN
    return Completion(LETTERS[best], (token,), prompt_tokens=prompt, completion_tokens=1)


def read_tokens(body: bytes, request_characters: int, credentials: Credentials = NO_CREDENTIALS) -> list[int]:
    """Return the token ids in an answer of ``/tokenize``. UnusableResponse if there are none."""
    try:
        tokens = load_json(body)["tokens"]
        if not tokens or not all(isinstance(one, int) for one in tokens):
            raise ValueError(tokens)
    except (ValueError, LookupError, TypeError):
        said = short(body, credentials)
        raise UnusableResponse(f"the host answered with something that is not a list of tokens: {said}") from None
    return list(tokens)
