"""Splits keep groups whole, lose nothing, keep the order and never look at a label."""

from __future__ import annotations

import pytest
from choices import choice
from growth import assert_growth
from hypothesis import given
from hypothesis import strategies as st

from personalrm.data.splits import Split, context_target, folds_by_person, in_order, leave_group_out, split
from personalrm.errors import DataError
from personalrm.preferences import History, Preference


def history(groups: str, ties: str = "") -> History:
    """One choice a letter; the letter is its group. ``ties`` has an ``x`` where a choice is a tie."""
    marks = ties.ljust(len(groups))
    return History("ada", tuple(choice(at, group=name, tie=marks[at] == "x") for at, name in enumerate(groups)))


def ids(choices: object) -> list[str]:
    return [one.id.removeprefix("c") for one in choices]  # type: ignore[attr-defined]


@st.composite
def histories(draw: st.DrawFn) -> History:
    drawn = draw(st.lists(st.tuples(st.sampled_from("abcdefg"), st.booleans(), st.integers(0, 4)), max_size=25))
    timed = draw(st.booleans())
    times = sorted(when for _, _, when in drawn)
    return History(
        "ada",
        tuple(
            choice(at, group=group, tie=tie, time=f"2020-01-0{times[at] + 1}T00:00:00+00:00" if timed else None)
            for at, (group, tie, _) in enumerate(drawn)
        ),
    )


def groups_of(choices: object) -> set[str]:
    return {one.group for one in choices}  # type: ignore[attr-defined]


@given(histories(), st.floats(0.05, 0.95), st.integers(0, 5))
def test_no_group_straddles_nothing_is_lost_and_order_is_kept(people: History, share: float, seed: int) -> None:
    parts = split(people, share, seed)
    assert not groups_of(parts.training) & (groups_of(parts.validation) | groups_of(parts.aside))
    together = [*parts.training, *parts.validation, *parts.aside]
    assert sorted(ids(together), key=int) == ids(people)
    for side in (parts.training, parts.validation, parts.aside):
        assert ids(side) == sorted(ids(side), key=int)
    assert not any(one.tie for one in parts.validation)
    assert all(one.tie for one in parts.aside)


@given(histories(), st.floats(0.05, 0.95))
def test_two_decided_groups_give_both_sides_something(people: History, share: float) -> None:
    decided = {one.group for one in people if not one.tie}
    parts = split(people, share)
    assert bool(parts.validation.choices) == (len(decided) >= 2)
    if len(decided) >= 2:
        assert any(not one.tie for one in parts.training)
    else:
        assert parts.training.choices == people.choices


@given(histories(), st.floats(0.05, 0.95), st.integers(0, 3))
def test_flipped_labels_change_no_split(people: History, share: float, seed: int) -> None:
    flipped = people.only(one.flipped() for one in people)
    here, there = split(people, share, seed), split(flipped, share, seed)
    assert ids(here.training) == ids(there.training)
    assert ids(here.validation) == ids(there.validation)
    assert [ids(held) for _, held in leave_group_out(people)] == [ids(held) for _, held in leave_group_out(flipped)]


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=4), st.integers(0, 9))
def test_flipped_labels_change_no_shown_order(one: str, other: str, name: str, seed: int) -> None:
    pair = Preference(name, "ada", "g", (), one, other)
    flipped = pair.flipped()
    assert pair.shown(seed) == flipped.shown(seed)
    if one != other:
        assert pair.preferred_side(seed) != flipped.preferred_side(seed)
        assert pair.shown(seed)["ab".index(pair.preferred_side(seed))] == one


def test_the_shown_order_is_balanced() -> None:
    first = sum(choice(number, group="a").chosen_first() for number in range(4000))
    assert abs(first - 2000) < 190  # six standard deviations


def test_the_last_groups_are_validation_as_near_to_the_share_as_whole_groups_allow() -> None:
    parts = split(history("aaabbbccdd"), 0.3)
    assert ids(parts.validation) == ["8", "9"]  # 2 of 10; four would be one further from three than two are, so equal
    assert ids(split(history("aaabbbcccd"), 0.3).validation) == ["6", "7", "8", "9"]
    assert ids(split(history("abcdefghij"), 0.3).validation) == ["7", "8", "9"]


def test_a_big_last_group_is_held_out_whole() -> None:
    parts = split(history("abbbbbbbbb"), 0.3)
    assert ids(parts.training) == ["0"]
    assert len(parts.validation) == 9


def test_groups_stand_in_order_of_their_first_choice() -> None:
    parts = split(history("abcabc"), 0.3)
    assert groups_of(parts.validation) == {"c"}
    assert ids(parts.training) == ["0", "1", "3", "4"]


def test_known_times_order_groups_whatever_their_order_in_the_history() -> None:
    people = History("ada", tuple(choice(n, group=g, time=f"2020-01-0{d}") for n, g, d in [(0, "a", 3), (1, "b", 1)]))
    assert groups_of(split(people, 0.5).validation) == {"a"}


def test_the_seed_orders_groups_of_the_same_moment() -> None:
    people = History("ada", tuple(choice(n, group=g, time="2020-01-01") for n, g in enumerate("abcdef")))
    held = {tuple(ids(split(people, 0.3, seed).validation)) for seed in range(20)}
    assert len(held) > 1
    assert split(people, 0.3, 7) == split(people, 0.3, 7)


def test_ties_are_neither_validation_nor_counted() -> None:
    parts = split(history("aabbccdd", ties="      x "), 0.3)
    assert ids(parts.validation) == ["4", "5", "7"] or ids(parts.validation) == ["7"]
    assert not any(one.tie for one in parts.validation)
    alone = split(history("aabb", ties="  xx"), 0.3)
    assert alone == Split(history("aabb", ties="  xx"), History("ada", ()))


def test_one_group_is_all_training() -> None:
    parts = split(history("aaaa"))
    assert len(parts.training) == 4
    assert len(parts.validation) == 0


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_a_share_outside_the_unit_interval_is_refused(share: float) -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        split(history("ab"), share)


def test_context_and_target() -> None:
    context, target = context_target(history("aabbccdd"), target=0.5)
    assert ids(context) == ["0", "1", "2", "3"]
    assert ids(target) == ["4", "5", "6", "7"]


def test_leaving_out_each_group_once() -> None:
    people = history("aabbacd", ties="  x   x")
    rounds = list(leave_group_out(people))
    assert [ids(held) for _, held in rounds] == [["0", "1", "4"], ["3"], ["5"]]  # d holds a tie alone
    for training, held in rounds:
        assert not groups_of(training) & groups_of(held)
        assert len(training) == sum(one.group != held[0].group for one in people)


@given(histories(), st.integers(0, 5))
def test_each_group_after_all_earlier_ones_in_the_order_of_the_history(people: History, seed: int) -> None:
    seen: set[str] = set()
    for training, target in in_order(people, seed):
        assert ids(training) == [name for name in ids(people) if people.choices[int(name)].group in groups_of(training)]
        assert seen <= groups_of(training)
        assert groups_of(target).isdisjoint(groups_of(training))
        assert not any(one.tie for one in target)
        seen = groups_of(training) | groups_of(target)


def test_many_groups_are_split_in_about_linear_time() -> None:
    def people(length: int) -> History:
        return History("ada", tuple(choice(at, group=str(at)) for at in range(length)))

    short, long = people(500), people(4_000)  # 4,000 took 1.5 s and more where each group was looked up in each choice
    for protocol in (in_order, leave_group_out):
        assert_growth(lambda given, protocol=protocol: sum(1 for _ in protocol(given)), short, long, 30.0, floor=0.01)  # type: ignore[misc, operator]


def test_a_single_group_cannot_be_left_out() -> None:
    assert list(leave_group_out(history("aaa"))) == []


@given(st.lists(st.text(max_size=5), min_size=3, max_size=40), st.integers(2, 3), st.integers(0, 9))
def test_folds_are_even_and_depend_on_people_and_seed_alone(users: list[str], k: int, seed: int) -> None:
    people = sorted(set(users))
    if len(people) < k:
        with pytest.raises(DataError, match="people"):
            folds_by_person(users, k, seed)
        return
    folds = folds_by_person(users, k, seed)
    assert sorted(folds) == people
    assert folds == folds_by_person(reversed(users), k, seed)
    sizes = [list(folds.values()).count(fold) for fold in range(k)]
    assert max(sizes) - min(sizes) <= 1


def test_another_seed_makes_other_folds() -> None:
    users = [f"user {number}" for number in range(30)]
    assert folds_by_person(users, 5, seed=0) != folds_by_person(users, 5, seed=1)


def test_a_single_fold_is_refused() -> None:
    with pytest.raises(DataError, match="at least 2 folds"):
        folds_by_person(["a", "b"], 1)
