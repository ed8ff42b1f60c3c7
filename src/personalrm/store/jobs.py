"""Learning jobs: which profiles are to be updated, and which worker has each job.

There is one row per person, so at most one worker per person. Work requested while a worker runs is done afterwards.
A worker holds a lease that it renews; if the worker dies, the lease expires and another worker continues. `update`
learns the newest choices immediately; `refit` fits all choices after a period without new ones, or at a deadline after
the first change.

    job = queue.claim(lease=30.0, refits_at_once=2)                 # or None
    space.jobs.heartbeat(job, 30.0)
    space.jobs.finish(job, then=Work.refit(…))                      # or space.jobs.fail(job, "the model …")
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import and_, case, func, or_, select, update

from personalrm.errors import StoreConflict
from personalrm.store import people as people_of
from personalrm.store.database import Database
from personalrm.store.schema import jobs, people
from personalrm.store.scope import AnyRow, Scope, SpaceTables

Stage = Literal["update", "refit"]
STAGES: tuple[Stage, ...] = ("update", "refit")
_SHOWN = ("running", "queued", "failed")
RANK_BY_HAND, RANK_UPDATE, RANK_REFIT = 0, 1, 2
MOST_ATTEMPTS = 8
_FIRST_DELAY_S, _LONGEST_DELAY_S = 2.0, 3600.0
_CLAIMING = 0x70726A  # id of a PostgreSQL advisory lock; an arbitrary constant


@dataclass(frozen=True, slots=True)
class Work:
    """The kind of work for a person, and when it is due, in seconds from now.

    Attributes:
        stage: ``update`` or ``refit``.
        delay: how long to wait for further choices.
        at_most: deadline of a refit, even if choices keep arriving.
        rank: priority; lower goes first.
    """

    stage: Stage
    delay: float = 0.0
    at_most: float = 60.0
    rank: int = RANK_UPDATE

    @classmethod
    def update(cls, at_most: float = 60.0) -> Work:
        """Learn the newest choices now; a refit follows within ``at_most``."""
        return cls("update", 0.0, at_most)

    @classmethod
    def refit(cls, delay: float, at_most: float) -> Work:
        """Refit after ``delay`` without new choices."""
        return cls("refit", delay, at_most, RANK_REFIT)

    @classmethod
    def by_hand(cls) -> Work:
        """A refit requested by a user: it goes first."""
        return cls("refit", 0.0, 0.0, RANK_BY_HAND)


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job; ``worker`` is unique to this claim."""

    space_id: int
    person_id: int
    stage: Stage
    worker: str
    requested: int
    refit_by: float
    attempts: int


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job for display."""

    person: str
    stage: Stage
    state: Literal["queued", "running", "failed"]
    due: float
    attempts: int
    error: str | None
    created: float


class JobQueue:
    """The jobs of all spaces, for workers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self,
        lease: float,
        refits_at_once: int,
        stages: Sequence[Stage] = STAGES,
        exceptions: Mapping[int, int] | None = None,
    ) -> Job | None:
        """Claim the next due job, or return None.

        Args:
            lease: seconds after which another worker may claim the job unless it is renewed.
            refits_at_once: maximum concurrent refits of a space, so that no space occupies all workers.
            stages: the kinds of job this worker accepts.
            exceptions: spaces, by number, with a different maximum.
        """
        now = time.time()
        most = case(dict(exceptions), value=jobs.c.space_id, else_=refits_at_once) if exceptions else refits_at_once
        full = (
            select(jobs.c.space_id)
            .where(jobs.c.stage == "refit", jobs.c.state == "running", jobs.c.lease_until > now)
            .group_by(jobs.c.space_id)
            .having(func.count() >= most)
        )
        allowed = or_(jobs.c.stage != "refit", jobs.c.space_id.not_in(full))
        due = (
            select(jobs.c.space_id, jobs.c.person_id)
            .where(_claimable(now), jobs.c.due <= now, jobs.c.stage.in_(stages), allowed)
            .order_by(jobs.c.rank, jobs.c.due)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self._database.write(durable=False) as connection:
            if "refit" in stages and not self._database.is_sqlite:  # two claims at once would each count the other out
                connection.execute(select(func.pg_advisory_xact_lock(_CLAIMING)))
            found = connection.execute(due).first()
            if found is None:
                return None
            mine = and_(jobs.c.space_id == found.space_id, jobs.c.person_id == found.person_id)
            return _take(connection.execute(_claiming(mine, now, lease)).first())

    def next_due(self, stages: Sequence[Stage] = STAGES) -> float | None:
        """When the next job of these stages is due, in seconds since 1970; None if there is none."""
        with self._database.read() as connection:
            found = []
            for state, column in (("queued", jobs.c.due), ("running", jobs.c.lease_until)):
                for stage in stages:  # one index lookup each
                    mine = jobs.c.state == state, jobs.c.stage == stage
                    found.append(connection.execute(select(func.min(column)).where(*mine)).scalar())
            return min((one for one in found if one is not None), default=None)

    def counts(self) -> dict[str, int]:
        """Number of jobs by state."""
        with self._database.read() as connection:
            rows = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state)).all()
        return {"queued": 0, "running": 0, "failed": 0} | {row.state: row[1] for row in rows}


class Jobs(SpaceTables):
    """The jobs of one space."""

    def request(self, name: str, work: Work) -> None:
        """Add work; work that is already queued is not added twice. UnknownPerson for an unknown name."""
        with self._write(durable=False) as scope:
            request(scope, people_of.lock(scope, name).id, work)

    def claim_person(self, person_id: int, lease: float) -> Job | None:
        """Claim this person's job now, even if it is not due; None if there is none or another worker has it."""
        now = time.time()
        with self._write(durable=False) as scope:
            mine = and_(jobs.c.space_id == scope.space_id, jobs.c.person_id == person_id, _claimable(now))
            return _take(scope.connection.execute(_claiming(mine, now, lease)).first())

    def heartbeat(self, job: Job, lease: float) -> None:
        """Renew the lease. StoreConflict if another worker has the job."""
        with self._write(durable=False) as scope:
            _own(scope, job, lease_until=time.time() + lease)

    def finish(self, job: Job, then: Work | None = None) -> None:
        """Complete the job; work requested meanwhile comes next, then ``then``."""
        with self._write(durable=False) as scope:
            finish(scope, job, then)

    def fail(self, job: Job, error: str, *, delay: float | None = None) -> None:
        """Record the failure: the job is retried after increasing delays, and given up after the last attempt."""
        attempts = job.attempts + 1
        wait = min(_FIRST_DELAY_S * 2.0 ** (attempts - 1), _LONGEST_DELAY_S) if delay is None else delay
        gone = attempts >= MOST_ATTEMPTS and delay is None
        values = {"state": "failed" if gone else "queued", "due": time.time() + wait, "attempts": attempts}
        with self._write(durable=False) as scope:
            _own(scope, job, error=error[:1000], worker=None, lease_until=None, **values)

    def list(self, limit: int = 100) -> list[JobRow]:
        """Jobs that are running, queued or failed, the next due first."""
        columns = (people.c.name, jobs.c.stage, jobs.c.state, jobs.c.due, jobs.c.attempts, jobs.c.error, jobs.c.created)
        same = and_(people.c.space_id == jobs.c.space_id, people.c.id == jobs.c.person_id)
        rows: list[AnyRow] = []
        with self._read() as scope:
            for state in _SHOWN:  # each in the order of its index
                wanted = scope.select(jobs, *columns).join(people, same).where(jobs.c.state == state)
                rows += scope.all(wanted.order_by(jobs.c.rank, jobs.c.due).limit(limit - len(rows)))
        return [JobRow(*row) for row in rows]


def request(scope: Scope, person_id: int, work: Work) -> None:
    """Add work, in the transaction that makes it necessary. The person's row must be locked (see `finish`)."""
    now = time.time()
    mine = jobs.c.person_id == person_id
    while (row := scope.first(scope.select(jobs).where(mine).with_for_update())) is None:
        asked = {"stage": work.stage, "state": "queued", "rank": work.rank, "requested": 1, "claimed": 0, "attempts": 0}
        times = {"due": now + work.delay, "refit_by": now + work.at_most, "created": now}
        if scope.upsert(jobs, {"person_id": person_id, **asked, **times}, ("space_id", "person_id")):
            return
        # another transaction has inserted it first; a worker may have finished it since
    scope.run(scope.update(jobs).where(mine).values(requested=row.requested + 1, **_joined(row, work, now)))


def _joined(row: AnyRow, work: Work, now: float) -> dict[str, Any]:
    """The changed columns of a queued job. A running job is not changed: its worker checks again when it ends."""
    if row.state == "running":
        return {}
    changed: dict[str, Any] = {"rank": min(row.rank, work.rank)}
    if work.stage == "update":
        changed["stage"] = work.stage
    if row.state == "failed":
        changed |= {"state": "queued", "attempts": 0}
    if row.attempts == 0 or row.state == "failed":  # a failed job keeps its retry delay
        by = now if work.rank == RANK_BY_HAND else row.refit_by
        changed["due"] = now + work.delay if work.stage == "update" else max(now, min(now + work.delay, by))
    return changed


def finish(scope: Scope, job: Job, then: Work | None = None) -> None:
    """Complete the job, in the transaction that stores its result. StoreConflict if another worker has the job.

    A transaction that also locks the person's row locks that first: two orders would block each other.
    """
    now = time.time()
    mine = jobs.c.person_id == job.person_id, jobs.c.worker == job.worker
    row = scope.first(scope.select(jobs).where(*mine).with_for_update())
    if row is None:
        raise StoreConflict("another worker has the job: this result is not stored")
    free = {"state": "queued", "worker": None, "lease_until": None, "attempts": 0, "error": None}
    if row.requested != job.requested:
        again = "update" if job.stage == "update" else row.stage
        change = {"stage": again, "rank": RANK_UPDATE, "due": now}
        scope.run(scope.update(jobs).where(*mine).values(**free, **change))
    elif then is not None:
        due = min(now + then.delay, max(row.refit_by, now)) if job.stage == "update" else now + then.delay
        scope.run(scope.update(jobs).where(*mine).values(**free, stage=then.stage, rank=then.rank, due=due))
    else:
        scope.run(scope.delete(jobs).where(*mine))


def _claimable(now: float) -> Any:
    return or_(jobs.c.state == "queued", and_(jobs.c.state == "running", jobs.c.lease_until <= now))


def _claiming(mine: Any, now: float, lease: float) -> Any:
    lost = jobs.c.state == "running"  # its lease has expired, which counts as a failed attempt
    return (
        update(jobs)
        .where(mine)
        .values(
            state="running",
            worker=secrets.token_hex(16),
            lease_until=now + lease,
            claimed=jobs.c.requested,
            attempts=case((lost, jobs.c.attempts + 1), else_=jobs.c.attempts),
        )
        .returning(*jobs.c)
    )


def _take(row: AnyRow | None) -> Job | None:
    if row is None:
        return None
    asked = row.requested, row.refit_by, row.attempts
    return Job(row.space_id, row.person_id, row.stage, row.worker, *asked)


def _own(scope: Scope, job: Job, **values: Any) -> None:
    mine = jobs.c.person_id == job.person_id, jobs.c.worker == job.worker
    if not scope.run(scope.update(jobs).where(*mine).values(**values)):
        raise StoreConflict("another worker has the job")
