"""Claims of the embedded engine: none from chance or from the population's taste, some from a user's own."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from personalrm.data.simulated import simulate_people
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.claims import FDR, claims
from personalrm.models.traits.person import Evidence
from personalrm.preferences import History, Message, Preference
from personalrm.stats.intervals import benjamini_hochberg


def claimed(model: TraitsModel, history: History) -> int:
    persona = model.fit(history).profile().persona
    return 0 if persona is None else len(persona.claims)


@pytest.mark.parametrize("choices", [8, 15, pytest.param(30, marks=pytest.mark.slow)])
def test_coins_give_hardly_anybody_a_claim(shipped: TraitsModel, choices: int) -> None:
    """Texts of 60 simulated people, labels by coin: the share with a claim is the false-discovery rate at most."""
    draw = random.Random(choices)
    people = simulate_people(60, choices=choices, seed=8, prompt_tokens=30, response_tokens=100)
    coins = [one.only(each if draw.random() < 0.5 else each.flipped() for each in one) for one in people]
    with_claim = sum(claimed(shipped, one) > 0 for one in coins)
    assert with_claim <= 0.15 * len(people)  # 0.10 and two standard errors at 60 people would be 0.18


def test_what_everybody_likes_is_no_claim(shipped: TraitsModel) -> None:
    """Labels drawn by the population's own weights: the user has no part of their own."""
    draw = np.random.default_rng(0)
    people = simulate_people(60, choices=15, seed=5, prompt_tokens=30, response_tokens=100)
    found = 0
    for one in people:
        chance = shipped.compare_many([(each.context, each.chosen, each.rejected) for each in one])
        labels = draw.random(len(chance)) < chance
        found += (
            claimed(shipped, one.only(each if kept else each.flipped() for each, kept in zip(one, labels, strict=True)))
            > 0
        )
    assert found <= 0.15 * len(people)


def test_a_claim_needs_the_user_s_own_part(shipped: TraitsModel) -> None:
    """Where the population's log-odds explain every choice, nothing is left to claim."""
    [person] = simulate_people(1, choices=30, seed=3)
    evidence = shipped.evidence(person.decided)
    explained = Evidence(np.full(len(evidence.offset), 9.0), evidence.t, evidence.groups)
    assert claims(person.decided, explained, shipped.prior.covariance).claims == ()


def loud(number: int) -> Preference:
    context = (Message("user", "How long does it take?"),)
    chosen, rejected = f"It takes {number} minutes! Enjoy!", f"It takes {number} minutes. Enjoy."
    return Preference(id=str(number), user="u", group=str(number), context=context, chosen=chosen, rejected=rejected)


def test_a_unanimous_taste_is_claimed_with_its_counts_and_its_rate(shipped: TraitsModel) -> None:
    history = History("u", tuple(loud(number) for number in range(10, 24)))
    profile = shipped.fit(history).profile()
    assert profile.persona is not None
    [claim] = [one for one in profile.persona.claims if "exclamation" in one.text]
    assert "more than people in general" in claim.text
    assert "14 of 14" in claim.text
    assert claim.q_value is not None
    assert claim.q_value <= FDR
    flipped = shipped.fit(history.only(one.flipped() for one in history)).profile()
    assert flipped.persona is not None
    assert any("without exclamation" in one.text for one in flipped.persona.claims)


def test_five_choices_are_too_few_for_a_claim(shipped: TraitsModel) -> None:
    assert claimed(shipped, History("u", tuple(loud(number) for number in range(10, 15)))) == 0


def test_many_choices_are_tested_by_the_normal_distribution_alike(shipped: TraitsModel) -> None:
    few = History("u", tuple(loud(number) for number in range(10, 200)))
    many = History("u", tuple(loud(number) for number in range(10, 400)))
    for history in (few, many):
        assert claimed(shipped, history) >= 1
        coin = history.only(replace(one) if at % 2 else one.flipped() for at, one in enumerate(history))
        assert claimed(shipped, coin) == 0


def test_q_values_are_those_of_benjamini_and_hochberg() -> None:
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.20), method = "BH")
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.20]) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.20])
    assert benjamini_hochberg([]) == []
