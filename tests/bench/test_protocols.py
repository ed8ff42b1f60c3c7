"""Who is predicted from what: nothing leaks, nothing is lost."""

from __future__ import annotations

import pytest

from personalrm.bench.protocols import Fold, context_target_folds, leave_group_out_folds, protocol_named
from personalrm.errors import DataError, NotEnoughChoices
from personalrm.preferences import History, Message, Preference


def person(name: str, groups: int, *, pairs: int = 2, tie: bool = False) -> History:
    """A person with ``pairs`` choices in each of ``groups`` groups; one tie in the first group if wanted."""
    choices = [
        Preference(
            id=f"{name}-{g}-{n}",
            user=name,
            group=f"g{g}",
            context=(Message("user", f"question {g}"),),
            chosen=f"{name} likes {g}.{n}",
            rejected=f"{name} dislikes {g}.{n} rather more",
            tie=tie and g == n == 0,
            judges={"j": n == 0} if g == 0 else {},
        )
        for g in range(groups)
        for n in range(pairs)
    ]
    return History(name, tuple(choices))


PEOPLE = [person(f"p{number}", 1 + number % 4, tie=number == 3) for number in range(12)]


def _ids(folds: list[Fold]) -> list[str]:
    return [question.id for fold in folds for task in fold.tasks for question in task.questions]


def test_leave_group_out_asks_every_decided_choice_once() -> None:
    folds = leave_group_out_folds(PEOPLE, folds=5)
    decided = [one.id for history in PEOPLE for one in history if not one.tie]
    assert sorted(_ids(folds)) == sorted(decided)
    assert len(folds) == 5


@pytest.mark.parametrize("protocol", ["leave-group-out", "context-target"])
def test_nothing_of_what_is_asked_can_be_learned(protocol: str) -> None:
    folds = protocol_named(protocol)(PEOPLE, folds=4, seed=1)
    for fold in folds:
        others = {one.user for one in fold.population}
        for task in fold.tasks:
            assert task.user not in others
            groups = {one.group for one in task.history}
            assert not groups & {one.group for one in task.questions}
            assert all(one.user == task.user for one in task.history)


def test_a_single_group_is_predicted_from_nothing() -> None:
    folds = leave_group_out_folds([person("solo", 1), person("duo", 2)], folds=2)
    histories = {task.user: len(task.history) for fold in folds for task in fold.tasks}
    assert histories == {"solo": 0, "duo": 2}


def test_context_target_predicts_later_groups_and_leaves_single_groups_out() -> None:
    folds = context_target_folds(PEOPLE, folds=3)
    assert {task.user for fold in folds for task in fold.tasks} == {one.user for one in PEOPLE if len(one) > 2}
    for fold in folds:
        for task in fold.tasks:
            assert max(one.group for one in task.history) < min(one.group for one in task.questions)


def test_answers_are_the_preferred_sides_and_cached_judges_point_to_a_side() -> None:
    by_id = {one.id: one for history in PEOPLE for one in history}
    for fold in leave_group_out_folds(PEOPLE, folds=5, seed=3):
        for task, sides in zip(fold.tasks, fold.answers, strict=True):
            for question, side in zip(task.questions, sides, strict=True):
                choice = by_id[question.id]
                assert (question.a if side == "a" else question.b) == choice.chosen
                assert (question.a, question.b) == choice.shown(3)
                for judge, chosen in question.judges.items():
                    assert (chosen == side) == choice.judges[judge]


def test_a_given_population_makes_one_fold_without_the_people_who_are_predicted() -> None:
    strangers = [person("s1", 2), person("s2", 2), PEOPLE[0]]
    folds = leave_group_out_folds(PEOPLE, folds=5, population=strangers)
    assert len(folds) == 1
    assert [one.user for one in folds[0].population] == ["s1", "s2"]


def test_one_person_alone_has_no_population() -> None:
    folds = leave_group_out_folds([person("ada", 3)], folds=5)
    assert len(folds) == 1
    assert folds[0].population == ()


def test_folds_are_the_same_whatever_the_order_of_people() -> None:
    forward, backward = leave_group_out_folds(PEOPLE, folds=3), leave_group_out_folds(PEOPLE[::-1], folds=3)
    assert [{t.user for t in fold.tasks} for fold in forward] == [{t.user for t in fold.tasks} for fold in backward]


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(DataError, match=r"no protocol 'loo'; known are leave-group-out, context-target"):
        protocol_named("loo")
    with pytest.raises(NotEnoughChoices, match="nothing to predict"):
        leave_group_out_folds([])
    with pytest.raises(NotEnoughChoices, match="nothing to predict"):
        context_target_folds([person("solo", 1)])
    with pytest.raises(NotEnoughChoices, match="only people who are to be predicted"):
        leave_group_out_folds(PEOPLE, population=PEOPLE[:2])
    with pytest.raises(DataError, match="at least 1"):
        leave_group_out_folds(PEOPLE, folds=0)
