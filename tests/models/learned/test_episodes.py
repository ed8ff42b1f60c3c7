"""Episodes and batches: known and target choices never share a group, and padding has no effect."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from personalrm.models.learned.people import Choices, Episode, collate, group_folds, random_episode, whole_episode

groups = st.lists(st.integers(0, 5), min_size=1, max_size=20)


def choices_in(group: list[int]) -> Choices:
    rows = np.arange(2 * len(group), dtype=np.float32).reshape(2, -1, 1)
    return Choices("ada", rows[0], rows[1], np.array(group))


def apart(one: Episode) -> bool:
    group = one.choices.group
    return not set(group[one.known]) & set(group[one.target])


@given(groups, st.integers(0, 10_000))
def test_random_episodes_split_by_group_and_have_a_target(group: list[int], seed: int) -> None:
    one = random_episode(choices_in(group), np.random.default_rng(seed), 3)
    assert apart(one)
    assert one.target.any()
    assert (one.known ^ one.target).all()
    assert one.person == 3


@given(groups, st.integers(1, 10))
def test_group_folds_target_each_choice_once(group: list[int], parts: int) -> None:
    episodes = list(group_folds(choices_in(group), parts))
    assert all(apart(one) for one in episodes)
    assert all((one.known ^ one.target).all() for one in episodes)
    assert np.array_equal(np.sum([one.target for one in episodes], axis=0), np.ones(len(group)))
    assert len(episodes) == min(parts, len(set(group)))


def test_random_episodes_cover_all_numbers_of_known_groups() -> None:
    draw, choices = np.random.default_rng(0), choices_in(list(range(6)))
    met = {int(random_episode(choices, draw).known.sum()) for _ in range(500)}
    assert met == {0, 1, 2, 3, 4, 5}


@given(st.lists(groups, min_size=1, max_size=4))
def test_collate_pads_without_changing_the_episodes(several: list[list[int]]) -> None:
    people = [choices_in(one) for one in several]
    batch = collate([whole_episode(one, at) for at, one in enumerate(people)])
    assert batch.chosen.shape == (len(people), max(map(len, several)), 1)
    for at, one in enumerate(people):
        n = len(one)
        assert np.array_equal(batch.differences[at, :n].numpy(), one.chosen - one.rejected)
        assert not batch.known[at, n:].any()
        assert not batch.target[at, n:].any()
        assert not batch.differences[at, n:].any()
    assert batch.person.tolist() == list(range(len(people)))
    assert not batch.without_known().known.any()
    assert batch.without_known().target.equal(batch.target)


@given(st.lists(groups, min_size=1, max_size=7), st.integers(1, 5))
def test_split_by_length_keeps_all_users(several: list[list[int]], parts: int) -> None:
    people = [choices_in(one) for one in several]
    found = collate([whole_episode(one, at) for at, one in enumerate(people)]).split_by_length(parts)
    assert sorted(at for one in found for at in one.person.tolist()) == list(range(len(people)))
    lengths = [[len(people[at]) for at in one.person.tolist()] for one in found]
    assert [one for each in lengths for one in each] == sorted(map(len, people))
    for one, length in zip(found, lengths, strict=True):
        assert one.chosen.shape[1] == max(length)
        assert one.known.sum(1).tolist() == length
        for row, at in enumerate(one.person.tolist()):
            n = len(people[at])
            assert np.array_equal(one.differences[row, :n].numpy(), people[at].chosen - people[at].rejected)
