"""Prompts for the simulated model, and the few lines of HTTP that a test of its server needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import handmade as hand
import pytest

from personalrm.data.simulated import Setting, simulate
from personalrm.llm.simulated import SimulatedLLM

CHOICES = simulate(1, Setting(seed=6, prompt_tokens=60, response_tokens=120))[0].history.choices
DEMONSTRATIONS = hand.demonstrations(CHOICES[:12])
PAIR = hand.pair(CHOICES[15])
SHORT = DEMONSTRATIONS + PAIR + hand.LETTER
REASONED = DEMONSTRATIONS + PAIR + "Explain which response the person prefers."
WRITE_PERSONA = DEMONSTRATIONS + "Write a persona of this person."
VERDICT_SCHEMA = {
    "type": "object",
    "properties": {
        "speculations": {"type": "array", "items": {"type": "string"}},
        "reasoning": {"type": "string"},
        "preference": {"type": "string", "enum": ["A", "B"]},
        "confidence": {"type": "number"},
    },
}
PERSONA_SCHEMA = {
    "type": "object",
    "$defs": {
        "Claim": {
            "type": "object",
            "properties": {
                "claim": {"type": "string"},
                "for": {"type": "array", "items": {"type": "integer"}},
                "against": {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]},
            },
        }
    },
    "properties": {"summary": {"type": "string"}, "claims": {"type": "array", "items": {"$ref": "#/$defs/Claim"}}},
}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as one:
        yield one


class Client:
    """The few lines of HTTP that a test needs."""

    def __init__(self, session: aiohttp.ClientSession, llm: SimulatedLLM, key: str = "") -> None:
        self.session, self.llm = session, llm
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def raw(self, user: str, system: str = hand.SYSTEM, **parameters: Any) -> tuple[int, dict[str, Any], Any]:
        body = {"model": "simulated", "messages": hand.messages(user, system), **parameters}
        url = self.llm.url + "/chat/completions"
        async with self.session.post(url, json=body, headers=self.headers) as response:
            return response.status, await response.json(), response.headers

    async def ask(self, user: str, system: str = hand.SYSTEM, **parameters: Any) -> dict[str, Any]:
        status, answer, _ = await self.raw(user, system, **parameters)
        assert status == 200, answer
        return answer

    async def text(self, user: str, system: str = hand.SYSTEM, **parameters: Any) -> str:
        answer = await self.ask(user, system, **parameters)
        content = answer["choices"][0]["message"]["content"]
        assert isinstance(content, str)
        return content

    async def get(self, path: str, method: str = "GET") -> Any:
        async with self.session.request(method, self.llm.root + path) as response:
            return await response.json()


def structured(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
