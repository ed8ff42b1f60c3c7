"""Fast path for comparisons, the most frequent request: FastAPI's layers take a quarter of its time.

    app = Shortcut(app, service)

Only the common case is answered here: a POST of valid JSON to ``/v1/people/{user}/compare``. Every other request, and
every invalid one, is passed to the app with the part of the body already read, so errors are handled in one place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from personalrm.service.access import admitted
from personalrm.service.contract import PairIn
from personalrm.service.http import parse_json
from personalrm.service.routes import predict
from personalrm.service.state import Service

_PATH = re.compile(r"/v1/people/([A-Za-z0-9._@+-]{1,200})/compare")
_JSON = frozenset({b"application/json", b"application/json; charset=utf-8"})
_ROUTE = next(one for one in predict.router.routes if getattr(one, "path", "") == predict.COMPARE)


class Shortcut:
    """See the module's docstring."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _PATH.fullmatch(scope["path"]) if _is_plain(scope) else None
        if found is None:
            await self._app(scope, receive, send)
            return
        read = await _read(receive)
        asked = _parsed(read)
        if asked is None:
            await self._app(scope, _ReplayedReceive(read, receive), send)
            return
        scope["route"] = _ROUTE
        caller = await admitted(self._service.authenticator, scope, "predict")
        body = orjson.dumps(await predict.verdict(self._service, caller.space, found[1], asked))
        headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _ReplayedReceive:
    """An ASGI receive function: the messages already read, then the original ones."""

    def __init__(self, read: Sequence[Message], receive: Receive) -> None:
        self._read, self._receive = iter(read), receive

    async def __call__(self) -> Message:
        for message in self._read:
            return message
        return await self._receive()


def _is_plain(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "POST" or scope["query_string"]:
        return False
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    return len(kinds) == 1 and kinds[0].lower() in _JSON


async def _read(receive: Receive) -> list[Message]:
    """The complete body, or what arrived before the client disconnected."""
    read: list[Message] = []
    while True:
        message = await receive()
        read.append(message)
        if message["type"] != "http.request" or not message.get("more_body"):
            return read


def _parsed(read: Sequence[Message]) -> PairIn | None:
    """The request body; None if it is invalid."""
    if read[-1]["type"] != "http.request":
        return None
    try:
        found: Any = parse_json(b"".join(one.get("body", b"") for one in read))
        return PairIn.model_validate(found)
    except (json.JSONDecodeError, ValidationError):
        return None
