from __future__ import annotations

from dataclasses import replace

import pytest
from facts import naming
from hypothesis import given, settings
from hypothesis import strategies as st

from personalrm.data.simulated import simulate_people
from personalrm.errors import DataError
from personalrm.models.reward_model.rows import Row, shipped_profile, training_rows, traits_profiles
from personalrm.models.reward_model.user_prompts import KINDS, Kind, user_prompt
from personalrm.models.traits import TraitsModel
from personalrm.preferences import History, Message, Preference
from personalrm.profile.records import Claim, JudgeState, Persona, Profile
from personalrm.synthesis.persona import persona_text

ADA = simulate_people(1, choices=12, response_tokens=60)[0]


def marked(user: str, groups: list[int]) -> History:
    """A person each of whose texts can be told from all others; a number of choices a group."""
    choices = []
    for group, count in enumerate(groups):
        for number in range(count):
            mark = f"{user}g{group}n{number}"
            choices.append(
                Preference(
                    mark, user, f"{user}g{group}", (Message("user", f"ask-{mark}-end"),), f"yes-{mark}-end",
                    f"no-{mark}-end", demographics=f"I am {user}.", reason=f"why-{mark}-end",
                )
            )  # fmt: skip
    return History(user, tuple(choices))


def texts_of(row: Row) -> set[str]:
    return {row.context[0].content, row.chosen, row.rejected, row.chosen.replace("yes", "why")}


@settings(max_examples=40)
@given(
    people=st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=5), min_size=1, max_size=4),
    seed=st.integers(0, 5),
)
def test_no_prompt_holds_a_choice_of_its_own_half_or_another_person(people: list[list[int]], seed: int) -> None:
    histories = [marked(f"p{number}x", groups) for number, groups in enumerate(people)]
    rows = training_rows(histories, "history", seed=seed, most_characters=100_000)
    assert sorted(row.chosen for row in rows) == sorted(one.chosen for person in histories for one in person)
    for row in rows:
        own = [one for one in rows if one.user == row.user]
        same_half = [one for one in own if one.system == row.system]
        if row.system is None:
            assert len({one.group for one in own}) == 1
            continue
        assert not any(text in row.system for one in same_half for text in texts_of(one))
        assert not any(text in row.system for one in rows if one.user != row.user for text in texts_of(one))
        assert f"{row.user}g" in row.system


def test_the_halves_are_balanced_and_seeded() -> None:
    person = marked("ada", [1] * 10)
    halves = [{row.group for row in training_rows([person], "history", seed=seed)[:5]} for seed in range(5)]
    assert all(len(one) == 5 for one in halves)
    assert len({frozenset(one) for one in halves}) > 1


def test_a_person_with_one_group_has_no_prompt_of_any_kind() -> None:
    for kind in KINDS:
        assert [row.system for row in training_rows([marked("ada", [3])], kind)] == [None] * 3


def test_a_profile_that_has_seen_the_choices_is_refused() -> None:
    whole = shipped_profile(ADA)
    with pytest.raises(DataError, match=ADA.user):
        training_rows([ADA], "persona", lambda seen: whole)
    with pytest.raises(DataError, match=naming(ADA.user, "bob")):
        training_rows([ADA], "persona", lambda seen: replace(whole, user="bob"))


def test_history_holds_the_latest_choices_within_its_limits() -> None:
    person = marked("ada", [1] * 9)
    told = user_prompt("history", person, most_choices=3)
    assert told is not None
    assert [f"yes-adag{group}n0-end" in told for group in range(9)] == [False] * 6 + [True] * 3
    assert told.index("adag6") < told.index("adag7") < told.index("adag8")
    assert len(user_prompt("history", person, most_characters=900) or "") <= 900
    assert user_prompt("history", person, most_characters=50) is None


def test_a_choice_that_is_too_long_makes_room_for_a_shorter_older_one() -> None:
    person = marked("ada", [1, 1])
    long = replace(person.choices[1], chosen="x" * 5000)
    told = user_prompt("history", person.only([person.choices[0], long]), most_characters=3000)
    assert told is not None
    assert "adag0n0" in told
    assert "adag1n0" not in told


def test_ties_are_not_shown() -> None:
    tie = replace(marked("ada", [1]).choices[0], tie=True)
    assert user_prompt("history", History("ada", (tie,))) is None
    assert user_prompt("persona", History("ada", (tie,))) is None


def test_the_persona_of_the_embedded_engine_and_of_a_language_model() -> None:
    often = simulate_people(1, choices=60, response_tokens=60)[0]
    profile = shipped_profile(often)
    assert profile.persona is not None
    assert persona_text(profile.persona) in (user_prompt("persona", often, profile) or "")
    written = replace(profile, engine=JudgeState(), persona=Persona("Likes short answers.", ()))
    assert "Likes short answers." in (user_prompt("persona", ADA, written) or "")
    both = user_prompt("persona+demonstrations", ADA, written)
    assert both is not None
    assert both.index("<past_choice") < both.index("Likes short answers.")


def test_an_empty_persona_gives_no_prompt() -> None:
    profile = shipped_profile(ADA)
    nothing = replace(profile, persona=None)
    assert user_prompt("persona", ADA, nothing) is None
    found = replace(profile, persona=Persona("Short.", (Claim("Prefers short answers: 3 of 3 choices", ("1",)),)))
    assert user_prompt("persona", ADA, found) is not None


def test_the_latest_demographics_are_used() -> None:
    assert "I am ada." in (user_prompt("demographics", marked("ada", [2])) or "")
    assert user_prompt("demographics", ADA) is None


@pytest.mark.parametrize("kind", ["none", "history", "persona", "persona+demonstrations", "demographics"])
def test_a_user_without_choices_has_no_prompt(kind: Kind) -> None:
    assert user_prompt(kind, History("eve", ())) is None


def test_a_kind_that_needs_a_profile_says_so() -> None:
    with pytest.raises(DataError, match=naming("persona")):
        user_prompt("persona", ADA)
    with pytest.raises(DataError, match=naming("'horoscope'")):
        user_prompt("horoscope", ADA)  # type: ignore[arg-type]


def test_priors_are_learned_without_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[list[str]] = []

    def note(people: list[History], *, seed: int) -> TraitsModel:
        learned.append([one.user for one in people])
        return TraitsModel.shipped()

    monkeypatch.setattr(TraitsModel, "from_population", note)
    people = simulate_people(6, choices=4, response_tokens=40)
    profile_of = traits_profiles(people)
    made: list[Profile] = [profile_of(one) for one in (people[0], people[0], ADA, people[3])]
    assert [one.user for one in made] == [people[0].user, people[0].user, ADA.user, people[3].user]
    assert people[0].user not in learned[0]
    assert len(learned) <= 3
    with pytest.raises(DataError, match="two people"):
        traits_profiles(people[:1])
