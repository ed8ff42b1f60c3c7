"""Nothing that is asked of the store reads a whole table: SQLite's own plans say so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event
from stores import choice

from personalrm.models.traits import TraitsModel
from personalrm.store.jobs import Work
from personalrm.store.predictions import Prediction
from personalrm.store.profiles import NewVersion
from personalrm.store.store import SpaceStore, Store

LARGE = (
    "people",
    "choices",
    "thumbs",
    "ratings",
    "rankings",
    "profiles",
    "predictions",
    "jobs",
    "completions",
    "audit",
)
Asked = dict[str, Any]


@pytest.fixture
def sqlite() -> Iterator[Store]:
    store = Store("sqlite://")
    yield store
    store.close()


def used(store: Store) -> SpaceStore:
    """What a service asks for one person and for the whole space."""
    space = store.make_space("a")
    space.feedback.choices("ada", [choice(n) for n in range(3)], Work.update())
    ada = space.people.require("ada")
    learned = space.history.learnable(ada)
    job = store.queue.claim(30.0, 2, exceptions={space.id: 3})
    new = NewVersion(TraitsModel.shipped().fit(learned.history).profile(), learned, "update")
    space.profiles.save(ada, new, job, Work.refit(1.0, 2.0))
    space.feedback.choices("ada", [choice(5)], Work.update())
    (number,) = space.predictions.unlearned(ada, learned.last_number)
    said = [Prediction(number, 1, 0.7, 1.0, "g")]
    space.profiles.save(
        space.people.require("ada"), NewVersion(new.profile, learned, "update", predictions=said), kept=0
    )
    space.profiles.load(ada, 2)
    space.profiles.versions(ada)
    space.history.page(ada, 1, 10)
    space.history.by_number(ada, [1, 2])
    space.history.forget("ada", "api", "c1", forgotten=True, work=Work.update())
    space.predictions.of_person(ada, 5)
    space.predictions.count(100)
    space.predictions.by_day(0.0)
    space.people.list("a", 10)
    space.people.several(["ada"])
    space.corrections.list(ada)
    space.jobs.list(5)
    space.jobs.claim_person(ada.id, 1.0)
    space.audit.list()
    space.summary.get()
    store.queue.next_due()
    assert [list(rows) for _, rows in space.exports.tables(ada)]
    space.erasures.finish(space.erasures.begin("ada"), [])
    return space


def test_no_large_table_is_read_through(sqlite: Store) -> None:
    asked: Asked = {}

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            asked.setdefault(statement, parameters)

    event.listen(sqlite.database.engine, "before_cursor_execute", note)
    used(sqlite)
    event.remove(sqlite.database.engine, "before_cursor_execute", note)
    assert len(asked) > 40
    with sqlite.database.read() as connection:
        for statement, parameters in asked.items():
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            through = [step for step in plan for table in LARGE if step.startswith(f"SCAN {table}")]
            assert not through, (statement, plan)
