"""Endpoints that answer by a rule and record their requests, and sample answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from personalrm.llm.endpoint import Completion, SamplingParams
from personalrm.preferences import Message

Rule = Callable[[str, SamplingParams], str | Completion]


class Scripted:
    """Answers with the rule's result for the user message; ``asked`` records messages and parameters in order."""

    model = "scripted"

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self.asked: list[tuple[tuple[Message, ...], SamplingParams]] = []

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        self.asked.append((tuple(messages), params))
        await asyncio.sleep(0)
        answer = self._rule(messages[-1].content, params)
        return answer if isinstance(answer, Completion) else Completion(answer, prompt_tokens=10, completion_tokens=2)

    async def aclose(self) -> None:
        """Do nothing."""

    def prompts(self, kind: str = "") -> list[str]:
        """The recorded user messages, all or of one kind: reasoning, persona, verdict."""
        return [messages[-1].content for messages, _ in self.asked if kind in ("", kind_of(messages[-1].content))]


def kind_of(prompt: str) -> str:
    """The kind of a prompt, by its last lines."""
    tail = prompt.rpartition("</pair>")[2] if "</pair>" in prompt else prompt.rpartition("</past_choice>")[2]
    if "speculations" in tail:
        return "reasoning"
    return "persona" if '"claims"' in tail else "verdict"


def reasoned(side: str, text: str = "Because it is short.", speculations: Sequence[str] = ()) -> str:
    return orjson.dumps({"speculations": list(speculations), "reasoning": text, "preference": side}).decode()


def persona(summary: str, *claims: tuple[str, Any, Any]) -> str:
    listed = [{"claim": text, "for": pro, "against": contra} for text, pro, contra in claims]
    return orjson.dumps({"summary": summary, "claims": listed}).decode()
