"""The embedded engine at its front: real people, causes and effects, profiles, and people hard to learn from."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pytest
from choices import choice
from facts import naming
from places import MIRA, ROOT

from personalrm.data.reading import read_history
from personalrm.errors import NotEnoughChoices, ProfileError
from personalrm.models.traits import TraitsModel, leave_group_out
from personalrm.preferences import History, Message
from personalrm.profile.records import JudgeState

ASKED = (Message("user", "How do I boil an egg?"),)
SHORT, LONG = "Six minutes.", "Take a pot of water. " * 30 + "Perhaps you may want to wait until it boils!"


@pytest.fixture(scope="module")
def learned(seventy_people: list[History]) -> TraitsModel:
    return TraitsModel.from_population(seventy_people[:45])


@pytest.fixture(scope="module")
def mira() -> History:
    return read_history(MIRA)


def flipped(history: History) -> History:
    return history.only(one.flipped() for one in history)


def claims_of(model: TraitsModel) -> set[str]:
    """What the persona claims, without the counts."""
    persona = model.profile().persona
    return {claim.text.split(":")[0] for claim in persona.claims} if persona else set()


def likes(model: TraitsModel, history: History) -> float:
    """Mean probability of what was chosen."""
    return float(model.compare_many([(one.context, one.chosen, one.rejected) for one in history]).mean())


def test_unseen_people_are_predicted_better_than_by_length(seventy_people: list[History], learned: TraitsModel) -> None:
    unseen = [one for person in seventy_people[45:] for one in person]
    right = np.concatenate([leave_group_out(learned, person) for person in seventy_people[45:]]) > 0.5
    longer = np.array([len(one.chosen) > len(one.rejected) for one in unseen])
    assert right.mean() > 0.62
    assert right.mean() > longer.mean() - 0.02


def test_leave_group_out_is_fitting_to_the_other_groups(seventy_people: list[History], learned: TraitsModel) -> None:
    person = max(seventy_people[45:], key=len)
    fast = leave_group_out(learned, person)
    for index, one in enumerate(person):
        others = person.only(other for other in person if other.group != one.group)
        fitted = learned.fit(others)
        assert fitted.compare(one.context, one.chosen, one.rejected).probability == pytest.approx(fast[index], abs=1e-6)


def test_swapping_the_responses_swaps_the_probability_exactly(
    seventy_people: list[History], shipped: TraitsModel
) -> None:
    model = shipped.fit(seventy_people[0])
    for person in seventy_people[:12]:
        for one in person:
            ahead = model.compare(one.context, one.chosen, one.rejected).probability
            back = model.compare(one.context, one.rejected, one.chosen).probability
            assert ahead is not None
            assert back is not None
            assert ahead == 1.0 - back
    pairs = [(one.context, one.chosen, one.rejected) for one in seventy_people[1]]
    assert np.array_equal(model.compare_many(pairs), 1.0 - model.compare_many([(c, b, a) for c, a, b in pairs]))


def test_many_at_once_are_as_one_by_one(seventy_people: list[History], shipped: TraitsModel) -> None:
    pairs = [(one.context, one.chosen, one.rejected) for person in seventy_people[:8] for one in person]
    single = [shipped.compare(*pair).probability for pair in pairs]
    assert np.allclose(shipped.compare_many(pairs), single, atol=1e-12)
    assert shipped.compare_many([]).shape == (0,)


def test_scores_are_log_odds(seventy_people: list[History], shipped: TraitsModel) -> None:
    model = shipped.fit(seventy_people[3])
    for one in seventy_people[3]:
        gap = model.score(one.context, one.chosen) - model.score(one.context, one.rejected)
        probability = model.compare(one.context, one.chosen, one.rejected).probability
        assert probability is not None
        assert (gap > 0) == (probability > 0.5)
        assert abs(gap) >= abs(np.log(probability / (1 - probability))) - 1e-9  # averaging moderates


def test_flipping_every_label_flips_what_is_learned(mira: History, shipped: TraitsModel) -> None:
    ahead, back = shipped.fit(mira), shipped.fit(flipped(mira))
    assert likes(ahead, mira) > likes(shipped, mira) + 0.1
    assert likes(back, mira) < likes(shipped, mira) - 0.02
    said, opposite = claims_of(ahead), claims_of(back)
    assert said
    assert not said & opposite


def test_another_persons_choices_do_not_help(
    mira: History, seventy_people: list[History], shipped: TraitsModel
) -> None:
    own = likes(shipped.fit(mira), mira)
    assert all(own > likes(shipped.fit(other), mira) for other in seventy_people[:20])


def test_a_fit_leaves_its_prior_as_it_was(mira: History, shipped: TraitsModel) -> None:
    before = likes(shipped, mira)
    shipped.fit(mira)
    assert likes(shipped, mira) == before


def test_claims_rest_on_the_persons_own_choices(mira: History, shipped: TraitsModel) -> None:
    profile = shipped.fit(mira).profile()
    assert profile.persona is not None
    assert 1 <= len(profile.persona.claims) <= 5
    ids = {one.id for one in mira}
    for claim in profile.persona.claims:
        assert set(claim.supporting) | set(claim.opposing) <= ids
        assert not set(claim.supporting) & set(claim.opposing)
        assert len(claim.supporting) >= 3
        assert f"{len(claim.supporting)} of {len(claim.supporting) + len(claim.opposing)} choices" in claim.text
        assert claim.text.split(",")[0].removeprefix("Prefers ") in profile.persona.summary
        assert claim.q_value is not None
        assert claim.q_value <= 0.1
    assert any("hedging" in claim.text for claim in profile.persona.claims)  # Mira avoids it in every choice
    assert profile.fallback.chosen == "persona"
    assert profile.fallback.gain is not None
    assert profile.fallback.gain > 0.1
    assert profile.demonstrations
    assert profile.demonstrations == tuple(sorted(profile.demonstrations, key=lambda one: -(one.worth or 0)))


def test_a_claim_that_counts_under_80_words_counts_right(shipped: TraitsModel) -> None:
    words = "pot of water on the stove with some salt in it "
    history = History("ada", tuple(choice(i, words * 2 + f"{i}.", words * 15 + f"{i}.") for i in range(12)))
    profile = shipped.fit(history).profile()
    assert profile.persona is not None
    claim = next(one for one in profile.persona.claims if "words" in one.text and "under" in one.text)
    limit = int(claim.text.split("under ")[1].split(" ")[0])
    assert limit == 80  # in the middle of the round numbers that part 23 from 166 words
    assert claim.supporting == tuple(f"c{i}" for i in range(12))


def test_a_profile_predicts_exactly_as_before_it_was_saved(seventy_people: list[History], learned: TraitsModel) -> None:
    from dataclasses import replace

    for person in seventy_people[45:50]:
        fitted = learned.fit(person)
        profile = fitted.profile()
        assert profile.traits is not None
        state = orjson.loads(orjson.dumps(profile.traits.state))
        back = TraitsModel.from_profile(replace(profile, engine=replace(profile.traits, state=state)))
        for one in seventy_people[60]:
            assert back.compare(one.context, one.chosen, one.rejected) == fitted.compare(
                one.context, one.chosen, one.rejected
            )


def test_the_weights_in_the_profile_are_those_that_count(mira: History, shipped: TraitsModel) -> None:
    profile = shipped.fit(mira).profile()
    assert profile.traits is not None
    weights = {one.trait: one for one in profile.traits.weights}
    assert weights["hedging words"].person < weights["hedging words"].population
    assert all(0 < one.sd < 1 for one in weights.values())


def test_a_persona_that_surely_hurts_is_not_used(shipped: TraitsModel, mira: History) -> None:
    words = [one for i, one in enumerate(mira) if i < 12]
    # Opposite tastes in neighbouring groups: what one teaches, the next denies.
    torn = History("ada", tuple(one if i % 2 else one.flipped() for i, one in enumerate(words)))
    fitted = shipped.fit(torn)
    profile = fitted.profile()
    if profile.fallback.chosen == "default":
        assert likes(fitted, mira) == likes(shipped, mira)
        assert "not used" in profile.fallback.reason
    scores = profile.fallback.arms
    assert scores["persona"].log_loss is not None
    assert scores["default"].log_loss is not None
    assert scores["persona"].log_loss > scores["default"].log_loss - 0.05


def test_contradictory_choices_teach_nearly_nothing(shipped: TraitsModel) -> None:
    torn = History("ada", (choice(1, SHORT, LONG, context=ASKED), choice(2, LONG, SHORT, context=ASKED)))
    alone = shipped.compare(ASKED, SHORT, LONG).probability
    assert shipped.fit(torn).compare(ASKED, SHORT, LONG).probability == pytest.approx(alone, abs=0.15)
    assert any("contradict" in note for note in shipped.fit(torn).profile().notes)


def test_one_choice_is_enough_to_begin_and_too_few_to_claim(shipped: TraitsModel) -> None:
    fitted = shipped.fit(History("ada", (choice(1, SHORT, LONG),)))
    profile = fitted.profile()
    assert profile.persona is None
    assert any("No persona" in note for note in profile.notes)
    assert profile.fallback.gain is None
    before, after = shipped.compare(ASKED, SHORT, LONG).probability, fitted.compare(ASKED, SHORT, LONG).probability
    assert before is not None
    assert after is not None
    assert after > before


def test_only_ties_leave_the_population(shipped: TraitsModel) -> None:
    ties = History("ada", tuple(choice(i, SHORT, LONG, tie=True) for i in range(4)))
    fitted = shipped.fit(ties)
    profile = fitted.profile()
    assert profile.persona is None
    assert profile.fallback.chosen == "default"
    assert "No decided choice" in profile.fallback.reason
    assert any("4 of 4 choices are ties" in note for note in profile.notes)
    assert fitted.compare(ASKED, SHORT, LONG).probability == shipped.compare(ASKED, SHORT, LONG).probability
    assert len(leave_group_out(shipped, ties)) == 0


def test_ties_are_skipped(mira: History, shipped: TraitsModel) -> None:
    more = History("mira", (*mira, choice(99, LONG, SHORT, tie=True)))
    assert np.array_equal(shipped.fit(more).departure, shipped.fit(mira).departure)


@pytest.mark.parametrize("text", ["", "Six minutes.", "🥚🥚 六分钟 шесть минут", "x" * 200_000])
def test_equal_responses_are_exactly_even(text: str, mira: History, shipped: TraitsModel) -> None:
    verdict = shipped.fit(mira).compare(ASKED, text, text)
    assert verdict.probability == 0.5
    assert "favoured" not in (verdict.reasoning or "favoured")


@pytest.mark.parametrize("a", ["", "word " * 40_000, "🥚" * 50_000, "你好，世界。" * 1000, "\ud800 lone", "\0"])
def test_strange_texts_are_compared(a: str, mira: History, shipped: TraitsModel) -> None:
    verdict = shipped.fit(mira).compare((), a, "Six minutes, then cold water.")
    assert verdict.probability is not None
    assert 0.0 < verdict.probability < 1.0
    assert verdict.reasoning is not None


def test_reasoning_names_what_decided(shipped: TraitsModel) -> None:
    refusal = "I cannot help with that. As an AI language model, I have no personal opinions."
    verdict = shipped.compare(ASKED, refusal, "Boil the egg for six minutes, then put it into cold water and peel it.")
    assert verdict.probability is not None
    assert verdict.probability < 0.4
    assert (verdict.reasoning or "").startswith("B is favoured by ")


def test_nobody_to_learn_from_is_said() -> None:
    with pytest.raises(NotEnoughChoices, match="no decided choice"):
        TraitsModel.from_population([])
    with pytest.raises(NotEnoughChoices, match="no decided choice"):
        TraitsModel.from_population([History("ada", (choice(1, SHORT, LONG, tie=True),))])


def test_a_tiny_population_is_used_with_caution(seventy_people: list[History]) -> None:
    for some in (seventy_people[:1], seventy_people[:2], [History("ada", (choice(1, SHORT, LONG),))]):
        model = TraitsModel.from_population(some)
        probabilities = model.compare_many([(one.context, one.chosen, one.rejected) for one in seventy_people[30]])
        assert np.isfinite(probabilities).all()
        assert np.all((probabilities > 0.02) & (probabilities < 0.98))


def test_the_same_population_gives_the_same_prior(seventy_people: list[History]) -> None:
    one, other = (TraitsModel.from_population(iter(seventy_people[:20]), seed=4).prior.as_json() for _ in range(2))
    assert one == other
    assert one["lineage"]["people"] == 20


def test_the_shipped_prior_tells_where_it_comes_from_and_quotes_nobody() -> None:
    file = ROOT / "src/personalrm/models/traits/prior.json"
    assert file.stat().st_size < 65_000
    prior = TraitsModel.shipped().prior
    assert prior.lineage["sources"] == ["prism.jsonl.gz", "mt_bench.jsonl.gz", "crowdrag.jsonl.gz"]
    assert "train_prior" in prior.lineage["command"]
    state = orjson.loads(file.read_bytes())
    numbers = [value for key, value in state.items() if key not in ("lineage", "traits", "people", "gain", "sure")]
    numbers += [list(one.values()) for one in (*state["gain"], *state["sure"])]
    assert all(isinstance(leaf, float | int) for value in numbers for leaf in np.ravel(value).tolist())


def test_the_shipped_prior_knows_how_people_differ_and_what_own_weights_gained() -> None:
    prior = TraitsModel.shipped().prior
    assert prior.lineage["new_texts"] is True
    off_diagonal = prior.covariance - np.diag(np.diag(prior.covariance))
    assert np.abs(off_diagonal).max() > 1e-3
    assert [at.groups for at in prior.gain.at][:4] == [2, 3, 5, 8]
    assert all(at.people >= 30 for at in prior.gain.at)


def test_damaged_and_foreign_profiles_are_refused(mira: History, shipped: TraitsModel) -> None:
    from dataclasses import replace

    profile = shipped.fit(mira).profile()
    assert profile.traits is not None
    with pytest.raises(ProfileError, match=naming("traits")):
        TraitsModel.from_profile(replace(profile, engine=JudgeState()))
    with pytest.raises(ProfileError, match="damaged"):
        TraitsModel.from_profile(replace(profile, engine=replace(profile.traits, state={"prior": {}})))
    prior = {**shipped.prior.as_json(), "traits": ["another"]}
    other = {**profile.traits.state, "prior": prior}
    with pytest.raises(ProfileError, match="another version"):
        TraitsModel.from_profile(replace(profile, engine=replace(profile.traits, state=other)))
    with pytest.raises(ProfileError, match="fit"):
        shipped.profile()


@pytest.mark.parametrize(
    "part", ["departure", "covariance", "centre", "scale", "weights", "words", "kinds", "covariance of people"]
)
@pytest.mark.parametrize("damage", [lambda values: values[:-1], lambda values: [None, *values[1:]]])
def test_weights_that_are_cut_off_or_no_numbers_are_refused(
    part: str, damage: Callable[[list[object]], list[object]], mira: History, shipped: TraitsModel
) -> None:
    from dataclasses import replace

    profile = shipped.fit(mira).profile()
    assert profile.traits is not None
    state = orjson.loads(orjson.dumps(profile.traits.state))
    holder = state if part in state else state["prior"]
    part = part.removesuffix(" of people")
    holder[part] = damage(holder[part])
    with pytest.raises(ProfileError, match="damaged"):
        TraitsModel.from_profile(replace(profile, engine=replace(profile.traits, state=state)))


def test_the_recipe_writes_a_prior_that_predicts(tmp_path: Path, seventy_people: list[History]) -> None:
    from personalrm.data.writing import write_choices
    from personalrm.models.traits.prior import Prior
    from personalrm.models.traits.train_prior import main

    some, out = tmp_path / "some.jsonl", tmp_path / "prior.json"
    write_choices(some, (one for person in seventy_people[:30] for one in person))
    main([str(some), "--out", str(out)])
    prior = Prior.from_json(orjson.loads(out.read_bytes()))
    assert prior.lineage["sources"] == ["some.jsonl"]
    assert str(tmp_path) not in out.read_text()
    model = TraitsModel.from_prior(prior)
    assert np.mean([likes(model, person) for person in seventy_people[30:60]]) > 0.52


def test_the_recipe_keeps_about_as_many_choices_of_each_file(seventy_people: list[History]) -> None:
    from personalrm.models.traits.train_prior import people_with_choices

    kept = people_with_choices(seventy_people, 100)
    counts = [len(one.decided) for one in kept]
    assert sum(counts[:-1]) < 100 <= sum(counts)
    assert kept == people_with_choices(seventy_people, 100)
    assert [one.user for one in kept] != [one.user for one in people_with_choices(seventy_people, 100, seed=1)]
    assert people_with_choices(seventy_people, None) == people_with_choices(seventy_people, 10**6) == seventy_people


def test_profiles_with_an_earlier_shipped_prior_are_recognised() -> None:
    from personalrm.models.traits.shipped import is_shipped, shipped_prior

    old = orjson.loads((ROOT / "tests/profile/old/traits.json").read_bytes())
    lineage = _lineage_in(old)
    assert is_shipped(lineage, encoder=False)
    assert not is_shipped(lineage, encoder=True)
    assert is_shipped(shipped_prior().lineage, encoder=False)
    assert not is_shipped({**lineage, "sources": ["mine.jsonl"]}, encoder=False)


def _lineage_in(profile: object) -> dict[str, object]:
    """The first lineage with sources in a profile as JSON."""
    parts = list(profile.values()) if isinstance(profile, dict) else profile if isinstance(profile, list) else []
    if isinstance(profile, dict) and "sources" in profile:
        return profile
    return next((found for one in parts if (found := _lineage_in(one))), {})


def test_a_fit_loads_neither_scipy_nor_torch() -> None:
    code = (
        "import sys, pathlib\n"
        "from personalrm.data.reading import read_history\n"
        "from personalrm.models.traits import TraitsModel\n"
        "TraitsModel.shipped().fit(read_history('examples/mira.jsonl')).profile()\n"
        "print(any(name in sys.modules for name in ('scipy', 'sklearn', 'torch')),"
        "next(line.split()[1] for line in pathlib.Path('/proc/self/status').read_text().splitlines()"
        " if line.startswith('VmHWM')))"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy, peak = answer.stdout.split()
    assert heavy == "False"
    assert int(peak) < 150_000
