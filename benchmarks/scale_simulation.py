"""The service with a million to a hundred million people: measured costs, a simulation, and the first bottleneck.

First the real store (SQLite) and the real learner process a stream of choices in virtual time: the clock advances by
the CPU seconds of each job, so a busy machine does not change the result. The model in `scale_model` gets the mean cost
of every second job and must predict the rest (waits, jobs, busy share) within 20 %. Then it simulates 10^6 to 10^8
people. All people are simulated; prices are inputs.

    python benchmarks/scale_simulation.py [--people 10000] [--choices 250] [--cpu-hour 0.04] [--gb-month 0.12]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import text

from common import row
from personalrm.data.simulated import simulate_people
from personalrm.service.asking import Clients
from personalrm.service.config import ServiceConfig
from personalrm.service.learning import Learner
from personalrm.service.logs import ServiceLog
from personalrm.service.running import LEASE_S, JobRunner
from personalrm.store import jobs as job_rows
from personalrm.store.jobs import Work
from personalrm.store.records import Choice
from personalrm.store.store import SpaceStore, Store
from scale_model import Cost, Model, Outcome, Rules, arrivals, zipf

BUSY, EXPONENT = 0.5, 1.0
"""Utilisation of the worker in the measured run; exponent of the power law of choices per person."""
TOLERANCE = 0.2
A_DAY, PEAK = 2.0, 3.0
"""Choices per person and day, and the ratio of the busiest hour to the mean hour."""
FULL = 0.7
"""Maximum utilisation of workers at the peak."""
DAY_S, GB = 86_400.0, 1e9
SIMULATED = 20_000
"""Choices per simulation at scale: they arrive within part of the busiest hour."""
BYTES_A_VERSION = text("SELECT avg(length(body)) FROM profiles")


@dataclass
class Measured:
    """Result of the real run: CPU seconds by stage and number of choices, bytes, and the outcome of the choices."""

    costs: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    storing: list[float] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)
    bytes_a_choice: float = 0.0
    bytes_a_version: float = 0.0


class Clock:
    """Virtual time of the run: advances by CPU time while a job runs, and jumps over idle time."""

    def __init__(self) -> None:
        self.now, self._began = 0.0, 0.0

    def start(self) -> None:
        """Start a job."""
        self._began = time.process_time()

    def elapsed(self) -> float:
        """CPU seconds of the job so far."""
        return time.process_time() - self._began


def pairs(seed: int) -> list[Choice]:
    """Choices of simulated people, assigned to whoever chooses next."""
    people = simulate_people(60, choices=20, seed=seed)
    return [Choice(context=one.context, chosen=one.chosen, rejected=one.rejected) for who in people for one in who]


@contextmanager
def virtual_time(clock: Clock) -> Iterator[None]:
    """Make the queue use the virtual clock."""
    real = job_rows.time
    job_rows.time = SimpleNamespace(time=lambda: 1e6 + clock.now)  # type: ignore[assignment]
    try:
        yield
    finally:
        job_rows.time = real


class RealRun:
    """One worker of the service processing a stream of choices."""

    def __init__(self, folder: Path, stream: list[tuple[float, int]], rules: Rules) -> None:
        self._store = Store(f"sqlite:///{folder / 'scale.sqlite'}")
        self._space: SpaceStore = self._store.make_space("scale")
        config = ServiceConfig(database="", request_log="off")
        learner = Learner(Clients(self._store, config), Work.refit(rules.debounce, rules.debounce_most))
        self._runner = JobRunner(learner, ServiceLog("off"), lambda _: None)
        self._rules, self._clock, self._coming = rules, Clock(), list(reversed(stream))
        self._texts, self._number = pairs(3), 0
        self._counts: dict[int, int] = defaultdict(int)
        self._known: dict[str, list[float]] = defaultdict(list)
        self.measured = Measured()

    def run(self) -> Measured:
        """Run until everything is learned."""
        with virtual_time(self._clock):
            while self._step():
                pass
        with self._store.database.read() as connection:
            self.measured.bytes_a_version = float(connection.execute(BYTES_A_VERSION).scalar() or 0.0)
        self._store.close()
        return self.measured

    def _step(self) -> bool:
        self._arrive(self._clock.now)
        self._clock.start()
        job = self._store.queue.claim(LEASE_S, 2)
        if job is None:
            due = self._store.queue.next_due()
            times = ([] if due is None else [due - 1e6]) + ([self._coming[-1][0]] if self._coming else [])
            self._clock.now = max(self._clock.now, min(times, default=self._clock.now)) + 1e-6
            return bool(times)
        person = self._space.people.by_id(job.person_id)
        assert person is not None
        waiting, began = self._known.pop(person.name, []), self._clock.now
        storing = sum(self.measured.storing)
        with self._arriving_before_the_end(began):
            self._runner.run(self._space, job, job.stage)
        took = self._clock.elapsed() - (sum(self.measured.storing) - storing)
        self._clock.now = began + took
        outcome, name = self.measured.outcome, int(person.name)
        self.measured.costs[job.stage, self._counts[name]].append(took)
        outcome.busy += took
        outcome.waits += [self._clock.now - one for one in waiting]
        outcome.updates += job.stage == "update"
        outcome.refits += job.stage == "refit"
        outcome.span = self._clock.now
        return True

    def _arrive(self, until: float) -> None:
        while self._coming and self._coming[-1][0] <= until:
            at, person = self._coming.pop()
            choice = self._texts[self._number % len(self._texts)]
            self._number += 1
            began = time.process_time()
            own = Choice(context=choice.context, chosen=choice.chosen, rejected=choice.rejected, id=f"c{self._number}")
            self._space.feedback.choices(str(person), [own], Work.update(self._rules.debounce_most))
            self.measured.storing.append(time.process_time() - began)
            self._counts[person] += 1
            self._known[str(person)].append(at)

    @contextmanager
    def _arriving_before_the_end(self, began: float) -> Iterator[None]:
        """Choices that arrive during a job are stored before the job is completed."""
        profiles, queue = self._space.profiles, self._space.jobs
        real: list[tuple[Any, str, Callable[..., Any]]] = [
            (profiles, "save", profiles.save),
            (profiles, "nothing_to_learn", profiles.nothing_to_learn),
            (queue, "finish", queue.finish),
        ]
        for owner, name, work in real:

            def closing(*given: Any, work: Callable[..., Any] = work) -> Any:
                before, self._clock.now = self._clock.now, began + self._clock.elapsed()
                self._arrive(self._clock.now)
                self._clock.now = before
                return work(*given)

            setattr(owner, name, closing)
        try:
            yield
        finally:
            for owner, name, _ in real:
                delattr(owner, name)


def size_of(folder: Path) -> int:
    """Bytes of a database with its write-ahead log."""
    return sum(one.stat().st_size for one in folder.iterdir())


def cost_of(costs: dict[tuple[str, int], list[float]]) -> Cost:
    """Mean seconds by stage and number of choices, from every second job; interpolated where there is none."""
    table: dict[str, dict[int, float]] = {"update": {}, "refit": {}}
    for (stage, choices), took in costs.items():
        half = took[::2]
        table[stage][choices] = sum(half) / len(half)
    nearest: dict[tuple[str, int], float] = {}

    def cost(stage: str, choices: int) -> float:
        if (stage, choices) not in nearest:
            known = table[stage]
            near = sorted(known, key=lambda one: abs(one - choices))[: 1 if choices in known else 3]
            nearest[stage, choices] = sum(known[one] for one in near) / len(near)
        return nearest[stage, choices]

    return cost


def check(measured: Outcome, predicted: Outcome) -> bool:
    """Print both; returns whether all agree within the tolerance."""
    fine = True
    for name, real, model in (
        ("updates", measured.updates, predicted.updates),
        ("refits", measured.refits, predicted.refits),
        ("share of the worker's time", measured.busy / measured.span, predicted.busy / predicted.span),
        ("mean wait for the profile, ms", measured.wait * 1e3, predicted.wait * 1e3),
        ("95 % wait no longer than, ms", measured.quantile(0.95) * 1e3, predicted.quantile(0.95) * 1e3),
    ):
        off = abs(model - real) / real if real else 0.0
        fine &= off <= TOLERANCE
        row(f"{name}: measured {real:.4g}", f"model {model:.4g} ({model / real - 1:+.0%})", "20 %", off <= TOLERANCE)
    return fine


def at_scale(people: int, cost: Cost, per_space: int | None, *, deaths: bool = False) -> tuple[Outcome, int, float]:
    """The busiest hour of this many people: outcome, workers, choices per second. Everybody already has choices."""
    rate = people * A_DAY * PEAK / DAY_S
    seconds = SIMULATED / rate
    mean = 20
    each = cost("update", mean) + cost("refit", mean)
    workers = max(2, round(rate * each / FULL + 0.5))
    rng = random.Random(people)
    stream = arrivals(rng, rate, seconds, zipf(rng, people, EXPONENT))
    died = tuple(rng.uniform(0, seconds) for _ in range(max(1, workers // 10))) if deaths else ()
    known: dict[int, int] = defaultdict(lambda: mean)
    outcome = Model(Rules(workers, per_space, deaths=died), cost, known).run(stream)
    return outcome, workers, rate


def main() -> int:
    """Print everything; 1 if model and measured run disagree."""
    given = parsed()
    began = time.perf_counter()
    rules = Rules(workers=1, debounce=0.5, debounce_most=6.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm = RealRun(folder, [(0.1 * number, number) for number in range(20)], rules).run()
        each = sum(sum(took[4:]) / len(took[4:]) for took in warm.costs.values())  # an update and a refit
        for one in folder.iterdir():
            one.unlink()
        rng = random.Random(1)
        draw = zipf(rng, given.people, EXPONENT)
        stream = list(arrivals(rng, BUSY / each, given.choices * each / BUSY, draw))
        measured = RealRun(folder, stream, rules).run()
        measured.bytes_a_choice = size_of(folder) / len(stream)
    cost = cost_of(measured.costs)
    print(f"{given.people:,} people, {len(stream):,} choices, one worker, SQLite; virtual time by CPU seconds")
    fine = check(measured.outcome, Model(rules, cost).run(stream))
    tell_costs(measured, cost, given)
    tell_scale(cost, measured, given)
    print(f"took {time.perf_counter() - began:.0f} s")
    return 0 if fine else 1


def tell_costs(measured: Measured, cost: Cost, given: argparse.Namespace) -> None:
    """Print the cost per choice and per person."""
    storing = sum(measured.storing) / len(measured.storing)
    print(
        "\ncost (CPU ms): "
        + ", ".join(
            f"{stage} at {n} choices {cost(stage, n) * 1e3:.1f}"
            for stage, n in (("update", 1), ("update", 8), ("update", 20), ("refit", 20))
        )
    )
    version, whole = measured.bytes_a_version / 1e3, measured.bytes_a_choice / 1e3
    print(f"store a choice {storing * 1e3:.2f} ms; {whole:.1f} kB on disk a choice, {version:.1f} kB of it its version")
    a_year = A_DAY * 365 * (storing + cost("update", 20) + cost("refit", 20)) / 3600 * given.cpu_hour
    print(f"embedded engine: ${a_year:.4f} of CPU a person and year at ${given.cpu_hour} an hour")
    for preset, calls in (("default", 61), ("frugal", 11)):
        dollars = calls * (given.prompt_tokens * given.price_in + given.answer_tokens * given.price_out) / 1e6
        print(f"fit on a model, {preset}: {calls} calls, ${dollars:.4f} a person")


def tell_scale(cost: Cost, measured: Measured, given: argparse.Namespace) -> None:
    """Print queues, storage and money for each power of ten."""
    print(f"\nbusiest hour, {A_DAY:g} choices a person and day, peak {PEAK:g}; jobs a space at once: unlimited, or two")
    print(
        f"{'people':>12} {'choices/s':>10} {'workers':>8} {'p50 ms':>8} {'p99 ms':>8} {'queue':>7} "
        f"{'2/space: left':>14} {'deaths: p99.9':>14} {'TB a year':>10} {'$/month':>10}"
    )
    for people in (10**6, 10**7, 10**8):
        free, workers, rate = at_scale(people, cost, None)
        bound, _, _ = at_scale(people, cost, 2)
        dying, _, _ = at_scale(people, cost, None, deaths=True)
        stored = people * A_DAY * 365 * measured.bytes_a_choice
        money = workers * 730 * given.cpu_hour + stored / 2 / GB * given.gb_month
        left = bound.unlearned / max(1, len(bound.waits))
        print(
            f"{people:>12,} {rate:>10,.0f} {workers:>8,} {free.quantile(0.5) * 1e3:>8.0f} "
            f"{free.quantile(0.99) * 1e3:>8.0f} {free.longest_queue:>7,} {left:>13.0%} "
            f"{dying.quantile(0.999):>12.1f} s {stored / 1e12:>10.1f} {money:>10,.0f}"
        )


def parsed() -> argparse.Namespace:
    """Parse the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--choices", type=int, default=250)
    parser.add_argument("--cpu-hour", type=float, default=0.04, help="dollars per core hour")
    parser.add_argument("--gb-month", type=float, default=0.12, help="dollars per gigabyte and month")
    parser.add_argument("--price-in", type=float, default=0.15, help="dollars per million prompt tokens")
    parser.add_argument("--price-out", type=float, default=0.60, help="dollars per million new tokens")
    parser.add_argument("--prompt-tokens", type=int, default=1_500)
    parser.add_argument("--answer-tokens", type=int, default=60)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
