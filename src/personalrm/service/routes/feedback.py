"""Feedback: choices, rankings of several responses, ratings and thumbs are stored as choices."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from personalrm.data.writing import as_row
from personalrm.service.access import Predicts, Writes
from personalrm.service.answers import AddedOut
from personalrm.service.contract import ChoicesIn, ForgetIn, RankingsIn, RatingsIn, ReasonIn, ThumbsIn
from personalrm.service.feedback import CHOICES, RANKINGS, RATINGS, THUMBS, NotJson, answered, stored
from personalrm.service.fields import ChoiceId, Limit, UserName
from personalrm.service.http import JsonRoute, parse_json, reply
from personalrm.service.problems import invalid
from personalrm.service.state import Service
from personalrm.store.records import StoredChoice

router = APIRouter(route_class=JsonRoute, tags=["feedback"])
_LINES = 100_000
_AT_ONCE = 1000
_NDJSON: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/x-ndjson": {"schema": {"type": "string"}}}}
}


@router.post("/v1/people/{user}/choices", response_model=AddedOut)
async def add_choices(request: Request, user: UserName, body: ChoicesIn, caller: Writes) -> Response:
    """Store choices; already stored ones are counted as known. Repeating an `Idempotency-Key` repeats the response."""
    return answered(CHOICES, await stored(request, caller, user, body.choices, CHOICES))


@router.post("/v1/people/{user}/choices/stream", response_model=AddedOut, openapi_extra=_NDJSON)
async def stream_choices(request: Request, user: UserName, caller: Writes) -> Response:
    """Store choices sent as NDJSON, one per line; after a broken connection send the same request again.

    `index` in `rejected` is the line number from 0. If no line could be stored, the response is 422 with the same list.
    """
    lines = [(at, line) for at, line in enumerate((await request.body()).split(b"\n")) if line.strip()]
    if len(lines) > _LINES:
        raise invalid("body", f"expected at most {_LINES} lines, found {len(lines)}")
    answer: dict[str, Any] = {"accepted": 0, "known": 0, "rejected": []}
    for at in range(0, len(lines), _AT_ONCE):
        items = [_parsed(line) for _, line in lines[at : at + _AT_ONCE]]
        found = await stored(request, caller, user, items, CHOICES, at)
        found["rejected"] = [{**one, "index": lines[one["index"]][0]} for one in found["rejected"]]
        answer = {name: answer[name] + found[name] for name in answer}
    return answered(CHOICES, answer)


@router.post("/v1/people/{user}/rankings", response_model=AddedOut)
async def add_rankings(request: Request, user: UserName, body: RankingsIn, caller: Writes) -> Response:
    """Store choices among several responses."""
    return answered(RANKINGS, await stored(request, caller, user, body.rankings, RANKINGS))


@router.post("/v1/people/{user}/ratings", response_model=AddedOut)
async def add_ratings(request: Request, user: UserName, body: RatingsIn, caller: Writes) -> Response:
    """Store scores of single responses; scores of one prompt and source become choices."""
    return answered(RATINGS, await stored(request, caller, user, body.ratings, RATINGS))


@router.post("/v1/people/{user}/thumbs", response_model=AddedOut)
async def add_thumbs(request: Request, user: UserName, body: ThumbsIn, caller: Writes) -> Response:
    """Store thumbs up and down; a thumb up and a thumb down on one prompt and source become a choice."""
    return answered(THUMBS, await stored(request, caller, user, body.thumbs, THUMBS))


@router.get("/v1/people/{user}/choices")
async def list_choices(
    request: Request,
    user: UserName,
    caller: Predicts,
    after: Annotated[int, Query(ge=0, le=2**53, description="`next` of the previous page")] = 0,
    limit: Limit = 100,
) -> Response:
    """The person's choices in the order of arrival, page by page; `next` is null on the last page."""
    service: Service = request.app.state.service

    def page() -> list[StoredChoice]:
        person = caller.space.people.require(user)
        return caller.space.history.page(person, after, limit + 1)

    found = await service.threads.store(page)
    shown = found[:limit]
    following = shown[-1].number if len(found) > limit else None
    return reply({"choices": [shown_choice(one) for one in shown], "next": following})


@router.put("/v1/people/{user}/choices/{source}/{choice_id:path}/forgotten")
async def forget_choice(
    request: Request, user: UserName, source: UserName, choice_id: ChoiceId, body: ForgetIn, caller: Writes
) -> Response:
    """Exclude a choice from learning, or include it again; an excluded choice is kept and shown as forgotten."""
    service: Service = request.app.state.service
    changed = await service.forget(caller.space, user, source, choice_id, forgotten=body.forgotten)
    return reply({"forgotten": body.forgotten, "changed": changed})


@router.put("/v1/people/{user}/choices/{source}/{choice_id:path}/reason")
async def explain_choice(
    request: Request, user: UserName, source: UserName, choice_id: ChoiceId, body: ReasonIn, caller: Writes
) -> Response:
    """Store the person's reason for a choice, which is used as evidence when the persona is written."""
    service: Service = request.app.state.service
    changed = await service.explain(caller.space, user, source, choice_id, body.reason)
    return reply({"reason": body.reason, "changed": changed})


def shown_choice(one: StoredChoice) -> dict[str, Any]:
    """A stored choice as returned by the API."""
    row = {name: value for name, value in as_row(one.preference).items() if name not in ("user", "id")}
    identity = {"id": one.external_id, "source": one.source, "origin": one.origin, "received": one.received}
    return {**identity, **row, "forgotten": one.forgotten is not None}


def _parsed(line: bytes) -> Any:
    try:
        return parse_json(line)
    except json.JSONDecodeError as error:
        return NotJson(str(error))
