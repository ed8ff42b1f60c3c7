"""An erasure that is broken off anywhere: the next service that looks finishes it, and nobody is told so before."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from personalrm.service import erasing
from personalrm.service.config import ServiceConfig
from personalrm.service.erasing import Eraser
from personalrm.service.state import Service
from personalrm.store.erasures import Erasures
from personalrm.store.jobs import Work
from personalrm.store.records import Choice
from personalrm.store.schema import PERSON_TABLES
from personalrm.store.scope import Scope
from personalrm.store.store import SpaceStore, Store

KEY = b"k" * 32
SECRET = "a sentence that nobody else would write"


class Killed(BaseException):
    """As a process ends that is killed: nothing of the package handles it, and no transaction is committed."""


def before(owner: Any, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    def arm(patch: pytest.MonkeyPatch) -> None:
        def die(*_: object, **__: object) -> None:
            raise Killed

        patch.setattr(owner, name, die)

    return arm


def after(owner: Any, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    def arm(patch: pytest.MonkeyPatch) -> None:
        real = getattr(owner, name)

        def die(*given: Any, **more: Any) -> None:
            real(*given, **more)
            raise Killed

        patch.setattr(owner, name, die)

    return arm


def at_delete(number: int) -> Callable[[pytest.MonkeyPatch], None]:
    """Within the transaction that deletes the rows, at this table."""

    def arm(patch: pytest.MonkeyPatch) -> None:
        real, done = Scope.delete, [0]

        def delete(self: Scope, *given: Any) -> Any:
            done[0] += 1
            if done[0] > number:
                raise Killed
            return real(self, *given)

        patch.setattr(Scope, "delete", delete)

    return arm


STEPS = {
    "before the caches": before(Erasures, "outside"),
    "before the answers": before(erasing, "forget_answers"),
    "after the answers": after(erasing, "forget_answers"),
    "after the vectors": after(erasing, "forget_texts"),
    "after the counts": after(Erasures, "note"),
    "before the models": before(erasing, "models_that_hold"),
    "before the rows": before(Erasures, "finish"),
    **{f"at table {number}": at_delete(number) for number in range(0, len(PERSON_TABLES) + 1, 3)},
    "before the answer is given": after(Erasures, "finish"),
}


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(erasing, "ABANDONED_S", 0.0)
    return f"sqlite:///{tmp_path / 'store.sqlite'}"


def opened(database: str, answers: Path) -> tuple[Service, SpaceStore]:
    store = Store(database)
    config = ServiceConfig(database=database, cache=str(answers), workers=0, request_log="off")
    return Service(config, store), store.make_space("a")


def filled(space: SpaceStore, answers: Path) -> None:
    for name in ("ada", "bob"):
        made = [Choice(id=str(at), context=(), chosen=f"{SECRET} of {name}", rejected=f"no {at}") for at in range(3)]
        space.feedback.choices(name, made, Work.refit(1e9, 1e9))
    space.people.keep_answer(space.people.require("ada").id, KEY)
    with closing(sqlite3.connect(answers)) as cache, cache:
        cache.execute("CREATE TABLE answers (key BLOB PRIMARY KEY, answer TEXT)")
        cache.executemany("INSERT INTO answers VALUES (?, ?)", [(KEY, f"{SECRET} of ada"), (b"o" * 32, "other")])


@pytest.mark.parametrize("step", STEPS)
def test_an_erasure_is_finished_wherever_it_was_broken_off(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    answers = tmp_path / "answers.sqlite"
    service, space = opened(database, answers)
    filled(space, answers)
    with monkeypatch.context() as patch:
        STEPS[step](patch)
        with pytest.raises(Killed):
            service.eraser.erase(space, "ada", None)
    service.stop()

    service, space = opened(database, answers)
    assert space.people.get("ada") is None
    service.eraser.finish_all()
    assert space.erasures.unfinished() == []
    record = space.erasures.begin("ada")
    assert record.is_done
    assert record.counts["choices"] == 3
    assert record.counts["people"] == 1
    # what was removed from a cache by the service that died, and not yet noted, is gone but not counted
    assert record.counts["answer_cache"] == (0 if step in ("after the answers", "after the vectors") else 1)
    assert [one.name for one in space.people.list()] == ["bob"]
    assert [one.action for one in space.audit.list()] == ["erased", "erase"]
    service.stop()
    with closing(sqlite3.connect(answers)) as cache:
        assert cache.execute("SELECT answer FROM answers").fetchall() == [("other",)]
    for file in (tmp_path / "store.sqlite", tmp_path / "store.sqlite-wal", answers):
        if file.exists():
            assert f"{SECRET} of ada".encode() not in file.read_bytes()


def test_asking_again_finishes_it_as_well(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = tmp_path / "answers.sqlite"
    service, space = opened(database, answers)
    filled(space, answers)
    with monkeypatch.context() as patch:
        STEPS["after the answers"](patch)
        with pytest.raises(Killed):
            service.eraser.erase(space, "ada", None)
    again: Eraser = service.eraser
    assert again.erase(space, "ada", None).is_done
    service.stop()
