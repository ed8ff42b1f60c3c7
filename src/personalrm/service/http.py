"""JSON requests and responses: read strictly by orjson (no NaN, limited nesting, no key twice), written by orjson."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from personalrm.service.problems import MEDIA_TYPE, FieldProblem, Problem

_REFUSED = {
    "extra_forbidden": "is not a known field",
    "missing": "is missing",
    "json_invalid": "is not valid JSON: {error}",
    "model_type": "expected an object",
    "model_attributes_type": "expected an object",
    "dict_type": "expected an object",
}
_SHOWN = 20
WHOLE = "body"
"""The field name of a problem that concerns the whole value."""
_LIST_ENDS = ("body", "query", "path", "header")


_KEY = re.compile(rb'"[ \t\n\r]*:')
_KEY_SHOWN = 40


def parse_json(text: bytes) -> Any:
    """The value. json.JSONDecodeError if it is invalid, or an object has a key twice: one of both would be ignored.

    A text that has as many colons after quotation marks as its value has keys has none twice (4 µs for a comparison);
    only other texts, which quote something before a colon, are read again to see their keys.
    """
    found = orjson.loads(text)
    if len(_KEY.findall(text)) != _keys(found):
        try:
            json.loads(text, object_pairs_hook=_distinct, parse_int=str)
        except RecursionError:
            raise json.JSONDecodeError("depth limit exceeded", "", 0) from None
    return found


def _keys(value: Any) -> int:
    """The number of keys of all objects in a value."""
    count, left = 0, [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            count += len(one)
            one = one.values()
        elif not isinstance(one, list):
            continue
        left += [part for part in one if isinstance(part, (dict, list))]
    return count


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise json.JSONDecodeError(f"an object has the key '{name[:_KEY_SHOWN]}' twice", "", 0)
        seen.add(name)


class JsonRequest(Request):
    """A request whose body is parsed by orjson."""

    async def json(self) -> Any:
        """Raises json.JSONDecodeError."""
        return parse_json(await self.body())


class JsonRoute(APIRoute):
    """A route whose requests are `JsonRequest`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Overrides FastAPI's documented hook."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            if self.body_field is not None and not _is_json(request):
                raise not_json()
            return await handle(JsonRequest(request.scope, request.receive))

        return handler


def _is_json(request: Request) -> bool:
    """Whether the content type is JSON; true for an empty body, so that the error names the missing fields."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not kind:
        return request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def not_json() -> Problem:
    """A body that is not sent as JSON."""
    detail = "the body is not sent as JSON"
    return Problem(415, "unsupported-media-type", detail, "send the header 'Content-Type: application/json'")


def reply(value: Any, status: int = 200) -> Response:
    """A JSON response."""
    return Response(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY), status, media_type="application/json")


def field_problems(found: Any) -> tuple[FieldProblem, ...]:
    """Pydantic's errors by field; values of the request are not repeated."""
    return tuple(FieldProblem(_field(one["loc"]), _error_message(one)) for one in found[:_SHOWN])


def validation_problem(error: RequestValidationError) -> Problem:
    """The problem for a request that does not match its schema."""
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        where = found[0]["loc"][-1]
        said = found[0].get("ctx", {}).get("error", "")
        detail = f"the body is not valid JSON: {said}{f' (character {where})' if where else ''}"
        return Problem(
            400, "invalid-json", detail, "send one JSON value in UTF-8, without NaN, no key twice, at most 1,000 deep"
        )
    fields = field_problems(found)
    detail = "; ".join(f"{one.field}: {one.problem}" for one in fields[:3])
    return Problem(422, "invalid-request", detail, "correct the fields and send the request again", fields)


def _field(location: tuple[int | str, ...]) -> str:
    parts = location[1:] if location and location[0] in _LIST_ENDS else location
    return ".".join(str(one) for one in parts) or WHOLE


def _error_message(one: Any) -> str:
    if one["type"] in _REFUSED:
        return _REFUSED[one["type"]].format(**one.get("ctx", {}))
    message = str(one["msg"])
    return message.removeprefix("Value error, ")[:1].lower() + message.removeprefix("Value error, ")[1:]


PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": meaning, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for status, meaning in {
        400: "The body is not valid JSON",
        401: "No key, or an unknown key",
        402: "The budget for the model is spent",
        403: "The key lacks the required scope",
        404: "No such person, version or page in this space",
        405: "No such method here",
        408: "The head or the body of the request took too long",
        409: "Conflicts with stored data, or there are too few choices",
        410: "The person was erased",
        413: "The body is too large",
        415: "The body is not sent as JSON",
        422: "A field is not as expected",
        429: "Too many requests; see Retry-After",
        501: "An optional package is not installed on the server",
        502: "The model's endpoint refuses, or its response is unusable",
        503: "The database is busy or unreachable, or the request took too long; see Retry-After",
        504: "The model's endpoint does not respond; see Retry-After",
        507: "The disk of the database, or of the temporary files, is full",
    }.items()
}
