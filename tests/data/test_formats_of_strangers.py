"""Rows as people's own tools write them: kinds of names, outcomes, contexts and metadata beyond the known formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from personalrm.data.columns import contrasted
from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices
from personalrm.errors import DataError
from personalrm.preferences import Preference

ASKED, SHORT, LONG, THIRD = "How do I boil an egg?", "Eight minutes.", "Great question! It is an art.", "Use a timer."

Shown = tuple[str, tuple[tuple[str, str], ...], str, str, bool]
SIDES = {"prompt": ASKED, "response_a": SHORT, "response_b": LONG}


def file_of(tmp_path: Path, rows: list[dict[str, Any]]) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


def read(tmp_path: Path, rows: list[dict[str, Any]]) -> list[Preference]:
    """The choices; nothing may have been skipped, and no column with text left out."""
    problems = Problems()
    found = list(read_choices(file_of(tmp_path, rows), problems=problems))
    assert (problems.skipped, list(problems.unread)) == (0, [])
    return found


def shown(choices: list[Preference]) -> list[Shown]:
    return [
        (one.user, tuple((turn.role, turn.content) for turn in one.context), one.chosen, one.rejected, one.tie)
        for one in choices
    ]


def one(who: str, chosen: str, rejected: str, *turns: tuple[str, str], tie: bool = False) -> Shown:
    return who, turns or (("user", ASKED),), chosen, rejected, tie


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("good_edited_response", "bad_edited_response"),
        ("assistant_chosen", "assistant_rejected"),
        ("superior_response", "inferior_response"),
        ("liked_response", "disliked_response"),
        ("Chosen reply text", "Rejected reply text"),
    ],
)
def test_two_columns_that_differ_in_a_word_for_better_and_worse(tmp_path: Path, better: str, worse: str) -> None:
    assert shown(read(tmp_path, [{"prompt": ASKED, better: SHORT, worse: LONG}])) == [one("me", SHORT, LONG)]


@pytest.mark.parametrize(
    "names",
    [
        ("chosen_score", "rejected_score"),
        ("chosen_model", "rejected_model"),
        ("good_answer", "bad_question"),
        ("positive_prompt", "negative_prompt"),
        ("liked_aspects", "disliked_aspects"),
        ("good_a", "bad_a", "good_b", "bad_b"),
    ],
)
def test_columns_beside_the_responses_are_no_responses(names: tuple[str, ...]) -> None:
    assert contrasted(names) is None


@pytest.mark.parametrize("winner", ["selected_option", "human_vote", "final_pick"])
def test_the_only_column_with_a_word_for_a_choice_names_the_winner(tmp_path: Path, winner: str) -> None:
    rows = [{"question_text": ASKED, "option_a": SHORT, "option_b": LONG, winner: "option_a"}]
    assert shown(read(tmp_path, rows)) == [one("me", SHORT, LONG)]


def test_a_question_about_the_preference_counts_before_other_choices(tmp_path: Path) -> None:
    rows = [{**SIDES, "Which do you prefer?": "a", "selected_language": "en"}]
    assert shown(read(tmp_path, rows)) == [one("me", SHORT, LONG)]


def test_a_strength_is_no_winner(tmp_path: Path) -> None:
    rows = [{**SIDES, "preference_strength": 1}, {**SIDES, "prompt": "Tea?", "preference_strength": 2}]
    with pytest.raises(DataError, match="preference_strength"):
        list(read_choices(file_of(tmp_path, rows)))


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ({"a_wins": 1, "b_wins": 0, "tie": 0}, one("me", SHORT, LONG)),
        ({"a_wins": 0, "b_wins": 1, "tie": 0}, one("me", LONG, SHORT)),
        ({"a_wins": False, "b_wins": False, "tie": True}, one("me", SHORT, LONG, tie=True)),
        ({"prefers_a": True}, one("me", SHORT, LONG)),
        ({"prefers_a": "false"}, one("me", LONG, SHORT)),
        ({"is_b_better": True}, one("me", LONG, SHORT)),
    ],
)
def test_a_column_for_each_outcome(tmp_path: Path, outcome: dict[str, Any], expected: Any) -> None:
    assert shown(read(tmp_path, [{**SIDES, **outcome}])) == [expected]


@pytest.mark.parametrize(
    ("said", "best"),
    [
        ("They are about the same", None),
        ("The two responses are equal", None),
        ("No clear preference", None),
        ("On par", None),
        ("A and B", None),
        ("A over B", SHORT),
        ("B over A", LONG),
        ("B is worse", SHORT),
        ("B is worse than A", SHORT),
        ("A is better because it is short", SHORT),
        ("I like B better", LONG),
        ("resp_b", LONG),
    ],
)
def test_sentences_about_the_winner(tmp_path: Path, said: str, best: str | None) -> None:
    (found,) = read(tmp_path, [{**SIDES, "winner": said}])
    assert (found.tie, None if found.tie else found.chosen) == (best is None, best)


@pytest.mark.parametrize("said", ["A is not worse", "not sure which is better", "worse"])
def test_sentences_that_say_something_else_name_no_winner(tmp_path: Path, said: str) -> None:
    with pytest.raises(DataError, match="winner"):
        list(read_choices(file_of(tmp_path, [{**SIDES, "winner": said}])))


@pytest.mark.parametrize("column", ["history", "context"])
def test_texts_before_a_question_begin_with_the_user(tmp_path: Path, column: str) -> None:
    rows = [{column: ["Hi", "Hello"], "prompt": ASKED, "chosen": SHORT, "rejected": LONG}]
    turns = (("user", "Hi"), ("assistant", "Hello"), ("user", ASKED))
    assert shown(read(tmp_path, rows)) == [one("me", SHORT, LONG, *turns)]


TEMPLATED = {
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n": "<|im_end|>",
    "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n{} [/INST]": " </s>",
}


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(("prompt", "end"), TEMPLATED.items())
def test_chat_templates_become_turns(tmp_path: Path, prompt: str, end: str, whole: bool) -> None:
    asked = prompt.format(ASKED)
    pair = {"chosen": SHORT + end, "rejected": LONG + end}
    row = {name: asked + text for name, text in pair.items()} if whole else {"prompt": asked, **pair}
    turns = (("system", "Be brief."), ("user", ASKED))
    assert shown(read(tmp_path, [row])) == [one("me", SHORT, LONG, *turns)]


def test_a_dialogue_prompt_ends_with_the_speaker(tmp_path: Path) -> None:
    rows = [{"prompt": f"Human: {ASKED}\nAssistant:", "chosen": SHORT, "rejected": LONG}]
    assert shown(read(tmp_path, rows)) == [one("me", SHORT, LONG)]


@pytest.mark.parametrize(
    ("given", "person"),
    [
        ({"metadata": {"user_id": "ann", "lang": "en"}}, "ann"),
        ({"meta": json.dumps({"annotator": 7})}, "7"),
        ({"metadata": {"user_id": None}}, "me"),
        ({"metadata": {"judge": "gpt-4"}}, "me"),
        ({"user": "bob", "metadata": {"user_id": "ann"}}, "bob"),
        ({"user": None, "metadata": {"user_id": "ann"}}, "ann"),
        ({"metadata": {"user": ["ann"]}}, "me"),
    ],
)
def test_the_person_in_an_object_with_metadata(tmp_path: Path, given: dict[str, Any], person: str) -> None:
    (found,) = read_choices(file_of(tmp_path, [{"prompt": ASKED, "chosen": SHORT, "rejected": LONG, **given}]))
    assert found.user == person


def test_ms_swift_with_several_rejected_responses_and_other_turns(tmp_path: Path) -> None:
    rows = [
        {
            "messages": [{"role": "user", "content": ASKED}, {"role": "assistant", "content": SHORT}],
            "rejected_response": [LONG, THIRD],
        },
        {"system": "Be brief.", "conversation": [{"human": "Tea?", "assistant": SHORT}], "rejected_response": LONG},
    ]
    last = one("me", SHORT, LONG, ("system", "Be brief."), ("user", "Tea?"))
    assert shown(read(tmp_path, rows)) == [one("me", SHORT, LONG), one("me", SHORT, THIRD), last]


def test_argilla_answers_as_an_object_of_lists(tmp_path: Path) -> None:
    answers = {"user_id": ["u1", "u2"], "value": ["response_a", "response_b"], "status": ["submitted", "submitted"]}
    rows = [{**SIDES, "preference": answers, "external_id": None, "metadata": "{}"}]
    assert shown(read(tmp_path, rows)) == [one("u1", SHORT, LONG), one("u2", LONG, SHORT)]


@pytest.mark.parametrize(("good", "bad"), [("yes", "no"), (5, 2)])
def test_argilla_records_with_one_response_each(tmp_path: Path, good: object, bad: object) -> None:
    rows = [
        {
            "id": text[:3],
            "fields": {"prompt": ASKED, "response": text},
            "responses": {"q": [{"value": value, "user_id": "u"}]},
        }
        for text, value in ((SHORT, good), (LONG, bad))
    ]
    assert shown(read(tmp_path, rows)) == [one("u", SHORT, LONG)]


def test_json_lines_in_a_file_named_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(json.dumps({**SIDES, "winner": "b"}), "utf-8")
    assert shown(list(read_choices(path))) == [one("me", LONG, SHORT)]


def test_a_table_in_windows_1252_says_how_to_save_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("prompt,chosen,rejected\nOù ?,oui,non\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"UTF-8.*iconv.*0xf9"):
        list(read_choices(path))


def annotated(*results: dict[str, Any]) -> dict[str, Any]:
    return {"id": 1, "annotations": [{"id": 2, "completed_by": "u", "result": list(results)}], "data": SIDES}


def chose(question: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"from_name": question, "to_name": "response_a,response_b", "value": value}


VERDICTS = {
    "Argilla": lambda said: {
        "fields": SIDES,
        "responses": {name: [{"value": f"response_{side}", "user_id": "u"}] for name, side in said.items()},
    },
    "Label Studio, choices": lambda said: annotated(*(chose(name, {"choices": [one]}) for name, one in said.items())),
    "Label Studio, pairwise": lambda said: annotated(
        *(chose(name, {"selected": "left" if side == "a" else "right"}) for name, side in said.items())
    ),
}


@pytest.mark.parametrize("tool", VERDICTS)
def test_of_several_verdicts_the_overall_one_counts(tmp_path: Path, tool: str) -> None:
    for said in ({"overall": "b", "honest": "a"}, {"honest": "a", "overall": "b"}, {"honest": "b", "kind": "b"}):
        assert shown(read(tmp_path, [VERDICTS[tool](said)])) == [one("u", LONG, SHORT)]
    with pytest.raises(DataError, match="honest, kind"):
        read(tmp_path, [VERDICTS[tool]({"honest": "a", "kind": "b"})])


@pytest.mark.parametrize("key", ["rating", "number"])
def test_label_studio_tasks_with_one_response_each(tmp_path: Path, key: str) -> None:
    rows = [
        {**annotated(chose("stars", {key: stars})), "data": {"prompt": ASKED, "response": text}}
        for text, stars in ((SHORT, 5), (LONG, 1))
    ]
    assert shown(read(tmp_path, rows)) == [one("u", SHORT, LONG)]


def test_argilla_ratings_of_sides(tmp_path: Path) -> None:
    answers = {f"rating_{side}": [{"value": value, "user_id": "u"}] for side, value in (("a", 2), ("b", 4))}
    assert shown(read(tmp_path, [{"fields": SIDES, "responses": answers}])) == [one("u", LONG, SHORT)]
