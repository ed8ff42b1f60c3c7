"""What other requests and workers do in between: an erasure while something is learned, asked or opened."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from page_visits import asked, text_of
from service_process import Api

from personalrm.errors import StorageError, StoreConflict
from personalrm.llm.endpoint import Completion, SamplingParams
from personalrm.service import learning, running
from personalrm.service.asking import Clients
from personalrm.service.learning import Learner
from personalrm.service.person_cache import PersonCache
from personalrm.service.running import JobRunner
from personalrm.service.state import Service
from personalrm.store.jobs import Work
from personalrm.store.records import Choice
from personalrm.store.store import SpaceStore

KEY = b"k" * 32


def test_nothing_is_cached_for_a_forgotten_person() -> None:
    cache = PersonCache[str](2)
    cache.keep(1, 1, "a")
    cache.keep(2, 1, "b")
    assert (cache.get(1, 1), cache.get(2, 1)) == ("a", "b")
    cache.forget(1)
    cache.keep(1, 2, "late")
    assert (cache.get(1, 1), cache.get(1, 2), cache.get(2, 1)) == (None, None, "b")
    cache.keep(3, 1, "c")
    cache.keep(4, 1, "d")
    assert cache.get(2, 1) is None


def test_a_person_erased_while_their_profile_is_opened_is_not_kept_in_memory(
    service: Service, space: SpaceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = service.predictors.ready(space, "ada").version
    person = space.people.require("ada")
    again = Service(service.config, service.store).predictors
    plain = space.profiles.weights

    def weights(*given: Any) -> Any:
        found = plain(*given)
        again.forget(person.id)
        return found

    monkeypatch.setattr(space.profiles, "weights", weights)
    again.version(space, person, version)
    assert again._kept.get(person.id, version) is None


def test_what_another_service_has_cached_for_an_erased_person_is_dropped(service: Service, space: SpaceStore) -> None:
    other = Service(service.config, service.store)
    space.feedback.choices("bob", [Choice(id="1", context=(), chosen="Yes.", rejected="No.")], service.new_choice)
    for name in ("ada", "bob"):
        other.predictors.ready(space, name)
    ada, bob = (space.people.require(name).id for name in ("ada", "bob"))
    other.forget_erased()
    assert other.predictors.people() == {ada, bob}
    service.eraser.erase(space, "ada", None)
    other.forget_erased()
    assert other.predictors.people() == {bob}


def test_a_job_whose_person_is_erased_meanwhile_ends_quietly(
    service: Service, space: SpaceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = space.jobs.claim_person(space.people.require("ada").id, 30.0)
    assert job is not None
    told: list[dict[str, Any]] = []
    learner = Learner(service.clients, Work.refit(0.0, 0.0))
    plain = space.history.learnable

    def learnable(*given: Any) -> Any:
        found = plain(*given)
        service.eraser.erase(space, "ada", None)
        return found

    monkeypatch.setattr(space.history, "learnable", learnable)
    removed: list[str] = []
    monkeypatch.setattr(learning, "forget_texts", lambda _, texts: removed.extend(texts))
    JobRunner(learner, service.log, told.append).run(space, job, "update")
    assert space.people.get("ada") is None
    assert "learned" not in str(told)
    assert {"Short 0.", "Short 11."} <= set(removed)  # what fitting may have embedded after the erasure


def test_a_lease_is_not_renewed_after_its_job(
    service: Service, space: SpaceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "LEASE_S", 0.03)
    job = space.jobs.claim_person(space.people.require("ada").id, 30.0)
    assert job is not None
    renewing, ended, calls = threading.Event(), threading.Event(), [0]

    def heartbeat(*_: Any) -> None:
        calls[0] += 1
        renewing.set()
        ended.wait(5.0)
        raise StorageError("the database cannot be reached")

    monkeypatch.setattr(space.jobs, "heartbeat", heartbeat)
    with running._LeaseRenewal(space, job):
        assert renewing.wait(5.0)
    ended.set()
    time.sleep(0.2)
    assert calls == [1]


def test_an_answer_that_comes_after_the_erasure_is_removed_from_the_cache(
    service: Service, space: SpaceStore, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.sqlite"
    person = space.people.require("ada")

    async def complete(*_: Any) -> Completion:
        await asyncio.to_thread(service.eraser.erase, space, "ada", None)
        with closing(sqlite3.connect(answers)) as cache, cache:
            cache.execute("CREATE TABLE answers (key BLOB PRIMARY KEY, answer TEXT)")
            cache.execute("INSERT INTO answers VALUES (?, 'She likes short answers.')", (KEY,))
        return Completion("She likes short answers.")

    clients = Clients(service.store, service.config)
    clients._connection = SimpleNamespace(model="m", key_of=lambda *_: KEY, complete=complete)  # type: ignore[assignment]
    endpoint = clients.endpoint_of(space, person)
    with pytest.raises(StoreConflict):
        asyncio.run(endpoint.complete([], SamplingParams(max_tokens=8)))
    with closing(sqlite3.connect(answers)) as cache:
        assert cache.execute("SELECT count(*) FROM answers").fetchone() == (0,)


def test_a_question_that_was_replaced_while_it_was_read_is_not_answered(api: Api, user: str) -> None:
    pair = {"id": f"moves-{user}", "prompt": "Which?", "a": "This one.", "b": "That one, of course. " * 9}
    choices = [{"prompt": "Hi", "chosen": f"Yes, {n}.", "rejected": "Perhaps. " * 20} for n in range(3)]
    assert api.post(f"/v1/people/{user}/choices", {"choices": choices}).status == 200
    api.post("/v1/candidates", {"candidates": [pair]})
    from personalrm.data.candidates import Candidate
    from personalrm.preferences import Message
    from personalrm.service.pages.choose import mark

    shown = mark(Candidate(pair["id"], "", (Message("user", "Which?"),), pair["a"], pair["b"]))
    api.post("/v1/candidates", {"candidates": [{**pair, "a": pair["b"], "b": pair["a"]}]})
    form = {"question": pair["id"], "prefers": "a", "shown": shown}
    page = asked(api, "POST", f"/people/{user}/choose", api.key, form)
    assert page.status == 409
    assert "has other answers now" in text_of(page)
    assert len(api.get(f"/v1/people/{user}/choices").body["choices"]) == 3
