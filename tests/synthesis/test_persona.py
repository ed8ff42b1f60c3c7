"""Stage 2: claims with evidence, and nothing but tastes."""

from __future__ import annotations

import orjson
import pytest
import scripted
from choices import choice
from scripted import Scripted

from personalrm.preferences import Message
from personalrm.profile.records import Claim, Persona
from personalrm.synthesis.judging import FewShotExample
from personalrm.synthesis.persona import own_summary, persona_text, read_persona, write_persona

SHOWN = [FewShotExample(choice(number), f"Why {number}.") for number in range(1, 6)]


def read(summary: str, *claims: tuple[str, object, object]) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    found = read_persona(scripted.persona(summary, *claims), SHOWN)
    return [] if found is None else [(one.text, one.supporting, one.opposing) for one in found.claims]


def test_the_numbers_of_a_claim_become_the_ids_of_the_choices_shown() -> None:
    assert read("S.", ("Likes detail", [1, 3], [5])) == [("Likes detail", ("c1", "c3"), ("c5",))]
    turned = list(reversed(SHOWN))
    found = read_persona(scripted.persona("S.", ("Likes detail", [1], [])), turned)
    assert found is not None
    assert found.claims[0].supporting == ("c5",)


@pytest.mark.parametrize(
    ("pro", "contra"),
    [([], []), ([9], []), ([0], []), ([-1], []), ([1], [2]), ([1], [2, 3]), ([1, 2], [1, 2]), (None, [])],
)
def test_claims_without_more_support_than_opposition_are_dropped(pro: object, contra: object) -> None:
    assert read("S.", ("Likes detail", pro, contra)) == []


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        ([1, 9, 2, 0, -3, 1], ("c1", "c2")),
        (["1", "#2"], ("c1", "c2")),
        ("1, 2 and 4", ("c1", "c2", "c4")),
        (3, ("c3",)),
        ([2.0], ("c2",)),
        ([True, 2.5, None, {}, [1], 2], ("c2",)),
        ([10**30, 1], ("c1",)),
        ("choice 2 of 99", ("c2",)),
    ],
)
def test_numbers_as_models_write_them(written: object, ids: tuple[str, ...]) -> None:
    text = scripted.persona("S.", ("Likes detail", None, [])).replace("null", str(written).replace("'", '"'))
    text = text.replace("True", "true").replace("None", "null") if isinstance(written, list) else text
    if isinstance(written, str):
        text = scripted.persona("S.", ("Likes detail", written, []))
    found = read_persona(text, SHOWN)
    assert found is not None
    assert found.claims[0].supporting == ids


def test_a_choice_cited_on_both_sides_is_evidence_for_neither() -> None:
    assert read("S.", ("Likes detail", [1, 2, 3], [3, 4])) == [("Likes detail", ("c1", "c2"), ("c4",))]


def test_an_invented_life_is_dropped_from_summary_and_claims() -> None:
    answer = scripted.persona(
        "Likes detail. She is a nurse of 40. Wants numbers.", ("Is a nurse", [1, 2], []), ("Likes detail", [1], [])
    )
    found = read_persona(answer, SHOWN)
    assert found is not None
    assert found.summary == "Likes detail. Wants numbers."
    assert [one.text for one in found.claims] == ["Likes detail"]
    own = [FewShotExample(choice(1, context=(Message("user", "I am a nurse and a woman of 40."),)), "w"), *SHOWN[1:]]
    assert read_persona(answer, own).summary == "Likes detail. She is a nurse of 40. Wants numbers."


def test_at_most_six_claims() -> None:
    assert len(read("S.", *[(f"Likes {number}", [1], []) for number in range(40)])) == 6


@pytest.mark.parametrize(
    "answer", ["", "   ", "{", '{"summary": ', "null", "[]", "{}", '{"summary": "", "claims": []}']
)
def test_nothing_readable_is_no_persona(answer: str) -> None:
    assert read_persona(answer, SHOWN) is None


@pytest.mark.parametrize(
    "answer",
    ["I'm sorry, but I can't help with that.", "As an AI, I cannot write about a person.", "<think>Hm, let me"],
)
def test_a_refusal_or_a_thought_is_no_persona(answer: str) -> None:
    assert read_persona(answer, SHOWN) is None


def test_prose_is_a_summary_without_claims() -> None:
    found = read_persona("<think>Hm {no}.</think>\nThe person likes detail.\n\n* Wants numbers.\n* He is 40.", SHOWN)
    assert found is not None
    assert (found.summary, found.claims) == ("The person likes detail. * Wants numbers.", ())


def test_claims_without_a_summary_are_kept_and_summed_up() -> None:
    answer = orjson.dumps({"claims": [{"claim": "Likes detail", "for": [1], "against": []}]}).decode()
    found = read_persona(answer, SHOWN)
    assert found is not None
    assert found.summary == "Likes detail."
    assert found.claims[0].supporting == ("c1",)


def test_a_cut_off_answer_keeps_its_whole_claims() -> None:
    answer = scripted.persona("Likes detail.", ("Likes detail", [1], []), ("Likes numbers", [2], []))
    found = read_persona(answer[: answer.index("numbers")], SHOWN)
    assert found is not None
    assert found.summary == "Likes detail."
    assert "Likes detail" in [one.text for one in found.claims]


@pytest.mark.parametrize(
    "claims", ["no list", 3, ["Likes detail"], [{"claim": None, "for": [1]}], [[]], {"claim": "x"}]
)
def test_claims_of_another_shape_do_not_hurt(claims: object) -> None:
    found = read_persona(orjson.dumps({"summary": "Likes detail.", "claims": claims}).decode(), SHOWN)
    assert found is not None
    assert found.claims == ()


async def test_no_verified_reasoning_asks_for_no_persona() -> None:
    endpoint = Scripted(lambda prompt, params: "x")
    assert await write_persona(endpoint, [FewShotExample(one.choice) for one in SHOWN], 0) is None
    assert await write_persona(endpoint, [], 0) is None
    assert endpoint.asked == []


async def test_the_question_shows_every_choice_with_its_reasoning_and_label_in_order() -> None:
    endpoint = Scripted(lambda prompt, params: scripted.persona("Likes detail.", ("Likes detail", [2], [])))
    found = await write_persona(endpoint, [SHOWN[0], FewShotExample(choice(9)), SHOWN[1]], 0)
    (prompt,) = endpoint.prompts("persona")
    assert prompt.index("Why 1.") < prompt.index("number 9") < prompt.index("Why 2.")
    assert prompt.count("<why>") == 2 + prompt.rpartition("</past_choice>")[2].count("<why>")
    assert prompt.count("<preferred>") == 3
    assert found is not None
    assert found.claims[0].supporting == ("c9",)
    assert persona_text(found) == "- Likes detail"


def test_a_judge_reads_each_claim_once() -> None:
    short, plain = Claim("Prefers short answers: 3 of 3 choices", ("1",)), Claim("Likes plain words.", ("2",))
    repeated = Persona("Prefers short answers. Likes plain words.", (short, plain))
    assert persona_text(repeated) == "- Prefers short answers: 3 of 3 choices\n- Likes plain words."
    assert own_summary(repeated) == ""
    telling = Persona("A busy reader. Likes plain words. Prefers little.", (short, plain))
    assert persona_text(telling) == f"{telling.summary}\n- Prefers short answers: 3 of 3 choices"
    assert persona_text(Persona("Likes tea.")) == "Likes tea."
