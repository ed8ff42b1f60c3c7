"""Rewards from a served reward model: vLLM's ``/classify`` and ``/pooling``, SGLang's ``/classify``.

    endpoint = RewardEndpoint("Skywork", Host.from_environment("http://localhost:8000"), Scheduler(64))
    await endpoint.rewards([[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]])    # [3.2]

vLLM renders a conversation with the model's chat template (``messages``). For servers that accept only texts,
``render`` makes them. The first answer determines which form the server accepts. The activation is disabled: the reward
is the logit. Sources: vLLM's ``entrypoints/pooling`` protocols; SGLang's documentation of reward models.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

import orjson

from personalrm.errors import EndpointRefused, RequestRefused, UnusableResponse
from personalrm.llm.complaints import short
from personalrm.llm.credentials import NO_CREDENTIALS, Credentials
from personalrm.llm.endpoint import NULL_OBSERVER
from personalrm.llm.gather import gather
from personalrm.llm.host import Host
from personalrm.llm.host_json import load_json
from personalrm.llm.http_client import HttpClient
from personalrm.llm.scheduler import Scheduler
from personalrm.llm.transport import BadRequest
from personalrm.llm.wire import fold_system
from personalrm.recently_used import RecentlyUsed

Protocol = Literal["vllm", "sglang"]
Turns = list[dict[str, str]]
Render = Callable[[Turns], str]
CLASSIFY, POOLING = "/classify", "/pooling"
REMEMBERED = 65_536
"""Rewards kept in memory, so that a conversation is scored once per process."""


@dataclass(frozen=True, slots=True)
class _Way:
    """A form of request: a path, and whether it takes messages, messages without a system turn, or a text."""

    path: str
    form: Literal["messages", "folded", "text"]


_WAYS: dict[Protocol, tuple[_Way, ...]] = {
    "vllm": (
        _Way(CLASSIFY, "messages"),
        _Way(CLASSIFY, "folded"),
        _Way(POOLING, "messages"),
        _Way(POOLING, "folded"),
        _Way(CLASSIFY, "text"),
        _Way(POOLING, "text"),
    ),
    "sglang": (_Way(CLASSIFY, "text"),),
}


class RewardEndpoint:
    """One reward model (one output) at one host. Belongs to one event loop.

    Args:
        model: the model's name at the host.
        host: URL and key; a trailing ``/v1`` of its path is dropped.
        scheduler: bounds the requests in flight.
        protocol: ``vllm`` or ``sglang``.
        render: renders a conversation as the model's input, for servers that do not accept messages.
    """

    def __init__(
        self, model: str, host: Host, scheduler: Scheduler, protocol: Protocol = "vllm", render: Render | None = None
    ) -> None:
        self._model, self._host, self._protocol, self._render = model, host, protocol, render
        self._clients = {
            path: HttpClient(model, host, host.root_url(path), scheduler, read_reward) for path in (CLASSIFY, POOLING)
        }
        self._ways = [one for one in _WAYS[protocol] if render is not None or one.form != "text"]
        self._best: _Way | None = None
        self._known = RecentlyUsed[bytes, float](REMEMBERED)

    async def rewards(self, conversations: Sequence[Turns]) -> list[float]:
        """Return the reward (a logit) of the last turn of each conversation.

        Raises:
            EndpointRefused: the server accepts no form of request, or refuses the key.
            Unreachable, UnusableResponse: no answer, or not exactly one finite number.
        """
        first = [await self._reward(one) for one in conversations[: self._best is None]]
        return first + await gather(self._reward(one) for one in conversations[len(first) :])

    async def aclose(self) -> None:
        """Close the connections."""
        for one in self._clients.values():
            await one.aclose()

    async def _reward(self, turns: Turns) -> float:
        key = blake2b(orjson.dumps(turns), digest_size=16).digest()
        known = self._known.get(key)
        return self._known.keep(key, await self._try_forms(turns)) if known is None else known

    async def _try_forms(self, turns: Turns) -> float:
        """Try the form that worked last, then the others."""
        refused: EndpointRefused | None = None
        for way in sorted(self._ways, key=lambda one: one != self._best):
            if way.form == "folded" and turns[0]["role"] != "system":
                continue
            try:
                found = await self._sent(way, turns)
            except RequestRefused:
                raise
            except EndpointRefused as error:
                refused = refused or error
                if "refuses the key" in str(error) or "requires a key" in str(error):
                    raise
                continue
            self._best = self._best or way
            return found
        raise refused or EndpointRefused(
            f"{self._host.name} accepts only texts, which need the tokenizer of {self._model}: name its local folder"
        )

    async def _sent(self, way: _Way, turns: Turns) -> float:
        body = orjson.dumps(self._body(way, turns))
        client = self._clients[way.path]
        try:
            return await client.persist(lambda: (body, 0), NULL_OBSERVER)
        except BadRequest as refusal:
            raise client.refused(refusal) from None

    def _body(self, way: _Way, turns: Turns) -> dict[str, Any]:
        if way.form == "text":
            text = self._render(turns) if self._render is not None else ""
            if self._protocol == "sglang":
                return {"model": self._model, "text": [text]}
            asked: dict[str, Any] = {"input": [text], "add_special_tokens": True}
        else:
            asked = {"messages": fold_system(turns) if way.form == "folded" else turns}
        # vLLM before 0.11 names it ``activation``; unknown fields are ignored
        return {"model": self._model, **asked, "use_activation": False, "activation": False}


def read_reward(body: bytes, request_characters: int, credentials: Credentials = NO_CREDENTIALS) -> float:
    """Return the one number in an answer to one conversation, in any of the three forms.

    Raises:
        UnusableResponse: not an answer of a reward model, several numbers, or a number that is not finite.
    """
    try:
        answer = load_json(body)
        items = answer["data"] if isinstance(answer, dict) else answer
        (item,) = items if isinstance(items, list) else [items]
        numbers = next(item[name] for name in ("probs", "data", "embedding") if name in item)
        while len(numbers) == 1 and isinstance(numbers[0], list):
            (numbers,) = numbers
    except (ValueError, LookupError, TypeError, StopIteration):
        said = short(body, credentials)
        raise UnusableResponse(f"the host answered with something that is not a reward: {said}") from None
    if not isinstance(numbers, list) or len(numbers) != 1:
        raise UnusableResponse(
            f"expected a reward model with one output (num_labels=1), found an answer of {len(numbers)} numbers"
        )
    if isinstance(numbers[0], bool) or not isinstance(numbers[0], int | float) or not math.isfinite(numbers[0]):
        raise UnusableResponse("the host gave a reward that is not a finite number")
    return float(numbers[0])
