"""People: list, create, export, erase."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from personalrm.service.access import Manages, Predicts
from personalrm.service.answers import ErasedOut
from personalrm.service.fields import After, Limit, UserName
from personalrm.service.http import JsonRoute, reply
from personalrm.service.problems import Problem
from personalrm.service.state import Service
from personalrm.store.erasures import Erasure
from personalrm.store.people import PersonState
from personalrm.store.store import SpaceStore

router = APIRouter(route_class=JsonRoute, tags=["people"])
_AHEAD = 1 << 20
"""Bytes of an export that are read before the response starts."""


@router.get("/v1/people")
async def list_people(
    request: Request,
    caller: Predicts,
    after: After = "",
    limit: Limit = 100,
) -> Response:
    """The people of the space by name, page by page."""
    service: Service = request.app.state.service
    found = await service.threads.store(caller.space.people.list, after, limit + 1)
    shown = found[:limit]
    following = shown[-1].name if len(found) > limit else None
    return reply({"people": [shown_person(one) for one in shown], "next": following})


@router.get("/v1/people/{user}")
async def get_person(request: Request, user: UserName, caller: Predicts) -> Response:
    """Number of the person's choices, and state of their profile."""
    service: Service = request.app.state.service
    return reply(shown_person(await service.threads.store(caller.space.people.require, user)))


@router.put("/v1/people/{user}")
async def take_in(request: Request, user: UserName, caller: Manages) -> Response:
    """Create the person, also one who was erased before."""
    service: Service = request.app.state.service
    return reply(shown_person(await service.threads.store(caller.space.people.readmit, user)))


@router.get("/v1/people/{user}/export", response_class=StreamingResponse)
async def export(request: Request, user: UserName, caller: Manages) -> Response:
    """All stored data of the person in one JSON file."""
    service: Service = request.app.state.service
    person = await service.threads.store(caller.space.people.require, user)
    headers = {"Content-Disposition": 'attachment; filename="export.json"', "Cache-Control": "no-store"}
    parts = _exported(caller.space, person)
    first = await service.threads.store(_first, parts)  # an immediate error becomes a problem response
    return StreamingResponse(chain([first], parts), 200, headers, "application/json")


@router.delete("/v1/people/{user}", response_model=ErasedOut)
async def erase(request: Request, user: UserName, caller: Manages) -> Response:
    """Erase the person: all rows, cached answers and vectors. A repeated request returns what was erased."""
    service: Service = request.app.state.service
    record = await service.threads.store(service.eraser.erase, caller.space, user, caller.key_id)
    return reply(_erased(record))


@router.get("/v1/erasures/{erasure}", response_model=ErasedOut)
async def get_erasure(request: Request, erasure: Annotated[int, "number"], caller: Manages) -> Response:
    """Progress of an erasure."""
    service: Service = request.app.state.service
    number = erasure if 0 <= erasure < 2**53 else -1
    record = await service.threads.store(caller.space.erasures.get, number)
    if record is None:
        raise Problem(404, "unknown-erasure", f"this space has no erasure {erasure}", "check the number")
    return reply(_erased(record))


def shown_person(person: PersonState) -> dict[str, Any]:
    """A person as returned by the API."""
    return {
        "user": person.name,
        "choices": person.choices,
        "created": person.created,
        "profile_version": person.active_version,
        "up_to_date": not person.is_stale,
    }


def _erased(record: Erasure) -> dict[str, Any]:
    counts, models = dict(record.counts), list(record.models)
    told = {"counts": counts, "models": models, "started": record.started, "finished": record.finished}
    return {"erased": record.is_done, "erasure": record.id, **told}


def _first(parts: Iterator[bytes]) -> bytes:
    """The complete export if it is small, else its beginning."""
    read = bytearray()
    for part in parts:
        read += part
        if len(read) >= _AHEAD:
            break
    return bytes(read)


def _exported(space: SpaceStore, person: PersonState) -> Iterator[bytes]:
    yield b'{"format":"personalrm-export","version":1,"person":' + orjson.dumps(shown_person(person))
    for name, rows in space.exports.tables(person):
        yield b"," + orjson.dumps(name) + b":["
        for number, row in enumerate(rows):
            yield (b"," if number else b"") + orjson.dumps(row)
        yield b"]"
    yield b"}\n"
