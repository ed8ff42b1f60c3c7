"""A discrete-event model of the service's scheduler: `store.jobs` and `service.workers` without a database.

One job per person; an update learns the newest choices at once, a refit follows after a period without choices, or at a
deadline after the first change; choices that arrive while a worker has the person are learned together; a worker that
dies keeps its job until the lease ends. Only people with events are in memory.

    jobs = Scheduler(Rules(workers=2), costs)
    outcome = simulate(arrivals, Rules(workers=2), costs)
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

Cost = Callable[[str, int], float]
"""Seconds of a worker for a stage (``update``, ``refit``) of a person with this many choices."""


@dataclass(frozen=True)
class Rules:
    """Settings of the service.

    Attributes:
        workers: number of workers, over all machines.
        per_space: maximum concurrent jobs of one space; None is unlimited.
        debounce, debounce_most: seconds; see `service.config`.
        lease: seconds after which another worker takes the job of a dead one.
        deaths: times at which a worker dies during a job and is restarted.
    """

    workers: int = 1
    per_space: int | None = 2
    debounce: float = 5.0
    debounce_most: float = 60.0
    lease: float = 30.0
    deaths: tuple[float, ...] = ()


@dataclass
class Job:
    """One person's row."""

    due: float
    refit_by: float
    stage: str = "update"
    rank: int = 1
    requested: int = 1
    running: bool = False
    waiting: list[float] = field(default_factory=list)


@dataclass
class Outcome:
    """The result.

    Attributes:
        updates, refits: number of completed jobs.
        busy: busy seconds of the workers.
        waits: seconds from each choice to the profile that includes it.
        longest_queue: maximum number of waiting people.
        span: seconds from the first choice to the last job's end.
        unlearned: choices without a profile when the arrivals end (a growing queue).
    """

    updates: int = 0
    refits: int = 0
    busy: float = 0.0
    waits: list[float] = field(default_factory=list)
    longest_queue: int = 0
    span: float = 0.0
    unlearned: int = 0

    @property
    def wait(self) -> float:
        """Mean seconds from a choice to the profile that includes it."""
        return math.fsum(self.waits) / max(1, len(self.waits))

    def quantile(self, share: float) -> float:
        """A quantile of the waits."""
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Model:
    """The queue and its workers."""

    def __init__(self, rules: Rules, cost: Cost, choices: dict[int, int] | None = None) -> None:
        self._rules, self._cost = rules, cost
        self._choices = choices if choices is not None else {}
        self._jobs: dict[int, Job] = {}
        self._events: list[tuple[float, int, str, int, tuple[int, list[float]] | None]] = []
        self._ready: list[tuple[int, float, int]] = []
        self._later: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self._deaths = sorted(rules.deaths, reverse=True)
        self._running = 0
        self.outcome = Outcome()

    def run(self, arrivals: Iterable[tuple[float, int]]) -> Outcome:
        """Run on choices given as (seconds, person) in order; ends when all are learned."""
        most = min(self._rules.workers, self._rules.per_space or self._rules.workers)
        stream, now, last = iter(arrivals), 0.0, 0.0
        coming = next(stream, None)
        while True:
            due = self._later[0][0] if self._later else math.inf
            ends = self._events[0][0] if self._events else math.inf
            comes = coming[0] if coming else math.inf
            now = min(comes, ends, due if self._running < most or due < min(comes, ends) else math.inf)
            if now == math.inf:
                break
            if coming is not None and comes <= now:
                self._arrive(now, coming[1])
                coming = next(stream, None)
                if coming is None:
                    self.outcome.unlearned = sum(len(one.waiting) for one in self._jobs.values())
            elif ends <= now:
                self._end(now)
                last = now
            while self._later and self._later[0][0] <= now:
                at, person = heapq.heappop(self._later)
                job = self._jobs.get(person)
                if job is not None and not job.running and job.due == at:
                    heapq.heappush(self._ready, (job.rank, job.due, person))
            while self._running < most and self._claim(now):
                pass
            self.outcome.longest_queue = max(self.outcome.longest_queue, len(self._ready))
        self.outcome.span = last
        return self.outcome

    def _queue(self, job: Job, person: int) -> None:
        heapq.heappush(self._later, (job.due, person))

    def _arrive(self, now: float, person: int) -> None:
        self._choices[person] = self._choices.get(person, 0) + 1
        job = self._jobs.get(person)
        if job is None:
            job = self._jobs[person] = Job(now, now + self._rules.debounce_most)
            self._queue(job, person)
        else:
            job.requested += 1
            if not job.running:
                job.rank, job.stage, job.due = min(job.rank, 1), "update", now
                self._queue(job, person)
        job.waiting.append(now)

    def _claim(self, now: float) -> bool:
        while self._ready:
            rank, due, person = heapq.heappop(self._ready)
            job = self._jobs.get(person)
            if job is None or job.running or (job.rank, job.due) != (rank, due):
                continue  # the job was rescheduled
            job.running = True
            self._running += 1
            known, job.waiting = job.waiting, []
            took = self._cost(job.stage, self._choices[person])
            if self._deaths and now + took > self._deaths[-1] and self._deaths.pop() >= now:
                job.waiting = known + job.waiting
                self._schedule(now + self._rules.lease, "lost", person, None)
            else:
                self.outcome.busy += took
                self._schedule(now + took, "done", person, (job.requested, known))
            return True
        return False

    def _schedule(self, at: float, kind: str, person: int, learned: tuple[int, list[float]] | None) -> None:
        heapq.heappush(self._events, (at, next(self._numbers), kind, person, learned))

    def _end(self, now: float) -> None:
        _, _, kind, person, learned = heapq.heappop(self._events)
        job = self._jobs[person]
        job.running = False
        self._running -= 1
        if kind == "lost" or learned is None:
            job.due = now
            self._queue(job, person)
            return
        requested, known = learned
        self.outcome.waits += [now - one for one in known]
        stage = job.stage
        self.outcome.updates += stage == "update"
        self.outcome.refits += stage == "refit"
        if job.requested != requested:
            job.rank, job.due = 1, now
        elif stage == "update":
            job.due = min(now + self._rules.debounce, max(job.refit_by, now))
            job.stage, job.rank = "refit", 2
        else:
            del self._jobs[person]
            return
        self._queue(job, person)


def zipf(rng: random.Random, people: int, exponent: float) -> Callable[[], int]:
    """Returns a sampler of people by a power law of rank, 0 the most active (continuous approximation, without a
    table)."""
    if exponent == 1.0:
        top = math.log(people + 1)
        return lambda: min(people - 1, int(math.exp(rng.random() * top)) - 1)
    power = 1.0 - exponent
    top = (people + 1) ** power - 1.0
    return lambda: min(people - 1, int((1.0 + rng.random() * top) ** (1.0 / power)) - 1)


def arrivals(rng: random.Random, rate: float, seconds: float, person: Callable[[], int]) -> Iterator[tuple[float, int]]:
    """A Poisson stream of choices."""
    now = rng.expovariate(rate)
    while now < seconds:
        yield now, person()
        now += rng.expovariate(rate)
