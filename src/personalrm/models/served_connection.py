"""Connection to one served reward model, and the format of the conversations sent to it.

connection = Connection(parse_served("vllm-classify:Skywork@http://localhost:8000"), EndpointOptions())
await connection.rewards([turns_of(None, context, "Yes.")])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from personalrm.formatting.texts import encodable
from personalrm.llm import background_loop
from personalrm.llm.connect import EndpointOptions
from personalrm.llm.host import Host
from personalrm.models.served_name import PROTOCOLS, ServedName
from personalrm.models.worker import in_fitting_worker
from personalrm.preferences import Message
from personalrm.prompts.marks import break_marks

if TYPE_CHECKING:
    from personalrm.llm.rewards import Render, RewardEndpoint, Turns

_LONGEST = 1 << 20
"""Maximum tokens; the server enforces its model's own limit."""


class Connection:
    """The endpoint of one served model; its HTTP connections are closed when this object is garbage-collected."""

    def __init__(self, name: ServedName, settings: EndpointOptions) -> None:
        self._name, self._settings = name, settings
        self._endpoint: RewardEndpoint | None = None

    async def rewards(self, conversations: Sequence[Turns]) -> list[float]:
        """As `RewardEndpoint.rewards`, from any event loop or none."""
        render = await in_fitting_worker(_renderer, self._name) if self._endpoint is None else None
        return await background_loop.join(self._request(conversations, render))

    async def _request(self, conversations: Sequence[Turns], render: Render | None) -> list[float]:
        if self._endpoint is None:
            self._endpoint = self._open_endpoint(render)
            background_loop.close_after(self, self._endpoint.aclose)
        return await self._endpoint.rewards(conversations)

    def _open_endpoint(self, render: Render | None) -> RewardEndpoint:
        from personalrm.llm.rewards import RewardEndpoint  # aiohttp, 0.2 s
        from personalrm.llm.scheduler import Scheduler

        settings = self._settings
        if self._name.url is not None:
            settings = replace(settings, base_url=self._name.url)
        settings = settings.resolved()
        host = Host.from_environment(settings.base_url, settings.api_key, settings.timeout, settings.max_body)
        return RewardEndpoint(
            self._name.model, host, Scheduler(settings.concurrency), PROTOCOLS[self._name.kind], render
        )


def _renderer(name: ServedName) -> Render | None:
    """A renderer with the model's tokenizer, where needed or available. DataError if it cannot be loaded."""
    if PROTOCOLS[name.kind] == "vllm" and not Path(name.model).is_dir():
        return None
    from personalrm.models.reward_model.backbones import load_tokenizer  # torch, 5 s
    from personalrm.models.reward_model.inputs import Inputs

    inputs = Inputs.of(load_tokenizer(name.model), _LONGEST)

    def render(turns: Turns) -> str:
        system = turns[0]["content"] if turns[0]["role"] == "system" else None
        context = [Message(one["role"], one["content"]) for one in turns[system is not None : -1]]
        return inputs.text(system, context, turns[-1]["content"])

    return render


def turns_of(system: str | None, context: Sequence[Message], response: str) -> Turns:
    """A conversation with its answer; the user's text and all system turns become one system turn at the beginning."""
    system_texts = [one for one in (system, *(turn.content for turn in context if turn.role == "system")) if one]
    turns = [Message("system", "\n\n".join(system_texts))] if system_texts else []
    turns += [one for one in context if one.role != "system"]
    messages = (*turns, Message("assistant", response))
    return [{"role": one.role, "content": break_marks(encodable(one.content), fences=False)} for one in messages]
