"""Shrinkage for texts that the population has not judged: folds over people and texts together."""

from __future__ import annotations

import numpy as np
import pytest

from personalrm.models.from_population import Recipe, traits
from personalrm.models.traits import TraitsModel
from personalrm.models.traits import fit as maths
from personalrm.models.traits.fit import text_folds
from personalrm.preferences import History, Message, Preference


def crowd(people: int, texts: int) -> tuple[np.ndarray, np.ndarray]:
    """Everybody judges every text."""
    return np.repeat(np.arange(people), texts), np.tile(np.arange(texts), people)


def test_a_text_lies_in_one_fold_and_private_texts_in_none() -> None:
    person, group = np.array([0, 0, 0, 1, 1, 2, 2]), np.array([0, 1, 2, 0, 1, 0, 3])
    fold = text_folds(person, group)
    assert fold is not None
    assert fold[[2, 6]].tolist() == [-1, -1]  # judged by one person alone
    assert len(set(fold[group == 0])) == len(set(fold[group == 1])) == 1
    assert {int(fold[0]), int(fold[1])} == {0, 1}


def test_folds_of_texts_are_even_the_same_each_time_and_none_where_nobody_shares_two() -> None:
    person, group = crowd(6, 23)
    one, other = text_folds(person, group), text_folds(person, group)
    assert one is not None
    assert other is not None
    assert one.tolist() == other.tolist()
    sizes = np.bincount(one) / 6
    assert sizes.max() - sizes.min() <= 1
    assert text_folds(np.arange(5), np.arange(5)) is None
    assert text_folds(np.array([0, 1, 1]), np.array([0, 0, 1])) is None


def test_every_choice_is_predicted_by_rows_of_other_people_and_other_texts() -> None:
    person, group = crowd(9, 10)
    rng = np.random.default_rng(1)
    x, fold = rng.normal(size=(90, 4)).astype(np.float32), person % 3
    texts = text_folds(person, group)
    assert texts is not None
    crossed = maths.cross_fitted(x, fold, texts)
    for at in (0, 37, 89):
        away = (fold != fold[at]) & (texts != texts[at])
        known = maths.shared_weights(x[away], shrink=crossed.shrink)
        assert crossed.outside[at] == pytest.approx(float(x[at] @ known), abs=1e-2)


def test_texts_that_everybody_judged_alike_call_for_more_shrinkage_on_new_texts() -> None:
    """Features that tell texts apart and say nothing of what is liked: right on seen texts, chance on new ones."""
    person, group = crowd(12, 40)
    rng = np.random.default_rng(2)
    texts = rng.normal(size=(40, 60)) * rng.choice([-1.0, 1.0], size=(40, 1))
    agrees = np.where(rng.random(len(group)) < 0.9, 1.0, -1.0)
    x = (0.3 * texts[group] * agrees[:, None]).astype(np.float32)
    seen = maths.cross_fitted(x, person % 4)
    new = maths.cross_fitted(x, person % 4, text_folds(person, group))
    assert seen.shrink < new.shrink
    assert maths.log_loss(seen.outside) < 0.4
    assert maths.log_loss(new.outside) > 0.65


def voters() -> list[History]:
    """People who judged the same pairs, each in a group of its own."""
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(["good", "egg", "why", "not", "never", "six"], size=12)) for _ in range(24)]

    def choice(user: int, at: int) -> Preference:
        a, b = texts[2 * at : 2 * at + 2]
        a, b = (a, b) if (at * 7 + user // 9) % 2 else (b, a)
        return Preference(f"{user}-{at}", f"u{user}", f"g{at}", (Message("user", f"Question {at}?"),), a, b)

    return [History(f"u{user}", tuple(choice(user, at) for at in range(12))) for user in range(10)]


def test_the_protocol_decides_what_the_shrinkage_is_chosen_for() -> None:
    people = voters()
    for new_texts in (True, False):
        model = traits("traits", Recipe(new_texts=new_texts), lambda: people, 0)
        assert isinstance(model, TraitsModel)
        assert model.prior.lineage["new_texts"] is new_texts
    assert TraitsModel.from_population(people).prior.lineage["new_texts"] is True  # real use


@pytest.mark.parametrize("protocol", ["new-people", "new-people-and-new-texts"])
def test_bench_asks_for_the_shrinkage_of_its_protocol(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from personalrm.bench.plan import Design
    from personalrm.bench.running import run

    asked: list[object] = []
    real = TraitsModel.from_population

    def noted(*given: object, **how: object) -> TraitsModel:
        asked.append(how["new_texts"])
        return real(*given, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(TraitsModel, "from_population", noted)
    run(voters(), ["population"], Design(protocol, folds=2))
    assert set(asked) == {protocol == "new-people-and-new-texts"}
