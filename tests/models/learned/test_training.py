"""From people to a model: training and validation people, early stopping, the summary."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from facts import naming

from personalrm.errors import DataError, NotEnoughChoices
from personalrm.models.learned import LearnedModel, Settings, train
from personalrm.models.learned.features import Features, learn_features
from personalrm.models.learned.loop import EpochMetrics
from personalrm.models.learned.model import choices_of
from personalrm.models.learned.shared_reward import learn_shared_reward
from personalrm.models.learned.training import train_validated
from personalrm.models.traits.fit import text_folds
from personalrm.preferences import History, Preference

SHORT = Settings("pref", "traits", members=2, epochs=2)


def with_ties(one: History) -> History:
    return one.only([*one.choices, *(replace(each, id=f"tie-{each.id}", tie=True) for each in one.choices[:3])])


def weights(model: LearnedModel) -> list[dict[str, Any]]:
    return [{name: value.tolist() for name, value in one.state_dict().items()} for one in model.members]


def test_nine_people_are_too_few_and_those_without_a_decided_choice_do_not_count(twenty_people: list[History]) -> None:
    undecided = [one.only(replace(each, tie=True) for each in one) for one in twenty_people[9:]]
    with pytest.raises(NotEnoughChoices, match=r"at least 10 people .*, found 9"):
        train([*twenty_people[:9], *undecided, History("nobody", ())], SHORT)


def test_training_and_validation_people_must_be_disjoint(twenty_people: list[History]) -> None:
    with pytest.raises(DataError, match=naming(f"'{twenty_people[3].user}'")):
        train(twenty_people[:12], SHORT, validation=twenty_people[3:4])
    with pytest.raises(DataError, match="and 1 more"):
        train(twenty_people[:12], SHORT, validation=twenty_people[3:5])


def test_validation_needs_decided_choices(twenty_people: list[History]) -> None:
    with pytest.raises(NotEnoughChoices, match="validation"):
        train(twenty_people[:12], SHORT, validation=[History("nobody", ())])
    with pytest.raises(NotEnoughChoices, match="validation"):
        train(twenty_people[:12], SHORT, validation=[])


def test_ties_and_people_without_choices_have_no_effect(twenty_people: list[History]) -> None:
    plain = train(twenty_people[:12], SHORT)
    other = train([*map(with_ties, twenty_people[:12]), History("nobody", ())], SHORT)
    assert weights(plain) == weights(other)
    assert plain.calibrator == other.calibrator
    assert plain.summary.choices == other.summary.choices == 96
    assert not other.summary.people.holds("nobody")


def test_the_seed_decides_everything(twenty_people: list[History]) -> None:
    first, again, other = (train(twenty_people[:12], replace(SHORT, seed=seed)) for seed in (3, 3, 4))
    assert weights(first) == weights(again)
    assert weights(first) != weights(other)
    assert first.summary.people.salt != again.summary.people.salt  # nobody can be found by comparing two models


def test_each_member_stops_early_on_its_held_out_fold(twenty_people: list[History]) -> None:
    told: list[tuple[int, EpochMetrics]] = []
    model, said = train_validated(
        twenty_people[:15], SHORT, on_epoch=lambda member, point: told.append((member, point))
    )
    assert [member for member, _ in told] == [0, 0, 1, 1]
    assert [len(one) for one in model.summary.curves] == [2, 2]
    assert len(said.choices) == len(said.margins) == len(said.population) == 2 * 3 * 8  # three people a fold
    assert len({one.user for one in said.choices}) == model.summary.validation_people == 6
    assert len({one.id for one in said.choices}) == 48


def test_predictions_are_in_the_order_of_the_choices(twenty_people: list[History]) -> None:
    """In the order of the choices, whoever parts them: with all people in the validation, one by one."""
    model, said = train_validated(twenty_people[:12], SHORT, validation=twenty_people[12:])
    assert model.summary.validation_people == 8
    assert sorted(one.id for one in said.choices) == sorted(one.id for who in twenty_people[12:] for one in who)
    everybody = [model.margins_of([(one.context, one.chosen, one.rejected)]).population[0] for one in said.choices]
    assert np.allclose(said.population, everybody, atol=1e-4)
    assert model.summary.validation_accuracy == pytest.approx((said.margins > 0).mean())
    for one, margin in list(zip(said.choices, said.margins, strict=True))[::7]:
        history = next(who for who in twenty_people if who.user == one.user)
        known = history.only(each for each in history if each.group != one.group)
        found = model.fit(known).compare(one.context, one.chosen, one.rejected).probability
        assert found is not None
        assert np.log(found / (1 - found)) == pytest.approx(margin, abs=1e-3)


def test_with_validation_people_all_members_use_the_whole_population(twenty_people: list[History]) -> None:
    model = train(twenty_people[:12], replace(SHORT, members=3), validation=twenty_people[12:])
    assert len(model.members) == 3
    assert len({str(one) for one in weights(model)}) == 3
    assert model.summary.people.holds(twenty_people[0].user)
    assert not model.summary.people.holds(twenty_people[12].user)


def test_there_are_at_most_as_many_members_as_folds(twenty_people: list[History]) -> None:
    assert len(train(twenty_people[:10], replace(SHORT, members=9, epochs=1)).members) == 5


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"method": "dpo"}, "method 'dpo'"),
        ({"members": 0}, "members.*1.*0"),
        ({"epochs": -1}, "epochs"),
        ({"patience": 0}, "patience"),
        ({"batch_people": 0}, "batch_people"),
        ({"seed": -1}, "seed"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Settings(**{"method": "pref", **wrong})


@pytest.mark.parametrize("features", ["nonsense", "traits+nonsense", "traits+", "", "hf:"])
def test_unknown_features_are_refused(features: str, twenty_people: list[History]) -> None:
    with pytest.raises(DataError, match="encoder: expected minilm"):
        train(twenty_people[:12], replace(SHORT, features=features))


@pytest.fixture(scope="module")
def features(twenty_people: list[History]) -> Features:
    return learn_features("traits", twenty_people, None)


def test_training_scores_are_cross_fitted(twenty_people: list[History], features: Features) -> None:
    """Whatever a fold's people chose, their own scores stay: turned around with the labels, up to a common scale."""
    fold = np.arange(len(twenty_people)) % 5
    plain = [choices_of(one, features) for one in twenty_people]
    turned = [
        choices_of(one.only(map(Preference.flipped, one)) if part == 0 else one, features)
        for one, part in zip(twenty_people, fold, strict=True)
    ]
    scores = []
    for choices in (plain, turned):
        shared_reward, inputs = learn_shared_reward(choices, features, fold, published=False)
        assert shared_reward.base.tolist() == [1.0, *[0.0] * (inputs[0].chosen.shape[1] - 1)]
        scores.append(np.concatenate([one.chosen[:, 0] - one.rejected[:, 0] for one in inputs[::5]]))
    assert np.corrcoef(*scores)[0, 1] < -0.98
    shared_reward, inputs = learn_shared_reward(plain, features, fold, published=False)
    inside = shared_reward.transform(plain[0].chosen)
    assert not np.allclose(inside[:, 0], inputs[0].chosen[:, 0])
    assert np.array_equal(inside[:, 1:], inputs[0].chosen[:, 1:])


def test_the_paper_variant_has_no_shared_reward(twenty_people: list[History], features: Features) -> None:
    choices = [choices_of(one, features) for one in twenty_people]
    shared_reward, inputs = learn_shared_reward(choices, features, np.arange(20) % 5, published=True)
    assert shared_reward.weights is None
    assert not shared_reward.base.any()
    assert inputs == choices
    assert shared_reward.transform(choices[0].chosen) is choices[0].chosen


def test_a_shared_text_does_not_give_away_its_own_score(twenty_people: list[History], features: Features) -> None:
    """Everybody judged the same texts: without text folds, the scores follow the labels of the text itself."""
    fold, plain = np.arange(len(twenty_people)) % 5, [choices_of(one, features) for one in twenty_people]
    same = [replace(plain[0], user=one.user) for one in twenty_people]
    groups = np.tile(plain[0].group, len(same))
    people = np.repeat(np.arange(len(same)), len(plain[0]))
    _, judged = learn_shared_reward(same, features, fold, published=False)
    _, new = learn_shared_reward(same, features, fold, text_folds(people, groups), published=False)
    margins = [np.mean([one.chosen[:, 0] - one.rejected[:, 0] for one in inputs]) for inputs in (judged, new)]
    assert margins[0] > 2.0 * margins[1]
