"""Who is predicted from what: nothing leaks, nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from facts import naming

from personalrm.bench.protocols import PROTOCOLS, Task, newest, protocol_named, tasks
from personalrm.errors import DataError
from personalrm.preferences import History, Message, Preference, Side


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


def asked_of(people: list[History], protocol: str, seed: int = 0) -> list[tuple[Task, tuple[Side, ...]]]:
    return [pair for one in people for pair in tasks(one, protocol, seed)]


def test_leave_group_out_asks_every_decided_choice_once() -> None:
    asked = [question.id for task, _ in asked_of(PEOPLE, "new-people") for question in task.questions]
    assert sorted(asked) == sorted(one.id for history in PEOPLE for one in history if not one.tie)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_of_what_is_asked_can_be_learned(protocol: str) -> None:
    typed = [  # each person speaks in two ways, conversation by conversation
        one.only(replace(choice, domain="xy"[int(choice.group[-1]) % 2]) for choice in one) for one in PEOPLE
    ]
    asked = asked_of(typed, protocol, seed=1)
    assert asked
    for task, _ in asked:
        assert not {one.group for one in task.history} & {one.group for one in task.questions}
        assert all(one.user == task.user for one in task.history)


def test_of_a_person_of_very_many_groups_several_are_held_out_together() -> None:
    many = person("ada", 600, pairs=1)
    asked = asked_of([many], "new-people")
    assert len(asked) <= 256
    assert sorted(one.id for task, _ in asked for one in task.questions) == sorted(one.id for one in many)
    assert all(len(task.history) + len(task.questions) == 600 for task, _ in asked)


@pytest.mark.parametrize("protocol", ["new-people", "context-target"])
def test_the_questions_of_a_task_are_of_one_fold_of_texts(protocol: str) -> None:
    ada, fold = person("ada", 6), {"g2": 0, "g3": 1, "g4": 0}
    plain, asked = list(tasks(ada, protocol)), list(tasks(ada, protocol, text_fold=fold))
    for task, _ in asked:
        assert len({fold.get(one.group) for one in task.questions}) == 1
    assert {one.id for task, _ in asked for one in task.questions} == {
        one.id for task, _ in plain for one in task.questions
    }
    assert _known(asked) == _known(plain)


def _known(asked: Sequence[tuple[Task, tuple[Side, ...]]]) -> set[tuple[str, ...]]:
    return {tuple(one.id for one in task.history) for task, _ in asked}


def test_the_old_name_of_a_protocol_is_told() -> None:
    with pytest.warns(DeprecationWarning, match="'leave-group-out' is now 'new-people'"):
        assert protocol_named("leave-group-out") is PROTOCOLS["new-people"]


def test_a_single_group_is_predicted_from_nothing() -> None:
    asked = asked_of([person("solo", 1), person("duo", 2)], "new-people")
    assert {task.user: len(task.history) for task, _ in asked} == {"solo": 0, "duo": 2}


def test_context_target_predicts_later_groups_and_leaves_single_groups_out() -> None:
    asked = asked_of(PEOPLE, "context-target")
    assert {task.user for task, _ in asked} == {one.user for one in PEOPLE if len(one) > 2}
    for task, _ in asked:
        assert max(one.group for one in task.history) < min(one.group for one in task.questions)


def test_answers_are_the_preferred_sides_and_cached_judges_point_to_a_side() -> None:
    by_id = {one.id: one for history in PEOPLE for one in history}
    for task, sides in asked_of(PEOPLE, "new-people", seed=3):
        for question, side in zip(task.questions, sides, strict=True):
            choice = by_id[question.id]
            assert (question.a if side == "a" else question.b) == choice.chosen
            assert (question.a, question.b) == choice.shown(3)
            for judge, chosen in question.judges.items():
                assert (chosen == side) == choice.judges[judge]


def test_fewer_choices_to_learn_from_are_the_newest_and_nested() -> None:
    ada = person("ada", 5)
    known = {n: newest(ada, n).choices for n in (0, 1, 3, 100)}
    assert known[0] == ()
    assert known[1] == ada.choices[-1:]
    assert known[3][-1:] == known[1]
    assert known[100] == ada.choices
    for task, _ in tasks(ada, "new-people", context_pairs=3):
        assert len(task.history) == 3
        assert len(task.questions) == 2


def marked(history: History, targets: set[str]) -> History:
    sides = (replace(one, split="target" if one.group in targets else "context") for one in history)
    return history.only(sides)


def test_a_split_that_the_data_marks_is_kept() -> None:
    ((task, _),) = tasks(marked(person("ada", 4), {"g0", "g2"}), "context-target")
    assert {one.group for one in task.history} == {"g1", "g3"}
    assert {one.group for one in task.questions} == {"g0", "g2"}
    everything = marked(
        person("eve", 3), {"g0", "g1", "g2"}
    )  # nothing is left to teach: split by time as without marks
    ((task, _),) = tasks(everything, "context-target")
    assert len(task.history) > 0


def test_a_marked_split_through_a_group_is_an_error_that_names_it() -> None:
    first, *others = person("ada", 3).choices
    with pytest.raises(DataError, match=naming("ada", "'g0'")):
        list(
            tasks(
                History("ada", (replace(first, split="target"), *(replace(o, split="context") for o in others))),
                "context-target",
            )
        )


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(DataError, match=naming("'loo'", "new-people", "new-people-and-new-texts", "context-target")):
        protocol_named("loo")
