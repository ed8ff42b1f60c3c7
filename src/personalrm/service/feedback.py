"""Validates and stores feedback; items are checked one by one, so an invalid item does not reject the others.

answered(CHOICES, await stored(request, caller, "ada", body.choices, CHOICES))  # {"accepted", "known", "rejected": […]}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b
from typing import Any

import orjson
from fastapi import Request, Response
from pydantic import TypeAdapter, ValidationError

from personalrm.service.access import Caller
from personalrm.service.contract import Arrived, ChoiceIn, RankingIn, RatingIn, ThumbIn
from personalrm.service.http import WHOLE, field_problems, reply
from personalrm.service.problems import FieldProblem, Problem, invalid
from personalrm.service.state import Service
from personalrm.store.incoming import Added, Feedback
from personalrm.store.once import LONGEST_KEY, Once
from personalrm.store.records import Choice, Given, Ranked, Rating, Thumb

AHEAD = timedelta(minutes=5)
"""Maximum lead of a client's clock; times within it are stored as the current time."""
_CONFLICT = (
    "is already stored with different content: use a new id for a new choice, or omit the id; "
    "send a reason for a stored choice to PUT …/choices/{source}/{id}/reason"
)


@dataclass(frozen=True, slots=True)
class NotJson:
    """A line that could not be read, in place of its item."""

    problem: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of feedback: name of its list, validation of an item, conversion to a record, and storage."""

    name: str
    item: type[Arrived]
    record: Callable[[Any], Given]
    store: Callable[[Feedback], Callable[..., Added]]


def _shared(one: Arrived) -> dict[str, Any]:
    return {"context": one.turns, "source": one.source, "id": one.id, "time": _checked_time(one.time)}


def _choice(one: ChoiceIn) -> Choice:
    own: dict[str, Any] = one.model_dump(include={"chosen", "rejected", "tie", "group", "domain", "reason", "margin"})
    return Choice(**_shared(one), **own)


def _ranked(one: RankingIn) -> Ranked:
    most = len(one.responses)
    ranked = most if one.ranked is None else one.ranked
    if ranked > most:
        raise invalid("ranked", f"expected at most {most}, the number of responses, found {ranked}")
    if len(set(one.responses)) < most:
        raise invalid("responses", "expected different responses")
    return Ranked(**_shared(one), responses=tuple(one.responses), ranked=ranked)


def _rating(one: RatingIn) -> Rating:
    return Rating(**_shared(one), response=one.response, score=one.score)


def _thumb(one: ThumbIn) -> Thumb:
    return Thumb(**_shared(one), response=one.response, up=one.up, reason=one.reason)


CHOICES = Kind("choices", ChoiceIn, _choice, lambda feedback: feedback.choices)
RANKINGS = Kind("rankings", RankingIn, _ranked, lambda feedback: feedback.rankings)
RATINGS = Kind("ratings", RatingIn, _rating, lambda feedback: feedback.ratings)
THUMBS = Kind("thumbs", ThumbIn, _thumb, lambda feedback: feedback.thumbs)


def checked(items: Sequence[Any], kind: Kind) -> tuple[list[tuple[int, Given]], list[dict[str, Any]]]:
    """The valid items with their positions, and the invalid ones with field and problem."""
    good, bad = [], []
    for index, item in enumerate(items):
        try:
            if isinstance(item, NotJson):
                raise invalid(WHOLE, f"is not JSON: {item.problem}")
            good.append((index, kind.record(_adapter(kind.item).validate_python(item))))
        except ValidationError as error:
            bad.append((index, field_problems(error.errors(include_url=False))[0]))
        except Problem as problem:
            bad.append((index, problem.fields[0]))
    return good, [_rejected(index, found.field, found.problem) for index, found in bad]


async def stored(
    request: Request, caller: Caller, user: str, items: Sequence[Any], kind: Kind, first: int = 0
) -> dict[str, Any]:
    """Store the valid items and report the others, with positions counted from ``first``."""
    service: Service = request.app.state.service
    good, rejected = checked(items, kind)
    added = Added(0, 0, (), 0, ())
    if good:
        key = await _once(request, user, first)
        given = [record for _, record in good]
        added = await service.take(kind.store(caller.space.feedback), user, given, service.new_choice, key)
        rejected += [_rejected(good[at][0], "id", _CONFLICT) for at in added.conflicts]
    rejected.sort(key=lambda one: int(one["index"]))
    counted = [{**one, "index": one["index"] + first} for one in rejected]
    return {"accepted": added.accepted, "known": added.known, "rejected": counted}


def answered(kind: Kind, found: dict[str, Any]) -> Response:
    """The response to a result of `stored`. Problem 422 with all rejected items if nothing was stored."""
    if found["accepted"] or found["known"] or not found["rejected"]:
        return reply(found)
    raise _nothing_stored(kind.name, found["rejected"], found)


def _nothing_stored(name: str, rejected: Sequence[dict[str, Any]], answer: dict[str, Any]) -> Problem:
    fields = tuple(FieldProblem(_path(name, one), one["problem"]) for one in rejected[:20])
    detail = f"nothing was stored; {fields[0].field}: {fields[0].problem}"
    return Problem(422, "invalid-request", detail, "correct the items and send them again", fields, more=answer)


def _path(name: str, rejected: Mapping[str, Any]) -> str:
    """The path of a field in the request: ``choices.0.chosen``; ``choices.0`` for the item itself."""
    item = f"{name}.{rejected['index']}"
    return item if rejected["field"] == WHOLE else f"{item}.{rejected['field']}"


def _rejected(index: int, field: str, problem: str) -> dict[str, Any]:
    return {"index": index, "field": field, "problem": problem}


def _checked_time(found: str | None) -> str | None:
    """The time, not later than now. Problem 422 if it is ahead by more than `_AHEAD`."""
    if found is None:
        return None
    now = datetime.now(UTC)
    try:
        ahead = datetime.fromisoformat(found) - now
    except ValueError:
        raise invalid("time", "expected a valid calendar time") from None
    if ahead > AHEAD:
        minutes = ahead.total_seconds() / 60
        how_far = f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"
        raise invalid("time", f"is {how_far} ahead of the server's clock: correct the client's clock, or omit the time")
    return now.isoformat() if ahead > timedelta(0) else found


async def _once(request: Request, user: str, first: int) -> Once | None:
    """The key of these items: each part of a stream has a separate response."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise invalid("Idempotency-Key", f"expected 1 to {LONGEST_KEY} printable characters")
    asked = blake2b(orjson.dumps([request.scope["route"].path, user]), digest_size=16)
    asked.update(await request.body())
    named = f"{key}\n{first}" if first else key
    if len(named) > LONGEST_KEY:  # the number of a part does not fit beside the longest keys
        named = blake2b(named.encode(), digest_size=32).hexdigest()
    return Once(named, asked.digest())


@cache
def _adapter(kind: type[Arrived]) -> TypeAdapter[Arrived]:
    return TypeAdapter(kind)
