"""Answering only when sure: thresholds are learned with the prior, kept in the profile, and hold on other people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from command_line import Run
from facts import naming, tells
from places import MIRA

from personalrm import Client
from personalrm.data.reading import read_history
from personalrm.data.simulated import simulate_people
from personalrm.data.splits import folds_by_person
from personalrm.errors import DataError, ProfileError
from personalrm.models.traits import TraitsModel, leave_group_out
from personalrm.models.traits import sure as thresholds
from personalrm.preferences import History
from personalrm.profile.file import save
from personalrm.profile.records import Profile
from personalrm.stats.selective import SureThreshold

QUESTION, BRIEF = "How long does pasta take?", "Nine minutes."
LONG = "That may depend on many things! Perhaps check the packet, and enjoy. I am only a language model."


@pytest.fixture(scope="module")
def mira() -> Profile:
    return TraitsModel.shipped().fit(read_history(MIRA)).profile()


def with_thresholds(profile: Profile, *known: SureThreshold) -> Profile:
    assert profile.traits is not None
    state = dict(profile.traits.state)
    prior = {**state["prior"], "sure": thresholds.as_json(known)}  # type: ignore[dict-item]
    return replace(profile, engine=replace(profile.traits, state={**state, "prior": prior}))


def test_the_shipped_prior_promises_risks_and_a_lower_one_needs_more_confidence() -> None:
    known = TraitsModel.shipped().prior.sure
    assert [one.risk for one in known] == sorted(one.risk for one in known)
    assert any(one.risk == 0.25 for one in known)
    needed = [one.threshold for one in known]
    assert needed == sorted(needed, reverse=True)
    assert all(one.observed <= one.risk and one.people > 100 for one in known)


def test_a_pair_is_answered_where_it_is_sure_and_unscored_where_it_is_not(mira: Profile) -> None:
    with Opened() as client:
        plain = client.compare(mira, QUESTION, BRIEF, LONG)
        assert plain.probability is not None
        confidence = max(plain.probability, 1.0 - plain.probability)
        below, above = (
            with_thresholds(mira, SureThreshold(0.2, confidence + shift, 0.3, 0.1, 200)) for shift in (-0.01, 0.01)
        )
        assert client.compare(below, QUESTION, BRIEF, LONG, max_risk=0.2).probability == plain.probability
        abstained = client.compare(above, QUESTION, BRIEF, LONG, max_risk=0.25)  # held by the threshold of 0.2
        assert abstained.probability is None
        assert tells(
            abstained.unscored or "", "not sure enough", f"{confidence:.3f}", f"{confidence + 0.01:.3f}", "25%"
        )


class Opened:
    """A client that is closed."""

    def __enter__(self) -> Client:
        self._client = Client()
        return self._client

    def __exit__(self, *error: object) -> None:
        self._client.close()


@pytest.mark.parametrize("risk", [0.0, -0.1, 0.5, 2.0, float("nan")])
def test_a_risk_that_is_none_is_refused(risk: float, mira: Profile) -> None:
    with Opened() as client, pytest.raises(DataError, match=naming("--max-risk", "0.5")):
        client.compare(mira, QUESTION, BRIEF, LONG, max_risk=risk)


def test_what_cannot_be_promised_is_refused_with_what_can(mira: Profile) -> None:
    with Opened() as client:
        with pytest.raises(ProfileError, match=naming("0.001", "0.25")):
            client.compare(mira, QUESTION, BRIEF, LONG, max_risk=0.001)
        with pytest.raises(ProfileError, match=naming("0.3")):
            client.compare(with_thresholds(mira), QUESTION, BRIEF, LONG, max_risk=0.3)  # as of an earlier version
        for risk in ("0.3", None, True, float("nan")):
            with pytest.raises(DataError, match=naming("--max-risk")):
                thresholds.needed_confidence(mira, "traits", risk)  # type: ignore[arg-type]
    verdict = TraitsModel.shipped().compare((), BRIEF, LONG)
    with pytest.raises(ProfileError, match=naming("calibrated", "gpt-4o")):
        thresholds.answered_if_sure(verdict, mira, "gpt-4o", 0.3)


def test_the_old_name_of_the_argument_works_and_says_the_new_one(mira: Profile) -> None:
    with Opened() as client:
        with pytest.warns(DeprecationWarning, match="max_risk"):
            old = client.compare(mira, QUESTION, BRIEF, LONG, sure=0.4)  # type: ignore[call-arg]
        assert old == client.compare(mira, QUESTION, BRIEF, LONG, max_risk=0.4)


def test_thresholds_survive_json_and_damage_is_refused(mira: Profile) -> None:
    known = TraitsModel.shipped().prior.sure
    assert thresholds.from_json(orjson.loads(orjson.dumps(thresholds.as_json(known)))) == known
    for bad in ({"threshold": 0.2}, {"risk": 1.5}, {"coverage": float("nan")}):
        with pytest.raises(ValueError, match="threshold"):
            thresholds.from_json([{**thresholds.as_json(known)[0], **bad}])
    damaged = with_thresholds(mira, SureThreshold(0.3, 7.0, 0.5, 0.2, 100))
    with pytest.raises(ProfileError, match="damaged"):
        thresholds.answered_if_sure(TraitsModel.shipped().compare((), BRIEF, LONG), damaged, "traits", 0.3)


def test_a_population_calibrates_its_own_thresholds() -> None:
    people = simulate_people(80, choices=10, seed=21, prompt_tokens=15, response_tokens=30)
    known = TraitsModel.from_population(people).prior.sure
    assert known
    assert all(one.people == 80 for one in known)
    assert TraitsModel.from_population(people[:3]).prior.sure == ()


def test_the_command_abstains_and_says_what_is_missing(run: Run, mira: Profile, tmp_path: Path) -> None:
    path = tmp_path / "mira.json"
    save(with_thresholds(mira, SureThreshold(0.2, 0.999, 0.1, 0.1, 200)), path)
    pair = ("--prompt", QUESTION, "--a", BRIEF, "--b", LONG)
    done = run("compare", path, *pair, "--max-risk", "0.3")
    assert done.code == 1
    assert tells(done.out, "unscored", "not sure enough")
    assert run("compare", path, *pair).code == 0
    assert tells(run("compare", path, *pair, "--max-risk", "0.9").err, "--max-risk", "0.5")


@pytest.mark.slow
@pytest.mark.real_people
def test_real_people_not_used_do_not_contradict_the_promised_risk(prism: list[History]) -> None:
    """The lower end of the interval of the risk seen, by resampling people, is at most the risk promised."""
    fold = folds_by_person((one.user for one in prism), 3, 0)
    found: dict[float, list[tuple[float, float]]] = {}
    for held in range(3):
        model = TraitsModel.from_population([one for one in prism if fold[one.user] != held])
        others = [one for one in prism if fold[one.user] == held and one.decided]
        for told in (leave_group_out(model, one) for one in others):
            for known in model.prior.sure:
                answered = np.maximum(told, 1.0 - told) >= known.threshold
                wrong = answered & (told < 0.5)
                found.setdefault(known.risk, []).append((float(answered.mean()), float(wrong.mean())))
    assert {0.3, 0.35, 0.4} <= set(found)
    draw = np.random.default_rng(0)
    for promised, people in found.items():
        answered, wrong = np.array(people).T
        drawn = draw.integers(0, len(people), (2_000, len(people)))
        risks = wrong[drawn].sum(axis=1) / answered[drawn].sum(axis=1)
        assert np.quantile(risks, 0.05) <= promised
        assert len(people) < 100 or wrong.sum() / answered.sum() <= promised
