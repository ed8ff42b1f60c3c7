"""Thumbs on single responses: a threshold per person, learned beside their weights, and how people's differ."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from personalrm.client import Client
from personalrm.data.reading import read_history
from personalrm.errors import DataError
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.prior import Prior
from personalrm.models.traits.thumbs import USUAL, Threshold, learned
from personalrm.models.traits.whole import WholeEvidence, learned_threshold, rewards_of, single_thumbs
from personalrm.preferences import History, Message, Thumb
from personalrm.profile.file import load, save

WORDS = ("Yes.", "Certainly, and gladly so!", "- one\n- two", "It depends on many things.", "No, 7 of them.")


def thumbs_of(model: TraitsModel, threshold: float, rng: np.random.Generator, count: int, user: str) -> History:
    """A simulated person who gives a thumb up with probability σ(reward − threshold)."""
    texts = [f"{WORDS[at % 5]} {'word ' * int(rng.integers(0, 40))}{at}" for at in range(count)]
    rewards = np.array([model.score((), one) for one in texts])
    up = rng.random(count) < 1.0 / (1.0 + np.exp(threshold - rewards))
    given = [
        Thumb(one, bool(liked), user, group=f"g{at}") for at, (one, liked) in enumerate(zip(texts, up, strict=True))
    ]
    return History(user, (), tuple(given))


def whole(model: TraitsModel, history: History, threshold: Threshold = USUAL) -> WholeEvidence:
    reader, encoder = model.tools.reader, model.tools.encoder
    return WholeEvidence.of(history, (), lambda items: rewards_of(model.prior, reader, encoder, items), threshold)


@pytest.mark.parametrize("threshold", [-2.5, 0.0, 2.5])
def test_a_generous_and_a_strict_person_are_told_from_their_taste(threshold: float) -> None:
    model = TraitsModel.shipped()
    evidence = whole(model, thumbs_of(model, threshold, np.random.default_rng(3), 150, "ada"))
    mean, variance = evidence.threshold_posterior(model.prior.covariance)
    assert abs(mean - threshold) < 3.0 * variance**0.5
    assert variance**0.5 < 1.0  # 2 before


def test_what_thumbs_say_is_of_the_response_they_are_on() -> None:
    model = TraitsModel.shipped()
    long, short = (f"{'word ' * 60}{at}" for at in range(12)), (f"Word {at}." for at in range(12))
    given = [Thumb(one, False, "ada") for one in long] + [Thumb(one, True, "ada") for one in short]
    likes_short = model.fit(History("ada", (), tuple(given)))
    nothing = model.fit(History("bob", ()))
    pair = ((), "Word.", "word " * 60)
    assert likes_short.compare(*pair).probability > nothing.compare(*pair).probability + 0.05  # type: ignore[operator]
    turned = model.fit(History("eve", (), tuple(Thumb(one.response, not one.liked, "eve") for one in given)))
    assert turned.compare(*pair).probability < nothing.compare(*pair).probability - 0.05  # type: ignore[operator]


def test_the_threshold_s_distribution_is_learned_from_people() -> None:
    model, rng = TraitsModel.shipped(), np.random.default_rng(5)
    people = [thumbs_of(model, float(rng.normal(-2.0, 0.6)), rng, 20, f"u{at}") for at in range(20)]
    reader, encoder = model.tools.reader, model.tools.encoder

    def rewards(items: object) -> tuple[np.ndarray, np.ndarray]:
        return rewards_of(model.prior, reader, encoder, items)  # type: ignore[arg-type]

    found = learned_threshold(people, rewards, model.prior.covariance)
    assert -2.2 < found.mean < -0.9
    assert found.deviation < 1.5
    assert learned_threshold(people[:3], rewards, model.prior.covariance) == USUAL


def test_expectation_and_maximisation_on_known_posteriors() -> None:
    found = learned(range(1000), lambda at, _: (1.0 if at % 2 else 3.0, 0.0))
    assert found.mean == pytest.approx(2.0, abs=0.05)
    assert found.deviation == pytest.approx(1.0, abs=0.05)


def test_the_learned_distribution_is_the_best_one_by_brute_force() -> None:
    """Penalised likelihood of 14 strict people by numerical integration, on a grid of means and deviations."""
    ups, points = np.array([0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4]), np.linspace(-12.0, 12.0, 1_201)
    chance = 1.0 / (1.0 + np.exp(points))  # of a thumb up, at each threshold; every reward is 0
    likelihood = chance ** ups[:, None] * (1.0 - chance) ** (10 - ups[:, None])

    def weights_of(threshold: Threshold) -> np.ndarray:
        normal = np.exp(-0.5 * ((points - threshold.mean) / threshold.deviation) ** 2) / threshold.deviation
        return likelihood * normal

    def posterior(at: int, threshold: Threshold) -> tuple[float, float]:
        weights = weights_of(threshold)[at]
        mean = float(np.average(points, weights=weights))
        return mean, float(np.average((points - mean) ** 2, weights=weights))

    def value(one: Threshold) -> float:
        (mean, deviation), (usual, wide) = one, USUAL
        prior = 5.0 * ((mean - usual) / wide) ** 2 + 5.0 * (2.0 * np.log(deviation) + (wide / deviation) ** 2)
        return float(np.log(weights_of(one).sum(axis=1)).sum() - prior)

    grid = [Threshold(float(m), float(s)) for m in np.arange(0.5, 2.5, 0.04) for s in np.arange(0.8, 2.4, 0.04)]
    best, found = max(grid, key=value), learned(range(len(ups)), posterior)
    assert found == pytest.approx(best, abs=0.04)
    assert value(found) >= value(best) - 1e-3


def test_people_alike_in_strictness_are_not_taken_for_different() -> None:
    """The distance of all people from the usual mean is no difference among them."""
    near, far = (learned(range(20), lambda at, _, mean=mean: (mean, 0.1)) for mean in (0.0, 3.0))
    assert far.mean > 2.5
    assert far.deviation < near.deviation + 0.1


def test_a_prior_keeps_its_threshold_and_the_usual_one_is_not_written() -> None:
    prior = TraitsModel.shipped().prior
    state = prior.as_json()
    assert "threshold" not in state
    again = Prior.from_json({**state, "threshold": [-1.5, 0.75]})
    assert again.threshold == Threshold(-1.5, 0.75)
    assert again.as_json()["threshold"] == [-1.5, 0.75]


def test_a_person_of_thumbs_alone_is_fitted_saved_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "thumbs.jsonl"
    lines = [f'{{"prompt": "Ask {at}", "completion": "{"word " * (50 if at % 2 else 1)}{at}", ' for at in range(16)]
    path.write_text("".join(f'{line}"label": {"false" if at % 2 else "true"}}}\n' for at, line in enumerate(lines)))
    history = read_history(path)
    assert (len(history.thumbs), len(history)) == (16, 0)
    client = Client()
    profile = client.fit(history)
    assert profile.fallback.chosen == "persona"
    assert "16 thumbs" in profile.fallback.reason
    save(profile, tmp_path / "ada.json")
    again = load(tmp_path / "ada.json")
    verdict = asyncio.run(client.acompare(again, "Ask", "Word.", "word " * 50))
    assert (verdict.probability or 0.0) > 0.5
    assert again.history.thumbs == history.thumbs


def test_a_thumb_that_made_a_pair_counts_once(few: list[History]) -> None:
    """The service keeps every thumb, and makes a pair of an up and a down on one prompt."""
    model, pairs = TraitsModel.shipped(), few[0]
    texts = [(one, text) for one in pairs for text in (one.chosen, one.rejected)]
    made = [Thumb(text, text == one.chosen, pairs.user, one.context) for one, text in texts]
    both = History(pairs.user, pairs.choices, tuple(made))
    assert single_thumbs(both) == []
    np.testing.assert_array_equal(model.posterior(both)[0], model.posterior(pairs)[0])
    alone = Thumb("Another answer.", True, pairs.user, pairs.choices[0].context)
    assert single_thumbs(History(pairs.user, pairs.choices, (*made, alone))) == [alone]


def test_an_update_with_thumbs_loses_none(tmp_path: Path) -> None:
    client = Client()
    first = tuple(Thumb(f"Answer {at}.", True, context=(Message("user", f"Ask {at}"),)) for at in range(6))
    profile = client.fit(History("me", (), first))
    save(profile, tmp_path / "me.json")
    changed = replace(first[0], liked=False)
    fresh = Thumb("Another.", False)
    updated = client.update(profile, History("me", (), (changed, fresh)))
    assert updated.history.thumbs == (changed, *first[1:], fresh)
    save(updated, tmp_path / "me.json")  # the same person's, by the thumbs that both hold
    assert load(tmp_path / "me.json").history.thumbs == updated.history.thumbs
    with pytest.raises(DataError, match="bob"):
        client.update(client.fit(History("ada", (), first)), History("bob", (), (fresh,)))
