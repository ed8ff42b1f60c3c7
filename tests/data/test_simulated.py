"""Simulated people: their texts carry the traits, their choices follow their taste, and nothing else tells it."""

from __future__ import annotations

import random
from datetime import datetime

import numpy as np
import pytest

from personalrm.data.simulated import (
    AVERAGE,
    QUALITY,
    TRAITS,
    WORDS,
    Setting,
    SimulatedPerson,
    simulate,
    simulate_people,
    traits,
    utility,
)
from personalrm.data.simulated_texts import TOPICS, write_prompt, write_response
from personalrm.preferences import Message, Preference

SHORT = {"prompt_tokens": 40, "response_tokens": 80}


def gain(taste: dict[str, float], choice: Preference) -> float:
    return utility(taste, choice.context, choice.chosen) - utility(taste, choice.context, choice.rejected)


def agreement(people: list[SimulatedPerson], part: slice = slice(None)) -> float:
    """Share of choices on which the person's first taste would have chosen as the person did."""
    return float(np.mean([gain(p.taste, c) > 0 for p in people for c in p.history.choices[part]]))


def test_the_same_setting_gives_the_same_people_whatever_their_number() -> None:
    few, many = simulate_people(2, seed=4, **SHORT), simulate_people(5, seed=4, **SHORT)
    assert many[:2] == few
    assert simulate_people(2, seed=5, **SHORT) != few


def test_ids_groups_and_times_are_in_order() -> None:
    histories = simulate_people(6, choices=9, groups=2, **SHORT)
    ids = [choice.id for history in histories for choice in history]
    assert len(set(ids)) == len(ids) == 54
    for history in histories:
        assert {choice.user for choice in history} == {history.user}
        times = [datetime.fromisoformat(choice.time or "") for choice in history]
        assert times == sorted(set(times))
        assert all(time.utcoffset() is not None for time in times)
        groups = [choice.group for choice in history]
        assert [groups.count(group) for group in dict.fromkeys(groups)] == [2, 2, 2, 2, 1]
        for first, second in zip(history.choices[::2], history.choices[1::2], strict=False):
            assert first.context == second.context
            assert {first.chosen, first.rejected} & {second.chosen, second.rejected}


def test_people_are_marked_as_simulated() -> None:
    assert all(history.user.startswith("simulated-") for history in simulate_people(3, choices=1, **SHORT))


def test_lengths_are_as_asked_for() -> None:
    choices = [choice for history in simulate_people(20) for choice in history]
    prompts = [len(choice.context[0].content) / 4 for choice in choices]
    responses = [len(text) / 4 for choice in choices for text in (choice.chosen, choice.rejected)]
    assert 140 < np.mean(prompts) < 160
    assert 225 < np.mean(responses) < 290
    short = [len(c.chosen) / 4 for history in simulate_people(20, **SHORT) for c in history]
    assert np.mean(short) < 120


@pytest.mark.parametrize("trait", [*TRAITS, QUALITY])
def test_a_trait_asked_for_is_really_in_the_text(trait: str) -> None:
    rng = random.Random(trait)
    found = {}
    for level in (-1.5, 1.5):
        values = []
        for topic in TOPICS * 3:
            context = [Message("user", write_prompt(rng, topic))]
            values.append(traits(context, write_response(rng, topic, {trait: level}))[trait])
        found[level] = np.mean(values)
    assert found[1.5] - found[-1.5] > 1.5


def test_without_noise_the_better_response_is_always_chosen() -> None:
    people = simulate(10, Setting(noise=0, **SHORT))
    assert agreement(people) == 1.0


def test_more_noise_makes_choices_less_predictable() -> None:
    quiet, loud = (agreement(simulate(40, Setting(noise=noise, **SHORT))) for noise in (0.5, 4.0))
    assert quiet > 0.88
    assert 0.55 < loud < quiet - 0.1


def test_choices_give_the_taste_back_to_a_regression_on_the_traits() -> None:
    person = simulate(1, Setting(choices=600, seed=2, **SHORT))[0]
    rows = np.array(
        [
            [
                a - b
                for a, b in zip(
                    traits(c.context, c.chosen).values(), traits(c.context, c.rejected).values(), strict=True
                )
            ]
            for c in person.history
        ]
    )
    weights = np.zeros(rows.shape[1])
    for _ in range(400):
        weights += 0.5 * (rows.T @ (1 / (1 + np.exp(rows @ weights)))) / len(rows)
    truth = np.array(list(person.taste.values()))
    assert np.corrcoef(weights, truth)[0, 1] > 0.95


def test_at_strength_0_nobody_has_a_taste_of_their_own() -> None:
    assert all(person.taste == dict(AVERAGE) for person in simulate(5, Setting(strength=0, choices=2, **SHORT)))
    tastes = [person.taste for person in simulate(5, Setting(choices=2, **SHORT))]
    assert all(max(abs(taste[name] - AVERAGE[name]) for name in TRAITS) > 0.8 for taste in tastes)


def test_the_taste_of_one_person_does_not_explain_another() -> None:
    people = simulate(40, Setting(**SHORT))
    others = [gain(people[at - 1].taste, c) > 0 for at in range(40) for c in people[at].history]
    assert agreement(people) > 0.82
    assert np.mean(others) < 0.65


def test_after_drift_the_first_taste_explains_only_the_first_half() -> None:
    people = simulate(40, Setting(choices=20, drift=1.0, **SHORT))
    assert all(person.drift_at == 10 and person.later != person.taste for person in people)
    assert agreement(people, slice(0, 10)) > agreement(people, slice(10, 20)) + 0.12
    steady = simulate(1, Setting(choices=20, **SHORT))[0]
    assert steady.drift_at == 20
    assert steady.later == steady.taste


def test_reasons_name_what_the_person_really_likes() -> None:
    people = simulate(10, Setting(reasons=1.0, **SHORT))
    spoken = {words: (name, sign) for name, pair in WORDS.items() for words, sign in zip(pair, (1, -1), strict=True)}
    for person in people:
        for choice in person.history:
            name, sign = spoken[choice.reason or ""]
            assert person.taste[name] * sign > 0
    assert all(c.reason is None for history in simulate_people(3, **SHORT) for c in history)


def test_neither_writing_order_nor_length_gives_the_choice_away() -> None:
    choices = [c for history in simulate_people(60, groups=2, **SHORT) for c in history]
    first_of_group = choices[::2]
    shown_first = np.mean([choice.chosen_first(0) for choice in first_of_group])
    longer = np.mean([len(choice.chosen) > len(choice.rejected) for choice in choices])
    assert 0.42 < shown_first < 0.58
    assert 0.42 < longer < 0.65
