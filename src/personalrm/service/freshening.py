"""A profile brought up to date while somebody waits for its prediction.

The learner is woken by every choice and has usually learned it by the time that it is asked for. Where it has not
within a moment (many people's choices came at once, or it is being started), it is done here.
"""

from __future__ import annotations

import threading
import time

from personalrm.service.asking import Clients
from personalrm.service.running import LEASE_S, JobRunner
from personalrm.store.people import PersonState
from personalrm.store.store import SpaceStore

MOMENT_S, PATIENCE_S = 0.15, 0.9
LOOK_S = 0.01
INLINE = 400
"""Choices up to which a profile is learned while somebody waits: 50 ms."""


class Freshener:
    """See the module's docstring. May be used from several threads.

    Args:
        clients: whose engine decides whether learning takes milliseconds.
        runner: does a job here.
        has_learner: whether a process of ours learns.
    """

    def __init__(self, clients: Clients, runner: JobRunner, *, has_learner: bool) -> None:
        self._clients, self._runner = clients, runner
        self._moment = MOMENT_S if has_learner else 0.0
        self._locks = [threading.Lock() for _ in range(64)]

    def __call__(self, space: SpaceStore, person: PersonState) -> PersonState:
        """The person once their newest choices are learned, where that takes milliseconds; else as they are."""
        if not person.is_stale or not self._clients.is_local or person.choices > INLINE:
            return person
        began = time.monotonic()
        with self._locks[person.id % len(self._locks)]:
            while time.monotonic() - began < PATIENCE_S:
                now = space.people.require(person.name)
                if not now.is_stale:
                    return now
                if time.monotonic() - began >= self._moment and self._learned_here(space, now):
                    return space.people.require(person.name)
                time.sleep(LOOK_S)
        return space.people.require(person.name)

    def _learned_here(self, space: SpaceStore, person: PersonState) -> bool:
        job = space.jobs.claim_person(person.id, LEASE_S)
        if job is None:
            return False  # somebody else is at it
        self._runner.run(space, job, "update")
        return True
