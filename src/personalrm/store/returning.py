"""A person's decision about their profile: keep a change of taste, return to the earlier one, or use another version.

    space.returns.go_back("ada", since={41, 42, 45}, version=7, work=Work.update())
    space.returns.keep("ada", "api/c41", Work.update())          # also counts every choice again
    space.returns.use("ada", 7, Work.update())

The decision is permanent: later choices are learned on top of it.
"""

from __future__ import annotations

from collections.abc import Collection

from personalrm.errors import DataError
from personalrm.store import audit, bodies, corrections, erasures, jobs, people
from personalrm.store.counting import Counting, counting_of, numbers_of
from personalrm.store.history import learnable_of
from personalrm.store.jobs import Work
from personalrm.store.people import PersonState
from personalrm.store.profiles import Profiles, Version, put_in_use
from personalrm.store.scope import Scope


class Returns(Profiles):
    """The answers to changes of taste of one space."""

    def go_back(self, name: str, since: Collection[int], version: int | None, work: Work) -> Counting:
        """Exclude the choices since a change, and use the version from before it until a new one is fitted.

        Args:
            name: the person's name.
            since: numbers of the choices.
            version: the version from before the change; None keeps the one in use.
            work: the learning job to add.

        Raises:
            UnknownPerson, DataError: unknown person or version, or no version in use.
        """
        with self._write() as scope:
            person = people.lock(scope, name)
            now = counting_of(scope, person.id).without(since, numbers_of(scope, person.id))
            self._decided(scope, person, version, now, work)
            audit.write(scope, "return", erasures.subject(scope, name), None, {"choices": len(since)})
        return now

    def keep(self, name: str, change: str | None, work: Work) -> Counting:
        """Count every choice again, and confirm the change that starts with this choice. UnknownPerson, DataError."""
        with self._write() as scope:
            person = people.lock(scope, name)
            now = counting_of(scope, person.id).with_all()
            now = now if change is None else now.keeping(change)
            self._decided(scope, person, None, now, work)
            audit.write(scope, "keep", erasures.subject(scope, name), None)
        return now

    def use(self, name: str, version: int, work: Work) -> Counting:
        """Put an earlier or rejected version in use; returns which choices count from now on.

        Choices that arrived after an earlier version was fitted are excluded from later fits, until the person counts
        them again. If anything else that counts is missing from the version (a correction, a reason, a choice that was
        forgotten or restored since), or the version was kept aside, it is learned by the job ``work``.

        Raises:
            UnknownPerson, UnknownRecord: unknown person or version.
        """
        with self._write() as scope:
            person = people.lock(scope, name)
            found = self._version(scope, person, version)
            before = now = counting_of(scope, person.id)
            if found.state == "superseded":
                numbers = numbers_of(scope, person.id)
                later = {one for one in numbers if one > found.last_number}
                now = Counting(found.counting.without(later, numbers).left_out, before.kept)
            put_in_use(scope, person, found, now)
            if now != before:
                people.changed(scope, person.id)
            if self._is_complete(scope, person, found, now):
                people.activate(scope, person.id, version, person.revision + (now != before))
            else:
                people.activate(scope, person.id, version, found.revision)
                jobs.request(scope, person.id, work)
        return now

    def _is_complete(self, scope: Scope, person: PersonState, found: Version, now: Counting) -> bool:
        """Whether a version was fitted to exactly the data that counts."""
        said = corrections.active(scope, person.id)
        if [one.id for one in said] != list(found.checked.get("corrections", ())):
            return False
        record = self._record(scope, person, found.version)
        return bodies.is_fitted_to(record, learnable_of(scope, person, now), corrections.excluded(said))

    def _decided(self, scope: Scope, person: PersonState, version: int | None, now: Counting, work: Work) -> None:
        number = version or person.active_version
        if number is None:
            raise DataError(f"'{person.name}' has no profile yet")
        found = self._version(scope, person, number)
        put_in_use(scope, person, found, now)
        people.activate(scope, person.id, number, found.revision)
        people.changed(scope, person.id)
        jobs.request(scope, person.id, work)
