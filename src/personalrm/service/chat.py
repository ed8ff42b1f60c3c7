"""Chat completions: add the person's generation prompt, call the upstream, return the best of several answers.

Of ``n_best`` samples the one with the highest predicted reward is returned, with its margin over the next one. If
the probability that the person prefers it to the first sample is below 0.55, the first sample is returned: a difference
that small is noise. All samples are stored under the answer's id, so that feedback on it can become a choice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from personalrm.errors import NotEnoughChoices, PersonalrmError, PersonErased
from personalrm.preferences import Message
from personalrm.service.access import Caller
from personalrm.service.chat_meter import ChatMeter, estimated, tokens_of
from personalrm.service.person_cache import PersonCache
from personalrm.service.predictors import Opened, Predictors
from personalrm.service.problems import Problem
from personalrm.service.scrubbing import index_of, objects
from personalrm.service.state import Service
from personalrm.service.upstream import Upstream, unusable
from personalrm.store.completions import Completed
from personalrm.store.store import SpaceStore
from personalrm.synthesis.prompting import generation_prompt

TOLD_APART = 0.55
MOST_BYTES = 16 << 20
_OURS = frozenset({"user", "n_best"})
_HEARD = frozenset({"user", "assistant"})
_PROMPTS = 4096


@dataclass(frozen=True, slots=True)
class Chat:
    """One chat request: its caller, the person, the body, and the number of samples."""

    caller: Caller
    user: str | None
    body: Mapping[str, Any]
    n_best: int

    @property
    def turns(self) -> tuple[Message, ...]:
        """The conversation for predictors: the user's and the model's turns, without system messages."""
        return tuple(
            Message(one["role"], text)
            for one in self.body["messages"]
            if one.get("role") in _HEARD and (text := text_of(one.get("content")))
        )


class Prompts:
    """Generation prompts by person and profile version. Thread-safe."""

    def __init__(self, predictors: Predictors) -> None:
        self._kept = PersonCache[str](_PROMPTS)
        predictors.register(self._kept)

    def of(self, opened: Opened) -> str:
        """The generation prompt of this profile."""
        found = self._kept.get(opened.person.id, opened.version)
        if found is None:
            found = generation_prompt(opened.profile())
            self._kept.keep(opened.person.id, opened.version, found)
        return found


class Chats:
    """See the module's docstring."""

    def __init__(self, service: Service, upstream: Upstream) -> None:
        self._service, self._upstream, self._prompts = service, upstream, Prompts(service.predictors)
        self.meter = ChatMeter(service.store)

    async def answered(self, chat: Chat) -> dict[str, Any]:
        """The complete answer. Raises Problem or an error of this package."""
        await self._admit(chat)
        opened = await self._opened(chat)
        body = self._body(chat, opened)
        found = await self._complete_chat(chat, body)
        self.meter.book(chat.caller.space, len(found["choices"]), tokens_of(body, found))
        found["id"] = _new_id()
        told: dict[str, Any] = {"profile_version": None if opened is None else opened.version}
        if chat.n_best > 1:
            found["choices"], more = await self._best(chat, opened, found["choices"])
            told |= more
        await self._keep(chat, found["id"], _texts(found["choices"]), opened)
        return {**found, "personalrm": told}

    async def begun(self, chat: Chat) -> AsyncIterator[bytes]:
        """The answer as a stream of server-sent events. Problems are raised before the stream starts.

        The first step awaits the first event, so that a refusal and an answer that is no stream get an HTTP status.
        """
        if chat.n_best > 1:
            return _as_stream(await self.answered(chat))
        await self._admit(chat)
        opened = await self._opened(chat)
        stream = self._streamed(chat, opened)
        return _with_first(await anext(stream), stream)

    async def models(self) -> dict[str, Any]:
        """The upstream's list of models. Raises Problem if it has none."""
        async with self._upstream.listed() as answer:
            return await self._upstream.whole(answer, MOST_BYTES, "data")

    async def close(self) -> None:
        """Close the connections to the upstream."""
        await self._upstream.close()

    async def flush(self) -> None:
        """Write the counted usage to the database."""
        await self._service.threads.store(self.meter.flush)

    async def _admit(self, chat: Chat) -> None:
        """BudgetSpent if the space has used its monthly budget."""
        space = chat.caller.space
        if self.meter.is_stale(space):
            await self._service.threads.store(self.meter.refresh, space)
        self.meter.check(space)

    async def _streamed(self, chat: Chat, opened: Opened | None) -> AsyncIterator[bytes]:
        number, said = _new_id(), dict[int, list[str]]()
        body = self._body(chat, opened)
        async with self._upstream.asked(body) as answer:
            is_begun = False
            try:
                async for event in self._upstream.events(answer):
                    yield _line(_renamed(event, number, said))
                    is_begun = True
                if not is_begun:
                    raise unusable("no events of a stream")
            except (Problem, ValueError) as error:
                if not is_begun:
                    raise error if isinstance(error, Problem) else unusable("no valid JSON") from None
                told = {"message": "the upstream closed early", "type": "upstream-failed", "code": None, "param": None}
                yield _line(orjson.dumps({"error": told}))
                return
            finally:
                texts = tuple("".join(said[at]) for at in sorted(said))
                self.meter.book(chat.caller.space, len(texts) or 1, estimated(body, texts))
        await self._keep(chat, number, texts, opened)
        yield _line(b"[DONE]")

    async def _opened(self, chat: Chat) -> Opened | None:
        """The person's predictor; None if they have no profile."""
        if chat.user is None:
            return None
        return await self._service.threads.predict(self._known, chat.caller.space, chat.user)

    def _known(self, space: SpaceStore, user: str) -> Opened | None:
        person = space.people.get(user)
        if person is None:
            return None
        try:
            opened = self._service.predictors.maybe(space, person)
        except (NotEnoughChoices, Problem):
            return None
        if opened is not None:
            self._prompts.of(opened)  # reads the profile, so it must run in a worker thread
        return opened

    def _body(self, chat: Chat, opened: Opened | None) -> dict[str, Any]:
        """The upstream's request body: the person's prompt is added, their name is removed."""
        body = {name: value for name, value in chat.body.items() if name not in _OURS and value is not None}
        if opened is not None:
            body["messages"] = with_prompt(body["messages"], self._prompts.of(opened))
        if chat.n_best > 1:
            body |= {"n": chat.n_best, "stream": False}
            body.pop("stream_options", None)
        return body

    async def _complete_chat(self, chat: Chat, body: Mapping[str, Any]) -> dict[str, Any]:
        async with self._upstream.asked(body) as answer:
            found = await self._upstream.whole(answer, MOST_BYTES)
        missing = chat.n_best - len(found["choices"])
        if chat.n_best > 1 and missing > 0:  # a host that ignores `n` returns one answer
            single = {**body, "n": 1}
            more = await asyncio.gather(*(self._once(single) for _ in range(missing)), return_exceptions=True)
            found["choices"] += [one for part in more if isinstance(part, list) for one in part]
        return found

    async def _once(self, body: Mapping[str, Any]) -> list[Any]:
        async with self._upstream.asked(body) as answer:
            choices: list[Any] = (await self._upstream.whole(answer, MOST_BYTES))["choices"]
        return choices[:1]

    async def _best(self, chat: Chat, opened: Opened | None, choices: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        """The choice to return, and how it was selected."""
        texts = [text_of(_message(one).get("content")) for one in choices]
        told: dict[str, Any] = {"n_best": len(choices), "margin": None, "told_apart": False}
        if opened is None or len(choices) < 2 or not all(texts) or chat.user is None:
            return [_first(choices[0])], told
        try:
            asked = chat.caller.space, chat.user
            _, ranking = await self._service.predicted(*asked, "rank", (chat.turns, texts))
            best, second = ranking.order[:2]
            told["margin"] = ranking.strengths[best] - ranking.strengths[second]
            told["strengths"] = ranking.strengths
            _, verdict = await self._service.predicted(*asked, "compare", (chat.turns, texts[best], texts[0]))
        except PersonalrmError as error:  # still answer if the judge cannot be reached
            return [_first(choices[0])], {**told, "unranked": type(error).__name__}
        told["told_apart"] = best == 0 or (verdict.probability or 0.0) >= TOLD_APART
        return [_first(choices[best if told["told_apart"] else 0])], told

    async def _keep(self, chat: Chat, number: str, texts: Sequence[str], opened: Opened | None) -> None:
        """Store the samples for feedback, unless the key may not write or the person was erased."""
        if chat.user is None or not any(texts) or "write" not in chat.caller.scopes:
            return
        version = None if opened is None else opened.version
        made = Completed(number, chat.turns, tuple(one.replace("\0", "�") for one in texts), version)
        try:
            await self._service.threads.store(chat.caller.space.completions.keep, chat.user, made)
        except PersonErased:
            return


def with_prompt(messages: Sequence[Mapping[str, Any]], prompt: str) -> list[Mapping[str, Any]]:
    """Append the prompt to the first system message: many hosts accept only one."""
    first = messages[0]
    if first.get("role") in ("system", "developer") and isinstance(first.get("content"), str):
        return [{**first, "content": f"{first['content']}\n\n{prompt}"}, *messages[1:]]
    return [{"role": "system", "content": prompt}, *messages]


def text_of(content: Any) -> str:
    """The text of a message, whose content may be a list of parts; empty if there is none."""
    if isinstance(content, str):
        return content.replace("\0", "�")
    if isinstance(content, list):
        parts = [one.get("text") for one in content if isinstance(one, dict) and one.get("type") == "text"]
        return "\n".join(one for one in parts if isinstance(one, str)).replace("\0", "�")
    return ""


def _message(choice: Any) -> Mapping[str, Any]:
    found = choice.get("message") if isinstance(choice, dict) else None
    return found if isinstance(found, dict) else {}


def _first(choice: Any) -> Any:
    return {**choice, "index": 0} if isinstance(choice, dict) else choice


def _texts(choices: Sequence[Any]) -> tuple[str, ...]:
    return tuple(text_of(_message(one).get("content")) for one in choices)


def _new_id() -> str:
    return f"chatcmpl-{secrets.token_hex(16)}"


def _line(event: bytes) -> bytes:
    return b"data: " + event + b"\n\n"


def _renamed(found: Any, number: str, said: dict[int, list[str]]) -> bytes:
    """The event with our id; its text is appended to ``said``."""
    if not isinstance(found, dict):
        return orjson.dumps(found)
    for one in objects(found.get("choices")):
        delta = one.get("delta")
        if isinstance(delta, dict) and isinstance(delta.get("content"), str):
            said.setdefault(index_of(one), []).append(delta["content"])
    return orjson.dumps({**found, "id": number})


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for one in rest:
        yield one


async def _as_stream(found: dict[str, Any]) -> AsyncIterator[bytes]:
    """A complete answer as the events of a stream."""
    head = {"object": "chat.completion.chunk", **{name: found.get(name) for name in ("id", "created", "model")}}
    one = found["choices"][0]
    message = _message(one)
    for delta, reason in ((dict(message), None), ({}, one.get("finish_reason") or "stop")):
        shown = {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        yield _line(orjson.dumps({**shown, "personalrm": found["personalrm"]} if reason else shown))
    yield _line(b"[DONE]")
