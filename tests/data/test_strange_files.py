"""Files of tools that the reader was not written from: each found a fault when a stranger brought it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices
from personalrm.errors import DataError
from personalrm.preferences import Preference

ASKED, SHORT, LONG, THIRD = "How do I boil an egg?", "Eight minutes.", "Great question! It is an art.", "Use a timer."
TURN = {"role": "user", "content": ASKED}


def read(tmp_path: Path, *rows: Any, unread: tuple[str, ...] = ()) -> list[Preference]:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    problems = Problems()
    found = list(read_choices(path, problems=problems))
    assert (problems.skipped, tuple(problems.unread)) == (0, unread)
    return found


def parts(text: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "parts": [{"text": text}]}


def candidate(text: str, label: str) -> dict[str, Any]:
    return {"content": [{"text": text}], "preferenceLabel": label}


def state(text: str) -> dict[str, Any]:
    return {
        "messages": [["USER", "an example"], ["USER", ASKED], ["ASSISTANT", text], ["ASSISTANT", None]],
        "offset": 1,
    }


SHOWN = {"Input.prompt": ASKED, "Input.response_a": LONG, "Input.response_b": SHORT, "WorkerId": "w"}
ROWS: dict[str, dict[str, Any]] = {
    "Gemini preference tuning": {
        "contents": [parts(ASKED)],
        "completions": [
            {"score": 1.0, "completion": parts(SHORT, "model")},
            {"score": 0.0, "completion": parts(LONG, "model")},
        ],
    },
    "Bedrock": {
        "messages": [
            {"role": "user", "content": [{"text": ASKED}]},
            {"role": "assistant", "candidates": [candidate(LONG, "non-preferred"), candidate(SHORT, "preferred")]},
        ]
    },
    "Anthropic blocks": {
        "messages": [TURN],
        "chosen": [{"type": "text", "text": SHORT}],
        "rejected": [{"type": "text", "text": LONG}],
    },
    "StackExchange": {
        "question": ASKED,
        "answers": [
            {"answer_id": 1, "pm_score": 1, "selected": False, "text": LONG},
            {"answer_id": 2, "pm_score": 3, "selected": True, "text": SHORT},
        ],
    },
    "a mark of the best": {
        "prompt": ASKED,
        "responses": [{"text": LONG, "is_chosen": False}, {"text": SHORT, "is_chosen": True}],
    },
    "RLHF-V": {"idx": 1, "text": json.dumps({"question": ASKED, "chosen": SHORT, "rejected": LONG})},
    "API payload": {
        "event": "vote",
        "payload": {"prompt": ASKED, "chosen": SHORT, "rejected": LONG, "user": {"id": 7}},
    },
    "MTurk": {**SHOWN, "Answer.preference": "response_b"},
    "MTurk radio": {**SHOWN, "Answer.best.a": "false", "Answer.best.b": "true"},
    "MTurk form": {**SHOWN, "Answer.taskAnswers": json.dumps([{"best": {"a": False, "b": True}, "why": "short"}])},
    "Toloka": {"INPUT:prompt": ASKED, "INPUT:answer_a": SHORT, "INPUT:answer_b": LONG, "OUTPUT:result": "a"},
    "Prodigy": {
        "text": ASKED,
        "options": [{"id": "x", "text": LONG}, {"id": "y", "text": SHORT}],
        "accept": ["y"],
        "answer": "accept",
        "_annotator_id": "kim",
        "_timestamp": 1700000000,
    },
    "FastChat log": {
        "tstamp": 1.7e9,
        "type": "rightvote",
        "models": ["a", "b"],
        "states": [state(LONG), state(SHORT)],
        "ip": "10.1.2.3",
    },
    "ids of responses": {
        "prompt": ASKED,
        "candidates": [{"id": "r1", "text": LONG}, {"id": "r2", "text": SHORT}],
        "chosen_id": "r2",
    },
    "a question as the header": {
        "Prompt": ASKED,
        "Response 1": LONG,
        "Response 2": SHORT,
        "Which response do you prefer?": "Response 2 is slightly better",
    },
    "VisionArena": {
        "conversation_a": [[TURN], [{"role": "assistant", "content": LONG}]],
        "conversation_b": [[TURN], [{"role": "assistant", "content": SHORT}]],
        "winner": "model_b",
    },
    "LibreChat": {
        "conversationId": "c",
        "messages": [
            {"messageId": "0", "parentMessageId": "-", "text": ASKED, "isCreatedByUser": True},
            {"messageId": "1", "parentMessageId": "0", "text": LONG, "feedback": {"rating": "thumbsDown"}},
            {"messageId": "2", "parentMessageId": "0", "content": [{"type": "text", "text": {"value": SHORT}}]},
        ],
    },
    "UltraInteract": {"trajectory": [{"from": "user", "value": ASKED}], "chosen": SHORT, "rejected": LONG},
    "MongoDB": {
        "_id": {"$oid": "65f"},
        "prompt": ASKED,
        "chosen": SHORT,
        "rejected": LONG,
        "created_at": {"$date": "2024-01-01T00:00:00Z"},
    },
}


@pytest.mark.parametrize("name", ROWS)
def test_one_pair(tmp_path: Path, name: str) -> None:
    (choice,) = read(tmp_path, ROWS[name])
    assert (choice.chosen, choice.rejected, choice.tie) == (SHORT, LONG, False)
    assert [(turn.role, turn.content) for turn in choice.context] == [("user", ASKED)]


def test_an_address_is_no_name(tmp_path: Path) -> None:
    (choice,) = read(tmp_path, ROWS["FastChat log"])
    assert "10.1.2.3" not in repr(choice)


@pytest.mark.parametrize("system", ["Be brief.", [{"type": "text", "text": "Be brief."}], parts("Be brief.")])
def test_system_text_in_parts_is_not_dropped(tmp_path: Path, system: object) -> None:
    (choice,) = read(tmp_path, {"system": system, "messages": [TURN], "chosen": SHORT, "rejected": LONG})
    assert [turn.content for turn in choice.context] == ["Be brief.", ASKED]


def test_several_rejected_are_one_choice(tmp_path: Path) -> None:
    found = read(tmp_path, {"prompt": ASKED, "chosen": [SHORT], "rejected": [LONG, THIRD], "models": ["a", "b", "c"]})
    assert [(one.chosen, one.rejected, one.weight) for one in found] == [(SHORT, LONG, 0.5), (SHORT, THIRD, 0.5)]
    (choice,) = read(tmp_path, {"prompt": ASKED, "chosen": SHORT, "rejected": [LONG]})
    assert (choice.chosen, choice.rejected) == (SHORT, LONG)


@pytest.mark.parametrize(("winner", "tie"), [("bothgood", True), ("all bad", True), ("system_1", False)])
def test_more_spellings_of_a_winner(tmp_path: Path, winner: str, tie: bool) -> None:
    (choice,) = read(tmp_path, {"prompt": ASKED, "response_a": SHORT, "response_b": LONG, "winner": winner})
    assert (choice.tie, choice.chosen) == (tie, SHORT)


def test_text_deep_in_a_column_is_named(tmp_path: Path) -> None:
    deep = [{"turn": {"side": {"content": [{"text": "Something that was said before."}]}}}]
    read(tmp_path, {"prompt": ASKED, "chosen": SHORT, "rejected": LONG, "earlier": deep}, unread=("earlier",))


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("5/13/2024 10:00:00", "2024-05-13T10:00:00+00:00"),
        ("13/5/2024, 9:05 PM", "2024-05-13T21:05:00+00:00"),
        ("5/5/2024", "2024-05-05T00:00:00+00:00"),
        ("5/1/2024 10:00:00", None),
    ],
)
def test_a_form_s_dates_refuse_no_row(tmp_path: Path, written: str, time: str | None) -> None:
    path = tmp_path / "form.csv"
    head = "Timestamp,Email Address,Question,Answer A,Answer B,Which answer is better?"
    path.write_text(f'{head}\n"{written}",a@b.c,{ASKED},{LONG},{SHORT},Answer B\n', "utf-8")
    problems = Problems()
    (choice,) = read_choices(path, problems=problems)
    assert (choice.user, choice.chosen, choice.time) == ("a@b.c", SHORT, time)
    assert list(problems.undated) == ([] if time else ["Timestamp"])
    assert bool(problems.remarks()) == (time is None)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        *(("response_chosen", "response_rejected"), ("pos_resp", "neg_resp"), ("response_j", "response_k")),
        *(
            ("win", "lose"),
            ("Good", "Bad"),
            ("preferred answer", "other answer"),
            ("best", "worst"),
            ("y_pos", "y_neg"),
        ),
    ],
)
def test_more_names_of_the_two_columns(tmp_path: Path, better: str, worse: str) -> None:
    (choice,) = read(tmp_path, {"prompt": ASKED, better: SHORT, worse: LONG})
    assert (choice.chosen, choice.rejected) == (SHORT, LONG)


def test_one_answer_a_row_with_a_thumb_in_an_object(tmp_path: Path) -> None:
    rows = [{"input": ASKED, "model_response": said, "feedback": {"value": up}} for said, up in ((SHORT, 1), (LONG, 0))]
    (choice,) = read(tmp_path, *rows)
    assert (choice.chosen, choice.rejected) == (SHORT, LONG)


def test_a_prompt_alone_is_near_to_no_format(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, {"prompt": ASKED, "outcome": SHORT})
    assert "nearest" not in str(caught.value)
