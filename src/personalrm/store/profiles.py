"""Profile versions. A version stores the numbers of the choices it was fitted to, not their texts.

    saved = space.profiles.save(person, NewVersion(profile, learned, kind="refit"), job, then)
    profile = space.profiles.load(person, version)           # as saved, with its history
    space.profiles.versions(person)                          # number of choices and comparison of each version

Parts shared by many people (a population's prior) are stored once, by content hash. Of the superseded versions, the
newest `KEPT` are kept, then the last one of each day, so that versions from before a change of taste can be used.
Versions that were kept aside, put in use by hand, or corrected by the person are kept as well.
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
from personalrm.store.counting import ALL, Counting, counting_of
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
"""``aside``: predicted the latest choices worse than the version in use, which stays in use."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version in a list; ``checked``: comparison with the version before it; ``created``: seconds since 1970."""

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
        """Whether it includes the person's corrections of claims."""
        return bool(self.checked.get("corrections"))


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A profile to save, and the data it was fitted to.

    Attributes:
        aside: store it without putting it in use.
        checked: comparison with the version in use.
        predictions: predictions of the newest choices by the version in use.
    """

    profile: Profile
    learned: Learnable
    kind: Kind
    aside: bool = False
    checked: Mapping[str, Any] = field(default_factory=dict)
    predictions: Sequence[Prediction] = ()


class Profiles(SpaceTables):
    """The profile versions of one space."""

    def save(
        self, person: PersonState, new: NewVersion, job: Job | None = None, then: Work | None = None, kept: int = KEPT
    ) -> Version | None:
        """Save a version, put it in use, delete old versions and complete the job, in one transaction.

        Returns None, with the job completed, if the person has put another version in use in the meantime, or changed
        which choices count.

        Args:
            person: the person, as they were before the data was read.
            new: the profile and the data it was fitted to.
            job: the job of this result.
            then: the next job.
            kept: number of superseded versions that are always kept.

        Raises:
            StoreConflict: another worker has the job, or the person was erased in the meantime.
        """
        with self._write(durable=False) as scope:
            locked = people.lock_same(scope, person)
            if job is not None:
                jobs.finish(scope, job, then)
            if (locked.active_version, counting_of(scope, locked.id)) != (person.active_version, new.learned.counting):
                return None
            body, shared = bodies.packed(new.profile, new.learned)
            for key, value in sorted(shared.items()):  # one order: two transactions do not block each other
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
        """Complete the job of a person without decided choices; nothing else if the person has changed since."""
        with self._write(durable=False) as scope:
            locked = people.lock_same(scope, person)
            jobs.finish(scope, job)
            if (locked.active_version, locked.revision) == (person.active_version, revision):
                people.activate(scope, person.id, None, revision)

    def versions(self, person: PersonState, limit: int = 100) -> list[Version]:
        """Versions, newest first."""
        with self._read() as scope:
            statement = scope.select(profiles, *_LISTED).where(profiles.c.person_id == person.id)
            return [_version(row) for row in scope.all(statement.order_by(profiles.c.version.desc()).limit(limit))]

    def version(self, person: PersonState, version: int) -> Version:
        """One version. UnknownRecord if it does not exist."""
        with self._read() as scope:
            return self._version(scope, person, version)

    def _version(self, scope: Scope, person: PersonState, version: int) -> Version:
        mine = profiles.c.person_id == person.id, profiles.c.version == version
        row = scope.first(scope.select(profiles, *_LISTED).where(*mine))
        if row is None:
            raise UnknownRecord(f"'{person.name}' has no version {version} of the profile", "version")
        return _version(row)

    def load(self, person: PersonState, version: int, known: Learnable | None = None) -> Profile:
        """The profile of a version, with its history; deleted choices are not included.

        Args:
            person: the person.
            version: its number.
            known: choices that were already read, to avoid reading them again.

        Raises:
            UnknownRecord: the version does not exist. ProfileError: it is damaged or from a newer personalrm.
        """
        with self._read() as scope:
            record = self._record(scope, person, version)
            stored, thumbed = _evidence(scope, person, record, known)
            shared = {key: bodies.shared(scope, key) for key in bodies.shared_keys(record)}
        return bodies.unpacked(record, stored, thumbed, shared, f"profile {version} of '{person.name}'")

    def weights(self, person: PersonState, version: int) -> Profile:
        """The profile of a version for predicting: the embedded engine's has no history, because it needs none."""
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
_NAMES = [one.name for one in fields(Version)]  # the columns have the same names and order


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
    """Mark a version as in use by the person's decision, with the choices that count from now on."""
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
