"""Stores feedback: choices, rankings of several responses, ratings and thumbs, each request in one transaction.

    added = space.incoming.choices("ada", [Choice(context=…, chosen="Yes.", rejected="It depends.")], Work.soon())
    added.accepted, added.known, added.conflicts

Committed feedback is durable, and the learning job is queued in the same transaction. Rankings, ratings and thumbs are
stored unchanged; choices are derived where they imply that one of two responses was preferred.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
from sqlalchemy import Table

from personalrm.preferences import pair_id
from personalrm.store import jobs, once, people
from personalrm.store.identities import Incoming, InsertResult, insert_new
from personalrm.store.jobs import Work
from personalrm.store.once import Once
from personalrm.store.records import (
    Choice,
    Given,
    Ranked,
    Rating,
    Thumb,
    choice_content,
    choice_values,
    digest,
    dump_context,
    prompt_digest,
)
from personalrm.store.schema import choices, rankings, ratings, thumbs
from personalrm.store.scope import Scope, SpaceTables

G = TypeVar("G", bound=Given)


@dataclass(frozen=True, slots=True)
class Added:
    """Result of storing feedback.

    Attributes:
        accepted: number of new items.
        known: number of items that were already stored.
        conflicts: positions of items whose id is stored with different content.
        choices: number of derived choices.
        ids: ``[position, id]`` of each new item.
    """

    accepted: int
    known: int
    conflicts: tuple[int, ...]
    choices: int
    ids: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class _Arrival:
    scope: Scope
    person_id: int
    name: str
    now: float

    def time(self, one: Given) -> str:
        return one.time or datetime.fromtimestamp(self.now, UTC).isoformat()


class Feedback(SpaceTables):
    """The feedback of one space. Methods raise PersonErased for an erased person, StoreConflict for a reused key."""

    def choices(self, name: str, given: Sequence[Choice], work: Work, key: Once | None = None) -> Added:
        """Store choices."""

        def insert(arrival: _Arrival) -> tuple[InsertResult, int]:
            found = _insert_choices(arrival, given)
            return found, len(found.new)

        return self._add(name, work, key, insert)

    def rankings(self, name: str, given: Sequence[Ranked], work: Work, key: Once | None = None) -> Added:
        """Store rankings and the pairs derived from each."""

        def insert(arrival: _Arrival) -> tuple[InsertResult, int]:
            found = _insert(arrival, rankings, given, _ranking_values)
            made = [pair for at, own in found.new.items() for pair in _pairs_of_ranking(given[at], own)]
            return found, len(_insert_choices(arrival, made).new)

        return self._add(name, work, key, insert)

    def ratings(self, name: str, given: Sequence[Rating], work: Work, key: Once | None = None) -> Added:
        """Store ratings; each is compared with the other ratings of the same prompt and source."""

        def insert(arrival: _Arrival) -> tuple[InsertResult, int]:
            found = _insert(arrival, ratings, given, _rating_values)
            return found, _derive(arrival, ratings, [given[at] for at in found.new], _pair_of_ratings)

        return self._add(name, work, key, insert, teaches_alone=True)

    def thumbs(self, name: str, given: Sequence[Thumb], work: Work, key: Once | None = None) -> Added:
        """Store thumbs; an up and a down on one prompt form a choice."""

        def insert(arrival: _Arrival) -> tuple[InsertResult, int]:
            found = _insert(arrival, thumbs, given, _thumb_values)
            return found, _derive(arrival, thumbs, [given[at] for at in found.new], _pair_of_thumbs)

        return self._add(name, work, key, insert, teaches_alone=True)

    def _add(
        self,
        name: str,
        work: Work,
        key: Once | None,
        insert: Callable[[_Arrival], tuple[InsertResult, int]],
        *,
        teaches_alone: bool = False,
    ) -> Added:
        """Store feedback; ``teaches_alone``: whether it adds a learning job even if no choice was derived."""
        with self._write() as scope:
            person = people.ensure(scope, name)
            answered = once.replay(scope, key)  # with the person locked: the same request may be running
            if answered is not None:
                return _added(answered)
            found, made = insert(_Arrival(scope, person.id, name, time.time()))
            if made or (teaches_alone and found.new):
                people.changed(scope, person.id, made)
                jobs.request(scope, person.id, work)
            ids = tuple(found.new.items())
            added = Added(len(found.new), len(found.known), found.conflicts, made, ids)
            once.remember(scope, key, person.id, asdict(added))
            return added


def _insert_choices(arrival: _Arrival, given: Sequence[Choice]) -> InsertResult:
    rows = [
        Incoming(one.source, one.id, choice_content(one), choice_values(one, arrival.now, arrival.time(one)))
        for one in given
    ]

    def make_id(at: int) -> str:
        return pair_id(arrival.name, given[at].context, given[at].chosen, given[at].rejected)

    return insert_new(arrival.scope, choices, arrival.person_id, rows, make_id)


def _insert(arrival: _Arrival, table: Table, given: Sequence[G], values: Callable[[G], dict[str, Any]]) -> InsertResult:
    rows = []
    for one in given:
        columns = {"context": dump_context(one.context), **values(one)}
        content = digest(*(value.hex() if isinstance(value, bytes) else value for value in columns.values()))
        columns |= {"time": arrival.time(one), "received": arrival.now}
        rows.append(Incoming(one.source, one.id, content, columns))

    def make_id(at: int) -> str:
        return rows[at].content.hex()

    return insert_new(arrival.scope, table, arrival.person_id, rows, make_id)


def _ranking_values(one: Ranked) -> dict[str, Any]:
    return {"responses": orjson.dumps(one.responses).decode(), "ranked": one.ranked}


def _rating_values(one: Rating) -> dict[str, Any]:
    return {"prompt_hash": prompt_digest(one.context), "response": one.response, "score": one.score}


def _thumb_values(one: Thumb) -> dict[str, Any]:
    own = {"response": one.response, "up": one.up, "reason": one.reason}
    return {"prompt_hash": prompt_digest(one.context), **own}


def _pairs_of_ranking(one: Ranked, own_id: str) -> list[Choice]:
    ranking = f"ranking:{digest(one.source, own_id).hex()[:12]}"
    pairs = [
        (better, worse)
        for at, better in enumerate(one.responses[: one.ranked])
        for worse in one.responses[at + 1 :]
        if better != worse
    ]
    return [
        Choice(
            context=one.context,
            source=one.source,
            time=one.time,
            chosen=better,
            rejected=worse,
            ranking=ranking,
            weight=1.0 / len(pairs),
            origin="ranking",
        )
        for better, worse in pairs
    ]


def _derive(arrival: _Arrival, table: Table, fresh: Sequence[G], pair: Callable[[G, Any], Choice | None]) -> int:
    """Derive choices from each new rating or thumb and the others of the same prompt and source."""
    made: dict[tuple[str, str, str], Choice] = {}
    for one in fresh:
        same = (
            table.c.person_id == arrival.person_id,
            table.c.source == one.source,
            table.c.prompt_hash == prompt_digest(one.context),
        )
        rows = arrival.scope.all(arrival.scope.select(table).where(*same).order_by(table.c.id))
        for other in {row.response: row for row in rows}.values():  # the latest word on each response
            found = pair(one, other)
            if found is not None:
                own = min(found.chosen, found.rejected), max(found.chosen, found.rejected)
                made[found.source, *own] = found
    return len(_insert_choices(arrival, list(made.values())).new)


def _pair_of_ratings(one: Rating, other: Any) -> Choice | None:
    """None if both rate the same response: a later score does not make it preferred to itself."""
    if other.response == one.response:
        return None
    better, worse = (one.response, other.response) if one.score > other.score else (other.response, one.response)
    return Choice(
        context=one.context,
        source=one.source,
        time=one.time,
        chosen=better,
        rejected=worse,
        tie=one.score == other.score,
        margin=abs(one.score - other.score),
        origin="rating",
    )


def _pair_of_thumbs(one: Thumb, other: Any) -> Choice | None:
    if other.response == one.response or other.up == one.up:
        return None
    better, worse = (one.response, other.response) if one.up else (other.response, one.response)
    return Choice(
        context=one.context,
        source=one.source,
        time=one.time,
        chosen=better,
        rejected=worse,
        reason=one.reason or other.reason,
        origin="thumb",
    )


def _added(record: dict[str, Any]) -> Added:
    ids = tuple((at, name) for at, name in record["ids"])
    return Added(record["accepted"], record["known"], tuple(record["conflicts"]), record["choices"], ids)
