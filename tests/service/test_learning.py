"""What is stored while a profile is fitted is neither lost nor counted as learned; budgets hold between threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from personalrm.errors import BudgetSpent
from personalrm.llm.endpoint import Completion
from personalrm.profile.records import Claim
from personalrm.service.asking import Meter
from personalrm.service.learning import Learner
from personalrm.service.running import JobRunner
from personalrm.service.state import Service
from personalrm.store.corrections import Corrections
from personalrm.store.history import Histories
from personalrm.store.jobs import Stage, Work
from personalrm.store.records import Choice
from personalrm.store.store import SpaceStore

REFITTED: tuple[Stage, ...] = ("update", "refit")


def claims(service: Service, space: SpaceStore) -> tuple[Claim, ...]:
    persona = service.predictors.ready(space, "ada").profile().persona
    return persona.claims if persona is not None else ()


def learn(service: Service, space: SpaceStore, stage: Stage) -> None:
    """Run the person's job as one of this stage, as a worker would."""
    job = space.jobs.claim_person(space.people.require("ada").id, 30.0)
    assert job is not None
    learner = Learner(service.clients, Work.refit(0.0, 0.0))
    JobRunner(learner, service.log, lambda _: None).run(space, job, stage)


def after(owner: Any, name: str, then: Callable[[], None], patch: pytest.MonkeyPatch) -> None:
    """Call `then` once, right after the first call of this method."""
    real, done = getattr(owner, name), []

    def method(*given: Any, **more: Any) -> Any:
        found = real(*given, **more)
        if not done:
            done.append(True)
            then()
        return found

    patch.setattr(owner, name, method)


@pytest.mark.parametrize("stage", REFITTED)
@pytest.mark.parametrize(("owner", "read"), [(Histories, "learnable"), (Corrections, "list")])
def test_a_correction_made_while_the_data_is_read_is_applied(
    service: Service, space: SpaceStore, monkeypatch: pytest.MonkeyPatch, stage: Stage, owner: type, read: str
) -> None:
    wrong = claims(service, space)[0].text
    space.feedback.choices("ada", [Choice(id="one more", context=(), chosen="No.", rejected="Yes")], service.new_choice)
    with monkeypatch.context() as patch:
        after(owner, read, lambda: correct(service, space, wrong), patch)
        learn(service, space, stage)
    while space.people.require("ada").is_stale:
        learn(service, space, stage)
    assert wrong not in [one.text for one in claims(service, space)]
    assert [one.verdict for one in space.corrections.list(space.people.require("ada"))] == ["wrong"]


def correct(service: Service, space: SpaceStore, claim: str) -> None:
    """Store the correction without learning what is new first."""
    space.corrections.add("ada", Claim(claim, (), ()), "wrong", 1, None, service.new_choice)


def test_calls_of_many_threads_stay_within_a_budget(space: SpaceStore, service: Service) -> None:
    meter = Meter(service.store, space)
    service.store.change_settings(space, {"max_calls": 20})

    def call(_: int) -> bool:
        try:
            meter.reserve()
        except BudgetSpent:
            return False
        meter.book(Completion("yes", prompt_tokens=10, asked=1))
        return True

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(call, range(60)))
    assert sum(made) == space.spending.this_month().calls == 20


def test_an_answer_that_was_asked_for_twice_counts_as_two_calls(space: SpaceStore, service: Service) -> None:
    meter = Meter(service.store, space)
    meter.reserve()
    meter.book(Completion("yes", asked=2))
    assert space.spending.this_month().calls == 2
