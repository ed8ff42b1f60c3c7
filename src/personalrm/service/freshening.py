"""A profile brought up to date before it predicts, where that takes milliseconds.

The learner is woken by every choice and has usually learned it in some hundredths of a second. A prediction waits for
that a moment; where it takes longer (many people's choices came at once), the profile in use predicts until its newest
choice is some tenths of a second old, and is then learned by whoever asks for it. So a choice counts within a second,
however much the learner has to do, and no prediction waits long.
"""

from __future__ import annotations

import threading
import time

from personalrm.service.asking import Clients
from personalrm.service.running import LEASE_S, JobRunner
from personalrm.store.people import PersonState
from personalrm.store.store import SpaceStore

MOMENT_S, OVERDUE_S, PATIENCE_S = 0.1, 0.6, 0.9
LOOK_S = 0.01
INLINE = 400
"""Choices up to which a profile is learned while somebody waits: 50 ms."""


def is_young(person: PersonState) -> bool:
    """Whether the newest choice is so young that the learner will have learned it within a second."""
    return time.time() - person.changed < OVERDUE_S


class News:
    """Who has been learned: told by the thread that reads what the learner says, waited for by those that predict."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._expected: set[int] = set()

    def tell(self, person_id: int) -> None:
        """The person's profile has been learned."""
        with self._condition:
            if person_id in self._expected:
                self._expected.discard(person_id)
                self._condition.notify_all()

    def expect(self, person_id: int) -> None:
        """From now on what is told of this person ends a `wait`."""
        with self._condition:
            self._expected.add(person_id)

    def wait(self, person_id: int, seconds: float) -> None:
        """Until something has been told since `expect`, or the time is over."""
        deadline = time.monotonic() + seconds
        with self._condition:
            while person_id in self._expected:
                left = deadline - time.monotonic()
                if left <= 0 or not self._condition.wait(left):
                    return


class Freshener:
    """See the module's docstring. May be used from several threads.

    Args:
        clients: whose engine decides whether learning takes milliseconds.
        runner: does a job here.
        news: of the learner; None where no process of ours learns.
    """

    def __init__(self, clients: Clients, runner: JobRunner, news: News | None) -> None:
        self._clients, self._runner, self._news = clients, runner, news
        self._locks = [threading.Lock() for _ in range(64)]

    def __call__(self, space: SpaceStore, person: PersonState) -> PersonState:
        """The person, with a profile that knows their choices or will within a second."""
        if not person.is_stale or not person.revision or not self._clients.is_local:
            return person
        if self._news is not None:
            self._news.expect(person.id)
            if space.people.require(person.name).is_stale:
                self._news.wait(person.id, MOMENT_S)
            person = space.people.require(person.name)
            if not person.is_stale or (person.active_version is not None and is_young(person)):
                return person
        return person if person.choices > INLINE else self._learned_here(space, person)

    def _learned_here(self, space: SpaceStore, person: PersonState) -> PersonState:
        began = time.monotonic()
        with self._locks[person.id % len(self._locks)]:
            while time.monotonic() - began < PATIENCE_S:
                now = space.people.require(person.name)
                if not now.is_stale:
                    return now
                job = space.jobs.claim_person(now.id, LEASE_S)
                if job is not None:
                    self._runner.run(space, job, "update")
                else:
                    time.sleep(LOOK_S)  # somebody else is at it
        return space.people.require(person.name)
