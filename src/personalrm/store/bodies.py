"""The stored form of a profile: its JSON without the texts of its history and without shared parts."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from personalrm.errors import ProfileError
from personalrm.preferences import Preference, Thumb
from personalrm.profile import shared_parts
from personalrm.profile.file import parse
from personalrm.profile.records import Profile
from personalrm.store.history import Learnable
from personalrm.store.records import StoredChoice, digest
from personalrm.store.schema import shared_states
from personalrm.store.scope import Scope

NUMBERS, THUMBS, REASONS = "choice_numbers", "thumb_ids", "reason_marks"


def packed(profile: Profile, learned: Learnable) -> tuple[bytes, dict[bytes, bytes]]:
    """The body of a version, and the shared parts that it refers to, by hash."""
    record = orjson.loads(orjson.dumps(profile))
    numbers = {one.preference.id: one.number for one in learned.choices}
    record["history"] = {"user": profile.user, "choices": [], "thumbs": []}
    record[NUMBERS] = [numbers[one.id] for one in profile.history]
    record[REASONS] = {one.id: _mark(one) for one in profile.history if one.reason}
    record[THUMBS] = [one.id for one in profile.history.thumbs]
    shared = {bytes.fromhex(key): zlib.compress(body) for key, body in shared_parts.taken_out(record).items()}
    return zlib.compress(orjson.dumps(record)), shared


def unpacked(
    record: dict[str, Any],
    stored: Mapping[int, StoredChoice],
    thumbs: Sequence[Thumb],
    shared: Mapping[str, Any],
    source: str,
) -> Profile:
    """The profile of a stored body. ProfileError if it cannot be read."""
    shared_parts.put_back(record, lambda key: shared[key])
    kept = [stored[number].preference for number in record.pop(NUMBERS) if number in stored]
    record["history"]["choices"] = orjson.loads(orjson.dumps(kept))
    cited = set(record.pop(THUMBS, ()))
    record["history"]["thumbs"] = orjson.loads(orjson.dumps([one for one in thumbs if one.id in cited]))
    _without_missing(record, {one.id for one in kept})
    said = record.pop(REASONS, None)
    if said is not None:
        _without_stale(record, {one.id for one in kept if said.get(one.id) != (_mark(one) if one.reason else None)})
    return parse(record, source)


def is_fitted_to(record: Mapping[str, Any], learned: Learnable, excluded: Collection[str]) -> bool:
    """Whether a body was fitted to exactly these choices, reasons and thumbs, without the ``excluded`` ids."""
    kept = [one for one in learned.choices if one.preference.id not in excluded]
    reasons = {one.preference.id: _mark(one.preference) for one in kept if one.preference.reason}
    return (
        set(record[NUMBERS]) == {one.number for one in kept}
        and set(record.get(THUMBS, ())) == {one.id for one in learned.thumbs}
        and record.get(REASONS, reasons) == reasons
    )


def predicts_alone(record: Mapping[str, Any]) -> bool:
    """Whether the engine can predict from this body without the choices it was fitted to."""
    engine = record.get("engine")
    return isinstance(engine, dict) and engine.get("kind") == "traits"


def share(scope: Scope, key: bytes, body: bytes) -> None:
    """Store a shared part if it does not exist."""
    dialect = sqlite if scope.connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(shared_states).values(hash=key, body=body)
    scope.connection.execute(statement.on_conflict_do_nothing(index_elements=["hash"]))


def shared(scope: Scope, key: str) -> Any:
    """A shared part. ProfileError if it does not exist."""
    body = scope.connection.execute(
        select(shared_states.c.body).where(shared_states.c.hash == bytes.fromhex(key))
    ).scalar()
    if body is None:
        raise ProfileError(f"the store has no shared state {key}: restore it from a backup")
    return orjson.loads(zlib.decompress(body))


def shared_keys(record: dict[str, Any]) -> list[str]:
    """Keys of the shared parts that a body refers to."""
    return shared_parts.references(record)


def _without_missing(record: dict[str, Any], ids: set[str]) -> None:
    """Remove references to deleted choices."""
    record["demonstrations"] = [one for one in record.get("demonstrations", ()) if one["choice"] in ids]
    engine = record.get("engine")
    if isinstance(engine, dict) and "reasonings" in engine:
        engine["reasonings"] = [one for one in engine["reasonings"] if one["choice"] in ids]
    persona = record.get("persona")
    for claim in (persona or {}).get("claims", ()):
        for side in ("supporting", "opposing"):
            claim[side] = [one for one in claim[side] if one in ids]


def _without_stale(record: dict[str, Any], changed: set[str]) -> None:
    """Remove reasonings that used a different reason of the person, so that they are requested again."""
    engine = record.get("engine")
    if isinstance(engine, dict) and "reasonings" in engine:
        engine["reasonings"] = [one for one in engine["reasonings"] if one["choice"] not in changed]


def _mark(one: Preference) -> str:
    """A hash that identifies a reason; the text itself is stored with the choice only."""
    return digest(one.reason).hex()
