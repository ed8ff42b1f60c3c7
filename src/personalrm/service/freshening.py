"""Updates a profile with new choices before it predicts, if that takes milliseconds.

The learner process is woken by every choice and usually learns it within hundredths of a second; a prediction waits
for that long. If it takes longer (choices of many people arrived together), the profile in use predicts until its
newest choice is some tenths of a second old; then the predicting thread learns the choice itself. So a choice counts
within a second under any learner load, and no prediction waits long.
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
"""Maximum choices learned while a request waits: 50 ms."""


def is_young(person: PersonState) -> bool:
    """Whether the newest choice is so recent that the learner will have learned it within a second."""
    return time.time() - person.changed < OVERDUE_S


class LearnedEvents:
    """Notifications of learned profiles, from the thread that reads the learner's output to predicting threads."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._expected: set[int] = set()

    def tell(self, person_id: int) -> None:
        """Notify that the person's profile was updated."""
        with self._condition:
            if person_id in self._expected:
                self._expected.discard(person_id)
                self._condition.notify_all()

    def expect(self, person_id: int) -> None:
        """Start to record notifications for this person; call it before `wait`."""
        with self._condition:
            self._expected.add(person_id)

    def wait(self, person_id: int, seconds: float) -> None:
        """Wait for a notification since `expect`, or until the time is over."""
        deadline = time.monotonic() + seconds
        with self._condition:
            while person_id in self._expected:
                left = deadline - time.monotonic()
                if left <= 0 or not self._condition.wait(left):
                    return


class ProfileUpdater:
    """See the module's docstring. Thread-safe.

    Args:
        clients: their engine determines whether learning takes milliseconds.
        runner: runs a learning job in this process.
        news: notifications of the learner; None if this service has no learner process.
    """

    def __init__(self, clients: Clients, runner: JobRunner, news: LearnedEvents | None) -> None:
        self._clients, self._runner, self._news = clients, runner, news
        self._locks = [threading.Lock() for _ in range(64)]

    def __call__(self, space: SpaceStore, person: PersonState) -> PersonState:
        """The person, with a profile that includes their choices or will within a second."""
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
                    time.sleep(LOOK_S)  # another worker has the job
        return space.people.require(person.name)
