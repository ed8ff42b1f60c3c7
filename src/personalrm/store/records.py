"""Records of one person's feedback: as received, and as stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal

import orjson

from personalrm.preferences import Message, Preference, group_of
from personalrm.preferences import Thumb as LearnableThumb

if TYPE_CHECKING:
    from personalrm.store.scope import AnyRow

Origin = Literal["choice", "ranking", "rating", "thumb", "feedback"]
"""Kind of feedback that a choice was derived from."""
DEFAULT_SOURCE = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Fields common to all kinds of feedback.

    Attributes:
        source: where the feedback comes from (a product, an import); part of its identity.
        id: unique within person and source; None derives one from the content.
        context: the conversation before the responses.
        time: ISO 8601 in UTC; None is the time of arrival.
    """

    context: tuple[Message, ...]
    source: str = DEFAULT_SOURCE
    id: str | None = None
    time: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Given):
    """One response preferred to another; see `Preference`."""

    chosen: str
    rejected: str
    tie: bool = False
    group: str | None = None
    domain: str | None = None
    reason: str | None = None
    margin: float | None = None
    ranking: str | None = None
    weight: float = 1.0
    origin: Origin = "choice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked(Given):
    """Several responses, best first; those after the first ``ranked`` have no order among themselves."""

    responses: tuple[str, ...]
    ranked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating(Given):
    """A score for one response; scores of the same prompt and source are compared."""

    response: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumb(Given):
    """Up or down for one response; an up and a down on the same prompt form a choice."""

    response: str
    up: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class StoredChoice:
    """A stored choice with its number, origin, and the time it was forgotten (or None)."""

    number: int
    source: str
    external_id: str
    origin: Origin
    received: float
    forgotten: float | None
    preference: Preference


def dump_context(context: Sequence[Message]) -> str:
    """A conversation as JSON: [[role, content], …]."""
    return orjson.dumps([(one.role, one.content) for one in context]).decode()


def load_context(text: str) -> tuple[Message, ...]:
    """The inverse of `dump_context`."""
    return tuple(Message(role, content) for role, content in orjson.loads(text))


def digest(*parts: object) -> bytes:
    """A 16-byte hash of these JSON values."""
    return blake2b(orjson.dumps(parts), digest_size=16).digest()


def prompt_digest(context: Sequence[Message]) -> bytes:
    """A 16-byte hash of a conversation."""
    return digest(dump_context(context))


def choice_values(one: Choice, received: float, time: str) -> dict[str, Any]:
    """The columns of `choices`, except those of person and identity."""
    return {
        "context": dump_context(one.context),
        "chosen": one.chosen,
        "rejected": one.rejected,
        "tie": one.tie,
        "group_id": one.group or group_of(one.context, one.chosen, one.rejected),
        "domain": one.domain,
        "time": time,
        "received": received,
        "reason": one.reason,
        "margin": one.margin,
        "ranking": one.ranking,
        "weight": one.weight,
        "origin": one.origin,
    }


def choice_content(one: Choice) -> bytes:
    """The hashed content, to distinguish a repeated request from a changed one: without time and grouping."""
    return digest(dump_context(one.context), one.chosen, one.rejected, one.tie, one.reason, one.margin)


def stored_choice(row: AnyRow, user: str) -> StoredChoice:
    """A row of `choices` as a record."""
    preference = Preference(
        id=f"{row.source}/{row.external_id}",
        user=user,
        group=row.group_id,
        context=load_context(row.context),
        chosen=row.chosen,
        rejected=row.rejected,
        tie=row.tie,
        domain=row.domain,
        time=row.time,
        reason=row.reason,
        margin=row.margin,
        source=row.source,
        ranking=row.ranking,
        weight=row.weight,
    )
    return StoredChoice(row.id, row.source, row.external_id, row.origin, row.received, row.forgotten, preference)


def stored_thumb(row: AnyRow, user: str) -> LearnableThumb:
    """A row of `thumbs` in the engines' format."""
    return LearnableThumb(
        response=row.response,
        liked=row.up,
        user=user,
        context=load_context(row.context),
        id=f"{row.source}/{row.external_id}",
        time=row.time,
        reason=row.reason,
        source=row.source,
    )


def rated_thumb(row: AnyRow, user: str, *, liked: bool) -> LearnableThumb:
    """A row of `ratings` as a thumb."""
    return LearnableThumb(
        response=row.response,
        liked=liked,
        user=user,
        context=load_context(row.context),
        id=f"rating:{row.source}/{row.external_id}",
        time=row.time,
        source=row.source,
    )
