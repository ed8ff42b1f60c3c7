"""What the gate says when what is behind it fails: a problem with its way out, whatever was raised."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from personalrm.errors import StoreBusy
from personalrm.service.config import ServiceConfig
from personalrm.service.gate import Gate
from personalrm.service.logs import ServiceLog
from personalrm.service.metrics import Metrics
from personalrm.service.problems import Problem


def answer_of(app: ASGIApp, config: ServiceConfig) -> tuple[int, dict[bytes, bytes], dict[str, Any]]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "GET", "path": "/v1/people", "query_string": b"", "headers": []}
    gate = Gate(app, config, ServiceLog("off"), Metrics(), is_slow=False)
    asyncio.run(gate(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), orjson.loads(sent[1]["body"])


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (KeyError("a text of somebody"), 500, "failed"),
        (StoreBusy("the database is busy"), 503, "store-busy"),
        (Problem(409, "conflict", "d", "w"), 409, "conflict"),
    ],
)
def test_whatever_is_raised_is_told_as_a_problem(error: Exception, status: int, name: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    found, headers, body = answer_of(app, ServiceConfig())
    assert (found, body["type"].rpartition(":")[2]) == (status, name)
    assert body["request_id"].encode() == headers[b"x-request-id"]
    assert body["way_out"]
    assert "somebody" not in str(body)


def test_what_takes_too_long_is_told_to_come_again() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(60)

    status, headers, body = answer_of(app, ServiceConfig(timeout=0.01))
    assert (status, body["type"].rpartition(":")[2]) == (503, "too-slow")
    assert int(headers[b"retry-after"]) >= 1
