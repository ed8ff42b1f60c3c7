"""Published data sets, rankings and orders are read as what they are, and every format has a name of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from format_rows import ASKED, LONG, SHORT, THIRD, assistant, file_of, one, read, shown, user

from personalrm.data.formats import known_formats
from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices, read_history, read_people
from personalrm.errors import RowError


def battle(winner: str, content: Any = str, **more: Any) -> dict[str, Any]:
    sides = {
        f"conversation_{side}": [user(content(ASKED)), assistant(content(answer))]
        for side, answer in (("a", SHORT), ("b", LONG))
    }
    return {"model_a": "x", "model_b": "y", "winner": winner, **sides, **more}


def test_lmarena_100k(tmp_path: Path) -> None:
    about = {"turn": 1, "anony": True, "language": "English", "tstamp": 1719000000.0, "is_code": False}
    winners = ("model_a", "model_b", "tie", "tie (bothbad)")
    rows = [battle(won, question_id=f"q{at}", judge_hash="j", **about) for at, won in enumerate(winners)]
    expected = [one("j", SHORT, LONG), one("j", LONG, SHORT), one("j", SHORT, LONG, tie=True)]
    assert shown(read(tmp_path, rows)) == [*expected, expected[2]]


def test_lmarena_140k(tmp_path: Path) -> None:
    def parts(said: str) -> list[dict[str, Any]]:
        return [{"type": "text", "text": said, "image": None, "mimeType": None}]

    about = {"evaluation_session_id": "s", "evaluation_order": 1, "language": "en", "timestamp": "2025-06-01 10:00:00"}
    rows = [battle(won, parts, id=won, **about) for won in ("model_b", "both_bad")]
    assert shown(read(tmp_path, rows)) == [one("me", LONG, SHORT), one("me", SHORT, LONG, tie=True)]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_lmarena_55k(tmp_path: Path, kind: str) -> None:
    def row(name: int, first: int, second: int, tie: int) -> dict[str, Any]:
        texts = {"prompt": [ASKED], "response_a": [SHORT], "response_b": [LONG]}
        won = {"winner_model_a": first, "winner_model_b": second, "winner_tie": tie}
        return {"id": name, "model_a": "x", "model_b": "y", **{k: json.dumps(v) for k, v in texts.items()}, **won}

    found = read(tmp_path, [row(1, 1, 0, 0), row(2, 0, 1, 0), row(3, 0, 0, 1)], kind)
    assert shown(found) == [one("me", SHORT, LONG), one("me", LONG, SHORT), one("me", SHORT, LONG, tie=True)]


def test_community_alignment(tmp_path: Path) -> None:
    offered = dict(zip("abcd", (SHORT, LONG, THIRD, "Six minutes."), strict=True))
    row = {
        "conversation_id": "c1",
        "assigned_lang": "en",
        "annotator_id": "ann",
        "annotator_age": "35-45",
        "first_turn_prompt": ASKED,
        **{f"first_turn_response_{letter}": said for letter, said in offered.items()},
        "first_turn_preferred_response": "response_b",
        "first_turn_feedback": "kind",
        "second_turn_prompt": "And a duck's?",
        "second_turn_response_a": "Ten.",
        "second_turn_response_b": "Nine.",
        "second_turn_preferred_response": "response_a",
    }
    *first, second = read(tmp_path, [row])
    assert shown(first) == [one("ann", LONG, other) for other in (SHORT, THIRD, "Six minutes.")]
    assert [one.weight for one in first] == [1 / 3] * 3
    assert len({one.ranking for one in first}) == 1
    assert {one.group for one in (*first, second)} == {"c1"}
    assert first[0].reason == "kind"
    turns = (("user", ASKED), ("assistant", LONG), ("user", "And a duck's?"))
    assert shown([second]) == [one("ann", "Ten.", "Nine.", *turns)]
    (history,) = read_people(file_of(tmp_path, [row]))
    assert [one.tiers for one in history.rankings] == [((LONG,), (SHORT, THIRD, "Six minutes."))]


def test_multipref(tmp_path: Path) -> None:
    said = ("A-is-clearly-better", "A-is-slightly-better", "Tie", "B-is-slightly-better", "B-is-clearly-better")
    row = {
        "comparison_id": "c",
        "text": ASKED,
        "completion_a": SHORT,
        "completion_b": LONG,
        "normal_worker_annotations": [{"evaluator": f"w{at}", "overall_pref": one} for at, one in enumerate(said)],
        "expert_worker_annotations": json.dumps(
            [{"evaluator": "e", "overall_pref": said[0], "timestamp": "2024-01-01"}]
        ),
        "category": "Open QA",
    }
    assert shown(read(tmp_path, [row])) == [
        *(one(f"w{at}", SHORT, LONG) for at in (0, 1)),
        one("w2", SHORT, LONG, tie=True),
        *(one(f"w{at}", LONG, SHORT) for at in (3, 4)),
        one("e", SHORT, LONG),
    ]


def test_helpsteer_3(tmp_path: Path) -> None:
    rows = [
        {
            "domain": "general",
            "context": [user(ASKED)],
            "response1": SHORT,
            "response2": LONG,
            "overall_preference": strength,
            "individual_preference": [{"score": strength, "reasoning": f"reason {strength}"}],
        }
        for strength in (-2, 3, 0)
    ]
    found = read(tmp_path, rows)
    assert [(one.chosen, one.tie, one.margin) for one in found] == [
        (SHORT, False, 2),
        (LONG, False, 3),
        (LONG, True, 0),
    ]
    assert [one.reason for one in found] == ["reason -2", "reason 3", "reason 0"]


def test_helpsteer_2(tmp_path: Path) -> None:
    asked = f"Hi<extra_id_1>Assistant\nYes?<extra_id_1>User\n{ASKED}<extra_id_1>Assistant\n"
    rows = [
        {"split": "train", "prompt": prompt, "response_1": SHORT, "response_2": LONG, "preference_strength": strength}
        for prompt, strength in ((ASKED, -3), (asked, 1))
    ]
    assert shown(read(tmp_path, rows)) == [
        one("me", SHORT, LONG),
        one("me", LONG, SHORT, ("user", "Hi"), ("assistant", "Yes?"), ("user", ASKED)),
    ]


def test_summarize_from_feedback(tmp_path: Path) -> None:
    def row(choice: object, worker: str | None, info: dict[str, str]) -> dict[str, Any]:
        return {"info": info, "summaries": [{"text": SHORT}, {"text": LONG}], "choice": choice, "worker": worker}

    post = {"id": "t3", "post": ASKED, "title": "Eggs", "subreddit": "s"}
    found = read(tmp_path, [row(0, "w1", post), row(1, None, {"article": ASKED, "site": "cnn"})])
    assert shown(found) == [one("w1", SHORT, LONG, ("user", f"Eggs\n\n{ASKED}")), one("me", LONG, SHORT)]


def test_personal_llm(tmp_path: Path) -> None:
    texts = {"response_1": SHORT, "response_2": LONG, "response_3": THIRD}
    scores = {"gemma_2b": (1.5, -1.5, 0.0), "mistral": (0, 2, 2)}
    row = {"prompt": ASKED, "prompt_id": 7, **texts}
    row |= {f"response_{at}_{name}": value for name, many in scores.items() for at, value in enumerate(many, 1)}
    found = read(tmp_path, [row])
    assert [one for one in shown(found) if one[0] == "gemma_2b"] == [
        one("gemma_2b", SHORT, LONG),
        one("gemma_2b", SHORT, THIRD),
        one("gemma_2b", THIRD, LONG),
    ]
    assert [one for one in shown(found) if one[0] == "mistral" and one[4]] == [one("mistral", LONG, THIRD, tie=True)]


def test_openassistant(tmp_path: Path) -> None:
    def message(name: str, parent: str | None, role: str, text: str, rank: int | None = None) -> dict[str, Any]:
        about = {"message_id": name, "parent_id": parent, "message_tree_id": "m", "lang": "en"}
        return {**about, "role": role, "text": text, "rank": rank}

    rows = [
        message("m", None, "prompter", ASKED),
        message("x", "m", "assistant", LONG, 1),
        message("y", "m", "assistant", SHORT, 0),
    ]
    assert shown(read(tmp_path, rows)) == [one("me", SHORT, LONG)]


# Several responses, rankings, thumbs


def test_n_best_stays_one_choice(tmp_path: Path) -> None:
    row = {"prompt": ASKED, "responses": [SHORT, LONG, THIRD], "chosen_index": 1, "user": "u"}
    found = read(tmp_path, [row, {**row, "chosen_index": 0, "user": "v"}])
    assert shown(found) == [
        *(one("u", LONG, other) for other in (SHORT, THIRD)),
        *(one("v", SHORT, other) for other in (LONG, THIRD)),
    ]
    assert len({one.ranking for one in found}) == 2
    assert {one.weight for one in found} == {0.5}


@pytest.mark.parametrize(
    ("row", "tiers"),
    [
        ({"candidates": [SHORT, LONG, THIRD], "ranks": [2, 1, 3]}, ((LONG,), (SHORT,), (THIRD,))),
        ({"candidates": [SHORT, LONG, THIRD], "ranks": [1, 0, 2]}, ((LONG,), (SHORT,), (THIRD,))),
        ({"candidates": [SHORT, LONG, THIRD], "ranks": [1, 1, 2]}, ((SHORT, LONG), (THIRD,))),
        ({"responses": [SHORT, LONG, THIRD], "scores": [1.0, 3.0, 2.0]}, ((LONG,), (THIRD,), (SHORT,))),
        ({"answer_1": SHORT, "answer_2": LONG, "answer_3": THIRD, "winner": 3}, ((THIRD,), (SHORT, LONG))),
        ({"reply_a": SHORT, "reply_b": LONG, "reply_c": THIRD, "ranking": "C > A > B"}, ((THIRD,), (SHORT,), (LONG,))),
        ({"reply_a": SHORT, "reply_b": LONG, "reply_c": THIRD, "ranking": "C > A = B"}, ((THIRD,), (SHORT, LONG))),
    ],
)
def test_rankings_stay_whole(tmp_path: Path, row: dict[str, Any], tiers: tuple[tuple[str, ...], ...]) -> None:
    history = read_history(file_of(tmp_path, [{"question": ASKED, **row}]))
    (ranking,) = history.rankings
    assert tuple(tuple(sorted(tier)) for tier in ranking.tiers) == tuple(tuple(sorted(tier)) for tier in tiers)
    assert sum(one.weight for one in history if not one.tie) == pytest.approx(1)


@pytest.mark.parametrize(
    "order",
    [[2, 0, 1], [3, 1, 2], ["2", "0", "1"], [THIRD, SHORT, LONG], "[2, 0, 1]"],
)
@pytest.mark.parametrize("column", ["order", "ranked_indices", "Best to worst"])
def test_an_order_names_the_responses_best_first(tmp_path: Path, order: object, column: str) -> None:
    row = {"prompt": ASKED, "responses": [SHORT, LONG, THIRD], column: order}
    (history,) = read_people(file_of(tmp_path, [row]))
    assert [one.tiers for one in history.rankings] == [((THIRD,), (SHORT,), (LONG,))]


@pytest.mark.parametrize("order", [[2, 0, 0], [0, 1, 7], [THIRD, SHORT, "?"], [1.5, 0, 2]])
def test_an_order_that_does_not_name_each_response_once_is_refused(tmp_path: Path, order: object) -> None:
    row = {"prompt": ASKED, "responses": [SHORT, LONG, THIRD], "order": order}
    with pytest.raises(RowError, match=r"field 'order'.*best first"):
        list(read_choices(file_of(tmp_path, [row]), strict=True))


@pytest.mark.parametrize(
    ("given", "best"), [([3, 1, 2], None), ([2, 0, 1], None), ([2, 1, 3], LONG), ([1, 1, 2], SHORT), ([3, 2, 1], THIRD)]
)
def test_a_ranking_that_may_be_ranks_or_an_order_is_refused(tmp_path: Path, given: list[int], best: str | None) -> None:
    """[3, 1, 2] as ranks prefers the second response, and as an order the third."""
    path = file_of(tmp_path, [{"prompt": ASKED, "responses": [SHORT, LONG, THIRD], "ranking": given}])
    if best is None:
        with pytest.raises(RowError, match=r"'ranking'.*order"):
            list(read_choices(path, strict=True))
    else:
        assert best in next(iter(read_people(path))).rankings[0].tiers[0]


def test_ranks_of_each_response_stay_ranks(tmp_path: Path) -> None:
    row = {"prompt": ASKED, "responses": [SHORT, LONG, THIRD], "ranks": [2, 3, 1]}
    (history,) = read_people(file_of(tmp_path, [row]))
    assert [one.tiers for one in history.rankings] == [((THIRD,), (SHORT,), (LONG,))]


def test_kto_rows_of_one_prompt_make_pairs_and_a_lone_one_is_a_thumb(tmp_path: Path) -> None:
    rows = [
        {"prompt": ASKED, "completion": SHORT, "label": True, "user": "u"},
        {"prompt": "Alone?", "completion": THIRD, "label": False, "user": "u"},
        {"prompt": ASKED, "completion": LONG, "label": False, "user": "u"},
    ]
    history = read_history(file_of(tmp_path, rows))
    assert shown(history) == [one("u", SHORT, LONG)]
    assert [(one.response, one.liked) for one in history.thumbs] == [(THIRD, False)]


@pytest.mark.parametrize(("up", "down"), [("up", "down"), ("👍", "👎"), ("positive", "negative"), (1, -1), ("1", "0")])
def test_thumbs(tmp_path: Path, up: object, down: object) -> None:
    rows = [{"question": ASKED, "answer": said, "thumbs": thumb} for said, thumb in ((SHORT, up), (LONG, down))]
    assert shown(read(tmp_path, rows)) == [one("me", SHORT, LONG)]


def test_every_format_has_a_name_of_its_own() -> None:
    names = [one.name for one in known_formats()]
    assert len(names) == len(set(names)) >= 20


CASES = {
    "alpaca_input.json": 8,
    "arena100k.jsonl": 2,
    "argilla.json": 1,
    "bestofn.jsonl": 2,
    "community_alignment.jsonl": 3,
    "helpsteer3.jsonl": 1,
    "kto.jsonl": 1,
    "labelstudio.json": 1,
    "multipref.jsonl": 2,
    "openai_dpo.jsonl": 1,
    "openwebui.json": 1,
    "rejected_response.jsonl": 8,
    "sharegpt_from_value.json": 8,
    "stringified_messages.jsonl": 8,
    "think_in_answers.jsonl": 8,
    "tldr.jsonl": 1,
}


def test_files_of_the_field_where_they_lie_beside_the_project(real_data: Path) -> None:
    folder = real_data.parent / "cases" / "formats"
    if not folder.is_dir():
        pytest.skip("no files of the field's formats beside the real people")
    for name, count in CASES.items():
        problems = Problems()
        found = list(read_choices(folder / name, problems=problems))
        assert (name, len(found), problems.skipped, list(problems.unread)) == (name, count, 0, [])
        assert not any("<think>" in text for one in found for text in (one.chosen, one.rejected))
    for path in sorted((folder / "null_cells").iterdir()):
        found = list(read_choices(path, strict=True))
        assert found, path.name
        assert all(one.user == "me" and one.context for one in found), path.name


@pytest.mark.parametrize("name", ["user_uid", "firebaseUid", "Auth UID", "ownerUid"])
def test_an_account_s_uid_names_the_person(name: str) -> None:
    rows_ = [{name: who, "prompt": f"Q{at}?", "chosen": "Yes.", "rejected": "No."} for at, who in enumerate("aabb")]
    assert [one.user for one in read_choices(rows_)] == ["a", "a", "b", "b"]


def test_a_uid_that_comes_again_says_how_it_is_read_as_the_person() -> None:
    """Some exports have the row's id there, others the person's: neither is guessed, nothing is lost in silence."""
    rows_ = [{"uid": who, "prompt": f"Q{at}?", "chosen": "Yes.", "rejected": "No."} for at, who in enumerate("aabb")]
    problems = Problems()
    assert len(list(read_choices(rows_, problems=problems))) == 2
    assert problems.skipped == 2
    assert "user=uid" in problems.summary()
    found = list(read_choices(rows_, columns="id=-,user=uid"))
    assert [one.user for one in found] == ["a", "a", "b", "b"]
