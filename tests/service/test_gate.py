"""What the gate says when what is behind it fails: a problem with its way out, whatever was raised."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import logging
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import uvicorn
from service_process import Api, Server
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.server import ServerState

from personalrm.errors import StoreBusy
from personalrm.service import connections
from personalrm.service.access import Authenticator
from personalrm.service.app import make_app
from personalrm.service.config import ServiceConfig
from personalrm.service.freshening import ProfileUpdater
from personalrm.service.gate import Gate
from personalrm.service.logs import ServiceLog, take_over
from personalrm.service.metrics import Metrics
from personalrm.service.problems import Problem
from personalrm.service.state import Service
from personalrm.service.threads import Threads
from personalrm.store.testing import memory_store


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


@pytest.mark.parametrize("parts", [3, 12])
def test_a_body_whose_length_is_not_announced_is_refused_when_it_grows_too_large(
    server: Server, api: Api, user: str, parts: int
) -> None:
    for path in (f"/v1/people/{user}/choices", f"/v1/people/{user}/compare", "/import"):
        connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=30)
        kind = "application/json" if path != "/import" else "multipart/form-data; boundary=b"
        headers = {"Authorization": f"Bearer {api.key}", "Content-Type": kind}
        headers["Cookie"] = f"personalrm={api.key}"
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' if path == "/import" else b""
        content = itertools.chain([head], itertools.repeat(b" " * (3 << 20), parts))
        connection.request("POST", path, content, headers, encode_chunked=True)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status == 413, (path, body[:200])
        assert answer.headers["Connection"] == "close"
    assert server.events("failed") == []
    assert api.get("/healthz").status == 200


def test_a_fault_within_the_application_is_a_problem_with_the_requests_id(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("a secret")

    with memory_store() as store:
        config = ServiceConfig(open=True, workers=0, request_log="off")
        service = Service(config, store)
        monkeypatch.setattr(store, "require_ready", fails)
        sent: list[Message] = []

        async def ask() -> None:
            async def receive() -> Message:
                return {"type": "http.request", "body": b""}

            async def send(message: Message) -> None:
                sent.append(message)

            headers = [(b"host", b"localhost"), (b"x-request-id", b"my-id")]
            scope = {"type": "http", "method": "GET", "path": "/readyz", "query_string": b"", "headers": headers}
            await make_app(service)(scope, receive, send)

        asyncio.run(ask())
        service.stop()
    body = orjson.loads(sent[1]["body"])
    assert (sent[0]["status"], body["type"], body["request_id"]) == (500, "urn:personalrm:problem:failed", "my-id")
    assert "secret" not in str(sent)


def test_only_who_has_signed_in_can_sign_out() -> None:
    with memory_store() as store:
        service = Service(ServiceConfig(open=True, workers=0, request_log="off"), store)
        key = store.make_space("shop").keys.create()

        async def page(cookie: str) -> str:
            sent: list[Message] = []

            async def receive() -> Message:
                return {"type": "http.request", "body": b""}

            async def send(message: Message) -> None:
                sent.append(message)

            headers = [(b"host", b"localhost"), (b"cookie", cookie.encode())]
            scope = {"type": "http", "method": "GET", "path": "/space", "query_string": b"", "headers": headers}
            await make_app(service)(scope, receive, send)
            assert sent[0]["status"] == 200
            return sent[1]["body"].decode()

        without, signed_in = (asyncio.run(page(one)) for one in ("", f"personalrm={key}"))
        service.stop()
    assert "/sign-out" not in without
    assert "/sign-out" in signed_in


def test_nobody_waits_for_a_profile_of_no_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    with memory_store() as store:
        space = store.make_space("a")
        space.people.readmit("ada")
        monkeypatch.setattr(space.jobs, "claim_person", lambda *_: pytest.fail("there is nothing to learn"))
        freshen = ProfileUpdater(SimpleNamespace(is_local=True), None, None)  # type: ignore[arg-type]
        assert freshen(space, space.people.require("ada")).active_version is None


def test_with_open_a_key_that_is_none_of_ours_is_no_key() -> None:
    async def spaces(authenticator: Authenticator, key: str) -> tuple[str, str]:
        found = [await authenticator.authenticate(one, "write") for one in ("sk-anything", key)]
        with pytest.raises(Problem) as refused:
            await authenticator.authenticate("prm_0_mistyped", "write")
        assert refused.value.status == 401
        return found[0].space.name, found[1].space.name

    threads = Threads()
    with memory_store() as store:
        authenticator = Authenticator(store, threads, 1000.0, is_open=True)
        assert asyncio.run(spaces(authenticator, store.make_space("shop").keys.create())) == ("open", "shop")
        threads.close()


def test_a_request_whose_head_does_not_end_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.25)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def read() -> list[bytes]:
        config = uvicorn.Config(app, http=connections.TimedConnection, ws="none", lifespan="off", log_config=None)
        config.load()
        made = lambda: connections.TimedConnection(config, ServerState(), {})  # noqa: E731
        server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
        found = []
        for sent in (b"", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT"):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(sent)
            found.append(await asyncio.wait_for(reader.read(), 30))  # ends when the connection is closed
            writer.close()
            await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return found

    nothing, begun, second = asyncio.run(read())
    assert nothing == b""
    assert begun.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in begun
    assert second.startswith(b"HTTP/1.1 200")


def test_what_the_http_server_says_is_a_line_of_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    take_over("personalrm-test-server", ServiceLog())
    logging.getLogger("personalrm-test-server").warning("Invalid request of %s", "somebody")
    line = orjson.loads(capfd.readouterr().err)
    assert (line["event"], line["level"], line["detail"]) == ("server", "warning", "Invalid request of %s")
