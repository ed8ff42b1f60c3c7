"""Clients that send a body slowly take no turn of others, and have a limited time and share of the memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from starlette.types import Message, Receive, Scope, Send

from personalrm.service import arrivals
from personalrm.service.config import ServiceConfig
from personalrm.service.gate import Gate
from personalrm.service.logs import ServiceLog
from personalrm.service.metrics import Metrics


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body, then answers with its length."""
    read = b""
    while True:
        message = await receive()
        read += message.get("body", b"")
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": orjson.dumps({"bytes": len(read)})})


def gate_of(**settings: Any) -> Gate:
    return Gate(app, ServiceConfig(**settings), ServiceLog("off"), Metrics(), is_slow=False)


class Client:
    """One request; its body comes in parts, and what follows them waits for `end`."""

    def __init__(self, gate: Gate, parts: Sequence[bytes] = (), *, is_slow: bool = False) -> None:
        self._parts = list(parts)
        self.end = asyncio.Event()
        if not is_slow:
            self.end.set()
        self._sent: list[Message] = []
        scope = {"type": "http", "method": "POST", "path": "/v1/x", "query_string": b"", "headers": []}
        self.task = asyncio.create_task(gate(scope, self._receive, self._send))

    async def answer(self) -> tuple[int, dict[str, Any]]:
        await asyncio.wait_for(self.task, 30)
        return self._sent[0]["status"], orjson.loads(self._sent[1]["body"])

    async def _receive(self) -> Message:
        if self._parts:
            return {"type": "http.request", "body": self._parts.pop(0), "more_body": True}
        await self.end.wait()
        return {"type": "http.request", "body": b""}

    async def _send(self, message: Any) -> None:
        self._sent.append(message)


def test_bodies_that_come_slowly_take_no_turn() -> None:
    async def run() -> None:
        gate = gate_of(in_flight=1)
        slow = [Client(gate, [b"a"], is_slow=True) for _ in range(4)]
        await asyncio.sleep(0)
        slow_too_many = Client(gate, is_slow=True)
        assert (await slow_too_many.answer())[0] == 429
        slow.pop().task.cancel()
        await asyncio.sleep(0)
        assert await Client(gate, [b"abc"]).answer() == (200, {"bytes": 3})
        for one in slow:
            one.end.set()
            assert (await one.answer())[0] == 200
        assert await Client(gate, [b"abc"]).answer() == (200, {"bytes": 3})

    asyncio.run(run())


def test_a_body_that_does_not_end_is_refused() -> None:
    async def run() -> None:
        gate = gate_of(timeout=0.05)
        status, body = await Client(gate, [b"a"], is_slow=True).answer()
        assert (status, body["type"].rpartition(":")[2]) == (408, "too-slow")
        assert (await Client(gate, [b"abc"]).answer())[0] == 200

    asyncio.run(run())


def test_incomplete_bodies_have_a_share_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "_HELD", 10)

    async def run() -> None:
        gate = gate_of()
        slow = Client(gate, [b"12345678"], is_slow=True)
        await asyncio.sleep(0)
        status, body = await Client(gate, [b"1234"], is_slow=True).answer()
        assert (status, body["type"].rpartition(":")[2]) == (429, "too-busy")
        slow.end.set()
        assert await slow.answer() == (200, {"bytes": 8})
        assert await Client(gate, [b"123456789"]).answer() == (200, {"bytes": 9})

    asyncio.run(run())
