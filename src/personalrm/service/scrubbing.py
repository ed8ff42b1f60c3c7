"""Removes the service's own credentials from what the upstream of chats answers, also where a stream splits them.

scrub_all(answer, credentials)                    # every text of a JSON value, in place
events = EventScrubber(credentials)
events.take(event)                                # an event of a stream, without what may begin a credential
events.rest()                                     # the event with what was held back to the end; None if nothing was
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from personalrm.llm.credentials import Credentials, StreamScrubber

Place = tuple[Any, ...]


def scrub_all(value: Any, credentials: Credentials) -> None:
    """Remove long credentials and their parts from all texts and names in a JSON object or list."""
    waiting = [value] if credentials.long else []
    while waiting:  # no recursion: a host may nest a thousand levels
        one = waiting.pop()
        for key, held in list(one.items() if isinstance(one, dict) else enumerate(one)):
            if isinstance(held, dict | list):
                waiting.append(held)
            elif isinstance(held, str):
                one[key] = credentials.scrub_answer(held)
            if isinstance(key, str) and (name := credentials.scrub_answer(key)) != key:
                one[name] = one.pop(key)


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; none if it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def index_of(choice: dict[str, Any]) -> int:
    """Its index; 0 if it has no usable one."""
    index = choice.get("index")
    return index if isinstance(index, int) else 0


class EventScrubber:
    """For one stream of chat completions; texts are told apart by choice, field and tool call."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._texts: defaultdict[Place, StreamScrubber] = defaultdict(lambda: StreamScrubber(credentials))
        self._last: dict[str, Any] = {}

    def take(self, event: Any) -> Any:
        """Return the event without credentials; texts come later by the characters that may begin one."""
        if not self._credentials.long or not isinstance(event, dict):
            return event
        scrub_all(event, self._credentials)
        self._last = event
        for choice in objects(event.get("choices")):
            index, delta = index_of(choice), choice.get("delta")
            if not isinstance(delta, dict):
                continue
            self._take_all((index,), delta)
            for call in objects(delta.get("tool_calls")):
                if isinstance(call.get("function"), dict):
                    self._take_all((index, "tool_calls", index_of(call)), call["function"])
            if choice.get("finish_reason") is not None:
                self._give_back((index,), delta)
        return event

    def rest(self) -> dict[str, Any] | None:
        """Return an event with what is still held back; None if nothing is."""
        indices = dict.fromkeys(place[0] for place in self._texts if len(place) == 2)
        choices: list[dict[str, Any]] = []
        for index in indices:
            delta: dict[str, Any] = {}
            self._give_back((index,), delta)
            if delta:
                choices.append({"index": index, "delta": delta, "finish_reason": None})
        return {**self._last, "choices": choices} if choices else None

    def _take_all(self, place: Place, texts: dict[str, Any]) -> None:
        for name, text in texts.items():
            if isinstance(text, str) and name != "role":
                texts[name] = self._texts[*place, name].take(text)

    def _give_back(self, place: Place, delta: dict[str, Any]) -> None:
        for known, scrubber in self._texts.items():
            if known[:-1] == place and (text := scrubber.rest()):
                delta[known[-1]] = (delta.get(known[-1]) or "") + text
