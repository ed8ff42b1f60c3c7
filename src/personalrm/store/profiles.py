"""Profiles with every version. A version holds which choices it has learned from, not their texts again.

    saved = space.profiles.save(person, NewVersion(profile, learned, kind="refit"), job, then)
    profile = space.profiles.load(person, version)           # as it was saved, with its history
    space.profiles.versions(person)                          # what each learned, and how it compared

What is the same for many people (a population's prior) is stored once, by content. Of versions that were superseded the
newest `KEPT` stay, and beyond these the last one of each day, so that the one from before a change of taste can be put
in use again; what was kept aside, put in use by hand, or corrected by the person stays as well.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import orjson

from personalrm.errors import UnknownRecord
from personalrm.preferences import Thumb
from personalrm.profile.records import Profile
from personalrm.store import bodies, counting, jobs, people, predictions
from personalrm.store.counting import ALL, Counting, counting_of, numbers_of
from personalrm.store.history import Learnable, by_number, thumbs_of
from personalrm.store.jobs import Job, Work
from personalrm.store.people import PersonState
from personalrm.store.predictions import Prediction
from personalrm.store.records import StoredChoice
from personalrm.store.retention import BY_HAND, KEPT, drop_old
from personalrm.store.schema import people as people_table
from personalrm.store.schema import profiles
from personalrm.store.scope import AnyRow, Scope, SpaceTables

Kind = Literal["update", "refit"]
State = Literal["active", "superseded", "aside"]
"""``aside``: it predicted the latest choices worse than the one in use, which stays in use."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version as it is listed; ``checked`` says how it compared with the one before, ``created`` in seconds."""

    version: int
    created: float
    kind: Kind
    state: State
    model: str
    revision: int
    learned: int
    last_number: int
    checked: Mapping[str, Any]
    counting: Counting = ALL

    @property
    def is_corrected(self) -> bool:
        """Whether it follows what the person said of claims."""
        return bool(self.checked.get("corrections"))


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A profile to be saved, and what it was learned from.

    Attributes:
        aside: keep it beside the one in use instead of in its place.
        checked: how it compared with the one before.
        predictions: what the one before said of the newest choices.
    """

    profile: Profile
    learned: Learnable
    kind: Kind
    aside: bool = False
    checked: Mapping[str, Any] = field(default_factory=dict)
    predictions: Sequence[Prediction] = ()


class Profiles(SpaceTables):
    """Of one space."""

    def save(
        self, person: PersonState, new: NewVersion, job: Job | None = None, then: Work | None = None, kept: int = KEPT
    ) -> Version | None:
        """Keep a version, put it in use, drop old ones, and close the job, in one transaction.

        None, with the job closed, if the person has said meanwhile that other choices count: saving would undo that.

        Args:
            person: whose.
            new: the profile and what it was learned from.
            job: that this is the result of.
            then: what follows it.
            kept: superseded versions that all stay.

        Raises:
            StoreConflict: the job has gone to another worker, or the person has been erased meanwhile.
        """
        with self._write(durable=False) as scope:
            if job is not None:
                jobs.finish(scope, job, then)
            locked = people.lock(scope, person.name)
            if counting_of(scope, locked.id) != new.learned.counting:
                return None
            body, shared = bodies.packed(new.profile, new.learned)
            for key, value in shared.items():
                bodies.share(scope, key, value)
            version = _next_version(scope, locked.id)
            state: State = "aside" if new.aside else "active"
            saved = Version(
                version,
                time.time(),
                new.kind,
                state,
                new.profile.model,
                new.learned.revision,
                len(new.learned.choices),
                new.learned.last_number,
                new.checked,
                new.learned.counting,
            )
            if not new.aside:
                _supersede(scope, locked)
                people.activate(scope, locked.id, version, new.learned.revision)
            _insert(scope, locked.id, saved, body)
            drop_old(scope, locked.id, version - kept)
            predictions.keep(scope, locked.id, new.predictions)
            return saved

    def nothing_to_learn(self, person: PersonState, revision: int, job: Job) -> None:
        """Close the job of a person who has no decided choice."""
        with self._write(durable=False) as scope:
            jobs.finish(scope, job)
            people.activate(scope, person.id, None, revision)

    def versions(self, person: PersonState, limit: int = 100) -> list[Version]:
        """Newest first."""
        with self._read() as scope:
            statement = scope.select(profiles, *_LISTED).where(profiles.c.person_id == person.id)
            return [_version(row) for row in scope.all(statement.order_by(profiles.c.version.desc()).limit(limit))]

    def version(self, person: PersonState, version: int) -> Version:
        """One version. UnknownRecord if there is none of that number."""
        with self._read() as scope:
            return self._version(scope, person, version)

    def _version(self, scope: Scope, person: PersonState, version: int) -> Version:
        mine = profiles.c.person_id == person.id, profiles.c.version == version
        row = scope.first(scope.select(profiles, *_LISTED).where(*mine))
        if row is None:
            raise UnknownRecord(f"'{person.name}' has no version {version} of the profile", "version")
        return _version(row)

    def load(self, person: PersonState, version: int, known: Learnable | None = None) -> Profile:
        """A version's profile with its history; choices that are gone since are left out of it.

        Args:
            person: whose.
            version: its number.
            known: choices that were read already, which are not read again.

        Raises:
            UnknownRecord: there is no such version. ProfileError: it is damaged, or a newer personalrm wrote it.
        """
        with self._read() as scope:
            record = self._record(scope, person, version)
            stored, thumbed = _evidence(scope, person, record, known)
            shared = {key: bodies.shared(scope, key) for key in bodies.shared_keys(record)}
        return bodies.unpacked(record, stored, thumbed, shared, f"profile {version} of '{person.name}'")

    def weights(self, person: PersonState, version: int) -> Profile:
        """A version's profile to predict with: of the embedded engine without its history, which that does not need."""
        with self._read() as scope:
            record = self._record(scope, person, version)
            if not bodies.predicts_alone(record):
                stored, thumbed = _evidence(scope, person, record, None)
            else:
                stored, thumbed = {}, ()
            shared = {key: bodies.shared(scope, key) for key in bodies.shared_keys(record)}
        return bodies.unpacked(record, stored, thumbed, shared, f"profile {version} of '{person.name}'")

    def _record(self, scope: Scope, person: PersonState, version: int) -> dict[str, Any]:
        mine = profiles.c.person_id == person.id, profiles.c.version == version
        body = scope.value(scope.select(profiles, profiles.c.body).where(*mine))
        if body is None:
            raise UnknownRecord(f"'{person.name}' has no version {version} of the profile", "version")
        found: dict[str, Any] = orjson.loads(zlib.decompress(body))
        return found

    def use(self, person: PersonState, version: int) -> Counting:
        """Put an earlier version, or one that was kept aside, in use; which choices count from now on.

        After a return to an earlier version, choices that arrived after it had learned are left out of what is learned
        later, until the person lets them count again (`Returns`). UnknownRecord if there is none of that number.
        """
        found = self.version(person, version)
        with self._write() as scope:
            locked = people.lock(scope, person.name)
            before = counting_of(scope, locked.id)
            now = before
            if found.state == "superseded":
                numbers = numbers_of(scope, locked.id)
                later = {one for one in numbers if one > found.last_number}
                now = Counting(found.counting.without(later, numbers).left_out, before.kept)
            put_in_use(scope, locked, found, now)
            if now != before:
                people.changed(scope, locked.id)
            people.activate(scope, locked.id, version, locked.revision + (now != before))
        return now


_LISTED = (
    profiles.c.version,
    profiles.c.created,
    profiles.c.kind,
    profiles.c.state,
    profiles.c.model,
    profiles.c.revision,
    profiles.c.learned,
    profiles.c.last_choice,
    profiles.c.checked,
    profiles.c.counting,
)
_NAMES = [one.name for one in fields(Version)]  # of the same columns, in their order


def _evidence(
    scope: Scope, person: PersonState, record: dict[str, Any], known: Learnable | None
) -> tuple[dict[int, StoredChoice], tuple[Thumb, ...]]:
    """The choices, by number, and the thumbs that a body refers to."""
    stored = {one.number: one for one in known.choices} if known is not None else {}
    missing = [number for number in record[bodies.NUMBERS] if number not in stored]
    stored |= by_number(scope, person.id, person.name, missing)
    return stored, thumbs_of(scope, person.id, person.name)


def _version(row: AnyRow) -> Version:
    values = dict(zip(_NAMES, row, strict=True))
    told = {"checked": orjson.loads(row.checked), "counting": counting.loaded(row.counting)}
    return Version(**{**values, **told})


def put_in_use(scope: Scope, person: PersonState, found: Version, now: Counting) -> None:
    """Mark a version as the one in use, put there by the person, with what counts from now on."""
    _supersede(scope, person)
    mine = profiles.c.person_id == person.id, profiles.c.version == found.version
    checked = _dumped({**found.checked, BY_HAND: time.time()})
    values = {"state": "active", "checked": checked, "counting": counting.dumped(now)}
    scope.run(scope.update(profiles).where(*mine).values(values))


def _next_version(scope: Scope, person_id: int) -> int:
    scope.run(
        scope.update(people_table)
        .where(people_table.c.id == person_id)
        .values(last_version=people_table.c.last_version + 1)
    )
    return int(scope.value(scope.select(people_table, people_table.c.last_version).where(
        people_table.c.id == person_id)))  # fmt: skip


def _supersede(scope: Scope, person: PersonState) -> None:
    mine = profiles.c.person_id == person.id, profiles.c.state == "active"
    scope.run(scope.update(profiles).where(*mine).values(state="superseded"))


def _insert(scope: Scope, person_id: int, saved: Version, body: bytes) -> None:
    row = {
        "person_id": person_id,
        "version": saved.version,
        "created": saved.created,
        "kind": saved.kind,
        "state": saved.state,
        "model": saved.model,
        "revision": saved.revision,
        "learned": saved.learned,
        "last_choice": saved.last_number,
        "body": body,
        "checked": _dumped(saved.checked),
        "counting": counting.dumped(saved.counting),
    }
    scope.insert(profiles, [row])


def _dumped(checked: Mapping[str, Any]) -> str:
    return orjson.dumps(checked).decode()
