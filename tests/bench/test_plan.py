"""The plan of a run: folds, populations and everything that is asked, with people read as a stream."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace

import pytest

from personalrm.bench.plan import Design, Plan, make_plan
from personalrm.errors import DataError, NotEnoughChoices
from personalrm.preferences import History, Message, Preference


def person(name: str, groups: int, domain: str | None = None) -> History:
    """Two choices in each group."""
    return History(
        name,
        tuple(
            Preference(f"{name}-{g}-{n}", name, f"g{g}", (Message("user", "?"),), f"yes {g}{n}", "no", domain=domain)
            for g in range(groups)
            for n in range(2)
        ),
    )


PEOPLE = [person(f"p{number}", 1 + number % 4) for number in range(12)]


def plan_of(people: list[History], population: list[History] | None = None, **design: object) -> Plan:
    others = None if population is None else (lambda: population)
    return make_plan(lambda: people, Design(**design), others)  # type: ignore[arg-type]


def test_nobody_is_in_their_own_population() -> None:
    plan = plan_of(PEOPLE, folds=4, seed=1)
    assert plan.folds == 4
    for planned in plan.tasks():
        assert planned.task.user not in {one.user for one in plan.population_of(planned.fold)}
    everyone = {one.user for one in PEOPLE}
    assert all({one.user for one in plan.population_of(fold)} < everyone for fold in range(4))


def test_a_given_population_makes_one_fold_without_the_people_who_are_predicted() -> None:
    plan = plan_of(PEOPLE, [person("s1", 2), person("s2", 2), PEOPLE[0]])
    assert plan.folds == 1
    assert [one.user for one in plan.population_of(0)] == ["s1", "s2"]


def test_one_person_alone_has_no_population() -> None:
    plan = plan_of([person("ada", 3)])
    assert (plan.folds, list(plan.population_of(0))) == (1, [])


def new_texts(people: list[History], population: list[History] | None = None, **design: object) -> Plan:
    return plan_of(people, population, protocol="new-people-and-new-texts", **design)


def test_a_population_of_new_texts_holds_no_row_of_the_group_that_is_predicted() -> None:
    plan = new_texts(PEOPLE, folds=3, seed=1)  # groups g0 to g3, which several people share
    seen = set()
    for planned in plan.tasks():
        population = list(plan.population_of(planned.population))
        groups = {one.group for one in planned.task.questions}
        assert planned.task.user not in {one.user for one in population}
        assert population
        assert not groups & {choice.group for one in population for choice in one}
        seen.add(planned.population)
    assert len(seen) > 3
    assert [one.id for one in plan.asked] == [one.id for one in plan_of(PEOPLE, folds=3, seed=1).asked]


def test_texts_that_nobody_shares_need_no_folds() -> None:
    private = [one.only(replace(choice, group=f"{one.user}-{choice.group}") for choice in one) for one in PEOPLE]
    plan, plain = new_texts(private, folds=3), plan_of(private, folds=3)
    assert {one.population for one in plan.tasks()} == {0, 1, 2}
    for fold in range(3):
        assert list(plan.population_of(fold)) == list(plain.population_of(fold))


def test_a_given_population_is_kept_from_the_texts_that_are_predicted() -> None:
    others = [person("s1", 4), person("s2", 2)]
    plan = new_texts(PEOPLE, others)
    for planned in plan.tasks():
        population = list(plan.population_of(planned.population))
        assert {one.user for one in population} <= {"s1", "s2"}
        assert not {one.group for one in planned.task.questions} & {each.group for one in population for each in one}


def test_without_any_other_text_there_is_no_population() -> None:
    plan = new_texts([person(f"p{number}", 1) for number in range(4)], folds=2)
    planned = next(iter(plan.tasks()))
    with pytest.raises(NotEnoughChoices, match="other texts"):
        list(plan.population_of(planned.population))


def test_the_old_name_of_the_protocol_still_plans() -> None:
    with pytest.warns(DeprecationWarning, match="new-people"):
        assert Design("leave-group-out").protocol == "new-people"


def test_folds_do_not_depend_on_the_order_of_people() -> None:
    forward, backward = plan_of(PEOPLE, folds=3), plan_of(PEOPLE[::-1], folds=3)
    assert {one.task.user: one.fold for one in forward.tasks()} == {one.task.user: one.fold for one in backward.tasks()}
    assert forward.data.total != backward.data.total  # but the results are written in that order


def test_tasks_and_what_is_asked_agree() -> None:
    plan = plan_of(PEOPLE, folds=3)
    for planned in plan.tasks():
        places = plan.places(planned.number)
        assert places.start == planned.first
        assert [plan.asked[at].id for at in places] == [one.id for one in planned.task.questions]
        assert {plan.asked[at].fold for at in places} == {planned.fold}
        assert {plan.asked[at].history for at in places} == {len(planned.task.history)}
    pair, question = plan.asked[0], next(iter(plan.tasks())).task.questions[0]
    assert pair.lengths == (len(question.a), len(question.b))
    assert plan.places(len(plan.starts) - 1).stop == len(plan.asked)


def test_domains_are_kept() -> None:
    assert {one.domain for one in plan_of([person("ada", 3, domain="values")]).asked} == {"values"}


def test_any_changed_text_or_label_changes_the_fingerprint() -> None:
    one, *others = PEOPLE
    flipped = one.only(choice.flipped() for choice in one)
    assert plan_of(PEOPLE).data == plan_of(PEOPLE).data
    assert plan_of(PEOPLE).data != plan_of([flipped, *others]).data


def test_people_are_a_stream() -> None:
    """Whoever has been planned or asked is let go."""
    given: list[weakref.ref[History]] = []
    most = 0

    class Kept(History):  # a slotted record cannot be watched
        __slots__ = ("__weakref__",)

    def people() -> Iterator[History]:
        nonlocal most
        for number in range(50):
            gc.collect(0)
            made = Kept(f"p{number}", person(f"p{number}", 3).choices)
            given.append(weakref.ref(made))
            most = max(most, sum(one() is not None for one in given))
            yield made
            del made

    plan = make_plan(people, Design(folds=2))
    for _ in plan.tasks():
        pass
    for _ in plan.population_of(0):
        pass
    assert most <= 3


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(NotEnoughChoices, match="nothing to predict"):
        plan_of([])
    with pytest.raises(NotEnoughChoices, match="nothing to predict"):
        plan_of([person("solo", 1)], protocol="context-target")
    with pytest.raises(NotEnoughChoices, match="predicted"):
        plan_of(PEOPLE, PEOPLE[:2])
    with pytest.raises(DataError, match="at least 1"):
        plan_of(PEOPLE, folds=0)
    with pytest.raises(DataError, match="p1 has two histories"):
        plan_of([*PEOPLE, PEOPLE[1]])
