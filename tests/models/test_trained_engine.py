"""The engine of trained models, on simulated people: that it works, not an accuracy on people."""

from __future__ import annotations

from pathlib import Path

import pytest
from facts import naming

from personalrm import SynthesizeMe
from personalrm.data.simulated import simulate_people
from personalrm.errors import DataError, NotEnoughChoices, ProfileError
from personalrm.models.learned import Settings, load, save, train
from personalrm.preferences import History

PEOPLE = simulate_people(30, choices=12, seed=3, prompt_tokens=20, response_tokens=40)
ADA = simulate_people(1, choices=14, seed=4, prompt_tokens=20, response_tokens=40)[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("trained") / "pref"
    save(train(PEOPLE, Settings("pref", features="traits", members=2, epochs=6)), where)
    return where


@pytest.fixture
def ada(folder: Path) -> SynthesizeMe:
    return SynthesizeMe(model=f"trained:{folder}").fit(ADA)


def test_all_verbs_work_and_agree_with_the_model_itself(ada: SynthesizeMe, folder: Path) -> None:
    one, model = ADA.choices[0], load(folder)
    personal = ada.profile.fallback.chosen == "persona"
    fitted = model.fit(ADA) if personal else model
    verdict = ada.compare(one.context, one.chosen, one.rejected)
    assert verdict.probability == pytest.approx(fitted.compare(one.context, one.chosen, one.rejected).probability)
    assert ada.score(one.context, one.chosen) == pytest.approx(fitted.score(one.context, one.chosen))
    assert sorted(ada.rank(one.context, [one.chosen, one.rejected, "No."]).order) == [0, 1, 2]


def test_the_profile_says_whether_the_person_helps_and_shows_no_persona(ada: SynthesizeMe) -> None:
    profile = ada.profile
    assert profile.persona is None
    assert profile.traits is None
    assert profile.fallback.arms["default"].scored == len(ADA)
    assert profile.fallback.arms["persona"].scored == len(ADA)
    assert len(profile.notes) == 1
    assert "vector" in profile.notes[0]


def test_a_training_person_gets_a_note(folder: Path) -> None:
    profile = SynthesizeMe(model=f"trained:{folder}").fit(PEOPLE[0]).profile
    assert "trained on this person" in profile.notes[1]


def test_a_saved_profile_predicts_as_before(ada: SynthesizeMe, tmp_path: Path) -> None:
    ada.save(tmp_path / "ada.json")
    again = SynthesizeMe.load(tmp_path / "ada.json")
    one = ADA.choices[1]
    assert again.model == ada.model
    assert again.compare(one.context, one.chosen, one.rejected) == ada.compare(one.context, one.chosen, one.rejected)


def test_evaluate_and_update_work(ada: SynthesizeMe) -> None:
    later = simulate_people(1, choices=20, seed=4, prompt_tokens=20, response_tokens=40)[0]
    new = later.only(one for one in later if one.id not in {known.id for known in ADA})
    assert ada.evaluate(new).row["pairs"] == len(new)
    assert len(ada.update(new).profile.history) == len(ADA) + len(new)


def test_a_profile_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "model"
    save(load(folder), moved)
    ada = SynthesizeMe(model=f"trained:{moved}").fit(ADA)
    save(train(PEOPLE[:15], Settings("lore", features="traits", members=1, epochs=2)), moved)
    with pytest.raises(ProfileError, match="another model"):
        ada.compare("Why?", "So.", "Thus.")


def test_what_is_no_trained_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=naming(tmp_path)):
        SynthesizeMe(model=f"trained:{tmp_path}").fit(ADA)


def test_no_decided_choice_is_reported(folder: Path) -> None:
    with pytest.raises(NotEnoughChoices, match="no decided choice"):
        SynthesizeMe(model=f"trained:{folder}").fit(History("eve", ()))


def test_one_group_alone_cannot_be_measured_and_is_used(folder: Path) -> None:
    one = SynthesizeMe(model=f"trained:{folder}").fit(ADA.only(ADA.choices[:1]))
    assert one.profile.fallback.chosen == "persona"
    assert one.profile.fallback.gain is None
