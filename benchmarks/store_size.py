"""Whether reads slow down as the store grows: the same reads for random people among 2,000 and among 200,000.

    python benchmarks/store_size.py                  # 2,000,000 choices: minutes; 6 GB in the temporary folder
    python benchmarks/store_size.py --people 20000   # a quick run

Each database is filled by copying one simulated person's rows inside SQLite; choices are ordered as they arrive in a
product: everybody's first choices, then everybody's second. Every kind of read is timed alternately on both databases,
for 200 random people each, after as many warm-up reads. The figure is the ratio of the medians; the bar is 1.5.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from personalrm.data.simulated import Setting, simulate
from personalrm.models.traits import TraitsModel
from personalrm.service.asking import Clients
from personalrm.service.config import ServiceConfig
from personalrm.service.learner import as_it_is
from personalrm.service.predictors import Predictors
from personalrm.service.summaries import refresh_all, summary_of
from personalrm.store.jobs import Work
from personalrm.store.predictions import Prediction
from personalrm.store.profiles import NewVersion
from personalrm.store.records import Choice
from personalrm.store.store import SpaceStore, Store

EACH, ROUNDS, BAR = 10, 200, 1.5
COPIED = ("people", "choices", "profiles", "predictions", "jobs")
LATER = 1e9
"""Seconds until the copied jobs are due: they are waiting, like most people's jobs."""


def template(store: Store) -> None:
    """Create one person with choices, a profile and predictions."""
    space = store.make_space("bench")
    made = simulate(1, Setting(choices=EACH, seed=2))[0].history.choices
    given = [
        Choice(id=str(at), context=one.context, chosen=one.chosen[:200], rejected=one.rejected[:200], time=one.time)
        for at, one in enumerate(made)
    ]
    space.feedback.choices("p000000", given, Work.refit(LATER, LATER))
    person = space.people.require("p000000")
    learned = space.history.learnable(person)
    profile = TraitsModel.shipped().fit(learned.history).profile()
    said = [
        Prediction(one.number, 1, 0.4 + 0.05 * at, 1.0, one.preference.group) for at, one in enumerate(learned.choices)
    ]
    space.profiles.save(person, NewVersion(profile, learned, "refit", predictions=said))


def copy(file: Path, people: int) -> None:
    """Copy the rows of the first person to this many people."""
    with sqlite3.connect(file) as database:
        database.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000;")
        database.execute(
            "CREATE TEMP TABLE numbers AS WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n "
            f"WHERE i < {people - 1}) SELECT i FROM n"
        )
        for table in COPIED:
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            changed = {
                "person_id": "t.person_id + i",
                "name": "printf('p%06d', i)",
                "choice_id": f"t.choice_id + i * {EACH}",
                "made": "t.made - (i % 365) * 86400.0",
                "id": "t.id + i" if table == "people" else f"t.id + i * {EACH}",
            }
            values = ", ".join(changed.get(one, f"t.{one}") for one in columns)
            order = "t.id, i" if table == "choices" else "i"
            database.execute(f"INSERT INTO {table} SELECT {values} FROM {table} t, numbers ORDER BY {order}")
        database.commit()


def reads(store: Store, people: int) -> dict[str, Callable[[], Any]]:
    """All kinds of reads, each for a random person."""
    space: SpaceStore | None = store.space("bench")
    assert space is not None
    known, chance = space, random.Random(5)
    predictors = Predictors(Clients(store, ServiceConfig()), 1, as_it_is)
    pair = ((), "Yes.", "No, not at all.")

    def name() -> str:
        return f"p{chance.randrange(people):06d}"

    def person() -> Any:
        return known.people.require(name())

    return {
        "one person": person,
        "people, a page": lambda: known.people.list(name(), 100),
        "choices, a page": lambda: known.history.page(person(), 0, 100),
        "history": lambda: known.history.learnable(person()),
        "versions": lambda: known.profiles.versions(person()),
        "compare, the profile opened anew": lambda: predictors.of(known, person()).predictor.model.compare(*pair),  # type: ignore[attr-defined]
        "evaluation of a person": lambda: known.predictions.of_person(person()),
        "export": lambda: [list(rows) for _, rows in known.exports.tables(person())],
        "jobs": lambda: known.jobs.list(20),
        "next job": lambda: (store.queue.next_due(), store.queue.claim(30.0, 2)),
        "space page": lambda: (summary_of(known), known.people.list("", 51), known.jobs.list(20)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=200_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stores = {}
        for people in (2_000, given.people):
            file = Path(folder) / f"{people}.sqlite"
            began = time.perf_counter()
            store = Store(f"sqlite:///{file}")
            template(store)
            store.close()
            copy(file, people)
            stores[people] = Store(f"sqlite:///{file}")
            took, size = time.perf_counter() - began, file.stat().st_size / 1e6
            print(f"{people} people with {EACH * people} choices in {took:.0f} s, {size:.0f} MB")
        for people, store in stores.items():
            began = time.perf_counter()
            refresh_all(store)
            print(f"{people} people: what the space page shows is worked out in {time.perf_counter() - began:.2f} s")
        found = {}
        both = [reads(store, people) for people, store in stores.items()]
        for kind in both[0]:
            times: tuple[list[float], list[float]] = ([], [])
            for number in range(2 * ROUNDS):
                for side, kept in zip(both, times, strict=True):
                    began = time.perf_counter()
                    side[kind]()
                    if number >= ROUNDS:
                        kept.append((time.perf_counter() - began) * 1e3)
            small, large = (statistics.median(one) for one in times)
            found[kind] = {"small_ms": small, "large_ms": large, "ratio": large / small}
            print(f"{kind:<34} {small:8.3f} ms  {large:8.3f} ms  {large / small:5.2f} ×")
        worst = max(found, key=lambda kind: found[kind]["ratio"])
        print(f"slowest: {worst}, {found[worst]['ratio']:.2f} × (bar {BAR} ×)")
        print(json.dumps(found))
        for store in stores.values():
            store.close()


if __name__ == "__main__":
    main()
