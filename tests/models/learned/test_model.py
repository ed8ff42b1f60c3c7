"""A trained model: both orders sum to one, score differences are margins, batches equal single users."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from personalrm.models.learned import METHODS, LearnedModel
from personalrm.models.learned.calibrating import Calibrator
from personalrm.preferences import History, Message

pytestmark = pytest.mark.parametrize("name", METHODS)


def asked(twenty_people: list[History]) -> list[tuple[tuple[Message, ...], str, str]]:
    """Pairs of people whom the models have not seen."""
    return [(one.context, one.chosen, one.rejected) for who in twenty_people[18:] for one in who]


@pytest.fixture
def model(name: str, models: dict[str, LearnedModel]) -> LearnedModel:
    """As trained, but that the person's part is trusted."""
    return replace(models[name], calibrator=Calibrator(1.1, 0.9))


def test_both_orders_sum_to_one_and_equal_responses_are_even(model: LearnedModel, twenty_people: list[History]) -> None:
    mine = model.fit(twenty_people[16])
    for context, a, b in asked(twenty_people):
        one, other = mine.compare(context, a, b).probability, mine.compare(context, b, a).probability
        assert one is not None
        assert other is not None
        assert one + other == pytest.approx(1.0, abs=1e-6)
        assert 0.0 < one < 1.0
    assert mine.compare(context, a, a).probability == 0.5
    assert mine.compare(context, a, a).winner is None


def test_compare_many_equals_compare(model: LearnedModel, twenty_people: list[History]) -> None:
    mine, pairs = model.fit(twenty_people[16]), asked(twenty_people)
    assert np.allclose(mine.compare_many(pairs), [mine.compare(*one).probability for one in pairs], atol=1e-5)
    assert mine.compare_many([]).shape == (0,)


def test_differences_of_scores_are_margins(model: LearnedModel, twenty_people: list[History]) -> None:
    mine, pairs = model.fit(twenty_people[16]), asked(twenty_people)[:6]
    parts = mine.margins_of(pairs)
    scores = [mine.score(context, a) - mine.score(context, b) for context, a, b in pairs]
    assert np.allclose(scores, parts.population + parts.personal, atol=1e-4)
    moderated = (parts.population + parts.personal) / np.sqrt(1.0 + np.pi / 8.0 * parts.variance)
    assert np.allclose(mine.compare_many(pairs), 1.0 / (1.0 + np.exp(-moderated)), atol=1e-6)


def test_score_many_equals_single_users(model: LearnedModel, twenty_people: list[History]) -> None:
    who, items = (
        [*twenty_people[16:19], History("nobody", ())],
        [(context, a) for context, a, _ in asked(twenty_people)[:12]],
    )
    scores = model.score_many(who, items)
    assert scores.mean.shape == scores.deviation.shape == (4, len(items))
    for row, one in zip(scores.mean, who, strict=True):
        mine = model.fit(one)
        assert np.allclose(row, [mine.score(*item) for item in items], atol=1e-4)
    assert (scores.deviation >= 0.0).all()
    assert model.score_many([], items).mean.shape == (0, len(items))
    assert model.score_many(who, []).mean.shape == (4, 0)


def test_a_user_without_decided_choices_gets_the_population_reward(
    model: LearnedModel, twenty_people: list[History]
) -> None:
    pairs = asked(twenty_people)
    ties = twenty_people[16].only(replace(one, tie=True) for one in twenty_people[16])
    for nobody in (History("nobody", ()), ties):
        assert np.array_equal(model.fit(nobody).compare_many(pairs), model.compare_many(pairs))
    assert not model.margins_of(pairs).personal.any()


def test_fitting_again_replaces_the_user(model: LearnedModel, twenty_people: list[History]) -> None:
    pairs = asked(twenty_people)
    first = model.fit(twenty_people[16])
    other = first.fit(twenty_people[17])
    assert np.array_equal(other.compare_many(pairs), model.fit(twenty_people[17]).compare_many(pairs))
    assert np.array_equal(first.compare_many(pairs), model.fit(twenty_people[16]).compare_many(pairs))
    assert np.array_equal(other.fit(History("nobody", ())).compare_many(pairs), model.compare_many(pairs))


def test_ties_and_order_have_no_effect(model: LearnedModel, twenty_people: list[History]) -> None:
    pairs, who = asked(twenty_people), twenty_people[16]
    turned = who.only([*reversed(who.choices), *(replace(one, tie=True) for one in twenty_people[17])])
    assert np.allclose(model.fit(who).compare_many(pairs), model.fit(turned).compare_many(pairs), atol=1e-4)


def test_fitting_changes_the_prediction(model: LearnedModel, twenty_people: list[History]) -> None:
    found = model.fit(twenty_people[16]).margins_of(asked(twenty_people))
    assert np.abs(found.personal).max() > 1e-6


def test_personal_scale_zero_gives_the_population_reward(model: LearnedModel, twenty_people: list[History]) -> None:
    pairs, wary = asked(twenty_people), replace(model, calibrator=Calibrator(1.1, 0.0))
    assert np.allclose(wary.fit(twenty_people[16]).compare_many(pairs), wary.compare_many(pairs), atol=1e-12)
    assert not wary.score_many(twenty_people[16:17], [(pairs[0][0], pairs[0][1])]).deviation.any()


def test_the_reason_names_both_parts(model: LearnedModel, twenty_people: list[History]) -> None:
    context, a, b = asked(twenty_people)[0]
    said = model.fit(twenty_people[16]).compare(context, a, b).reasoning
    assert said is not None
    assert "population-level reward" in said
    assert "this person's choices" in said


def test_the_summary_holds_hashes_of_the_training_people_only(
    model: LearnedModel, twenty_people: list[History]
) -> None:
    assert all(model.summary.people.holds(one.user) for one in twenty_people[:16])
    assert not any(model.summary.people.holds(one.user) for one in twenty_people[16:])
    assert model.summary.choices == 16 * 8
    assert 0.0 < model.summary.validation_log_loss < 1.5
    assert twenty_people[0].user not in repr(model.summary)


def test_odd_texts_are_scored(model: LearnedModel, twenty_people: list[History]) -> None:
    mine = model.fit(twenty_people[16])
    for text in ("", " ", "\0", "word " * 5_000, "🙂" * 500, "\ud800"):
        assert np.isfinite(mine.score((), text))
