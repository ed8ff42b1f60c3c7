"""Further formats of judges' data sets, annotation tools and product logs: who preferred what, after what."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices, read_history, read_judgements
from personalrm.data.suggesting import suggested
from personalrm.errors import DataError
from personalrm.preferences import ME, Thumb

Shown = tuple[str, str, str, str, bool]
"""User, the last message of the context, chosen, rejected, tie."""


def write(tmp_path: Path, rows: list[dict[str, Any]]) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


def shown(tmp_path: Path, rows: list[dict[str, Any]]) -> list[Shown]:
    problems = Problems()
    found = [
        (one.user, one.context[-1].content, one.chosen, one.rejected, one.tie)
        for one in read_choices(write(tmp_path, rows), problems=problems)
    ]
    assert problems.skipped == 0
    return found


def talk(asked: str, said: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]


ALPACA = {"output_1": "O1", "output_2": "O2", "generator_1": "davinci", "generator_2": "gpt4", "dataset": "helpful"}
PROMETHEUS = {
    "orig_instruction": "Q",
    "orig_response_A": "RA",
    "orig_response_B": "RB",
    "instruction": "###Task: judge",
    "output": "Feedback [RESULT]",
}
PANDA = {"input": "", "response1": "R1", "response2": "R2"}
JUDGELM = {"question_body": "Q", "answer1_body": "R1", "answer2_body": "R2", "answer1_model_id": "m"}
AUTO_J = {"prompt": "Q", "response 1": "R1", "response 2": "R2", "scenario": "writing"}
IA = {
    "model_a_name": "x",
    "model_b_name": "y",
    "opening_msg": "Bonjour",
    "visitor_id": "v",
    "conversation_a": talk("Bonjour", "CA"),
    "conversation_b": talk("Bonjour", "CB"),
}
EVENT = {"event": "thumbs_up", "timestamp": "2024-01-01T00:00:00Z", "distinct_id": "u1"}
OPTIONS = {"text": "Q", "options": [{"id": "A", "text": "RA"}, {"id": "B", "text": "RB"}, {"id": "tie", "text": "Tie"}]}
SPAN = {"span_id": "x", "root_span_id": "x", "input": "Q", "created": "2024-06-01T00:00:00Z"}
SUGGESTED = {"prompt": "Q", "response1": "R1", "response2": "R2", "external_id": None}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(
            [
                {**ALPACA, "instruction": f"Q{value}", "preference": value, "annotator": "gpt4"}
                for value in (1.0, 2.0, 1.5, 1.0000123, 1.9987)
            ],
            [
                ("gpt4", "Q1.0", "O1", "O2", False),
                ("gpt4", "Q2.0", "O2", "O1", False),
                ("gpt4", "Q1.5", "O1", "O2", True),
                ("gpt4", "Q1.0000123", "O1", "O2", False),
                ("gpt4", "Q1.9987", "O2", "O1", False),
            ],
            id="AlpacaEval",
        ),
        pytest.param(
            [{**JUDGELM, "score": [9.0, 3.0]}, {**JUDGELM, "score": [2, 7]}, {**JUDGELM, "score": [5, 5]}],
            [(ME, "Q", "R1", "R2", False), (ME, "Q", "R2", "R1", False), (ME, "Q", "R1", "R2", True)],
            id="JudgeLM",
        ),
        pytest.param(
            [{**PROMETHEUS, "orig_preference": "A"}, {**PROMETHEUS, "orig_preference": "B"}],
            [(ME, "Q", "RA", "RB", False), (ME, "Q", "RB", "RA", False)],
            id="Prometheus",
        ),
        pytest.param(
            [{**PANDA, "instruction": f"Q{value}", "result": value} for value in (1, 2, 0)],
            [(ME, "Q1", "R1", "R2", False), (ME, "Q2", "R2", "R1", False), (ME, "Q0", "R1", "R2", True)],
            id="PandaLM",
        ),
        pytest.param(
            [{**PANDA, "instruction": "Q", "annotator1": 1, "annotator2": 2, "annotator3": 0}],
            [
                ("annotator1", "Q", "R1", "R2", False),
                ("annotator2", "Q", "R2", "R1", False),
                ("annotator3", "Q", "R1", "R2", True),
            ],
            id="PandaLM test",
        ),
        pytest.param(
            [{**AUTO_J, "label": value} for value in (0, 1, 2)],
            [(ME, "Q", "R1", "R2", False), (ME, "Q", "R2", "R1", False), (ME, "Q", "R1", "R2", True)],
            id="Auto-J",
        ),
        pytest.param(
            [
                {
                    "conv_A": talk("Q", "CA"),
                    "conv_B": talk("Q", "CB"),
                    "conv_A_rating": 2.0,
                    "conv_B_rating": 5.0,
                    "source": "s",
                }
            ],
            [(ME, "Q", "CB", "CA", False)],
            id="Unified-Feedback",
        ),
        pytest.param(
            [
                {**IA, "chosen_model_name": "y", "both_equal": False},
                {**IA, "chosen_model_name": None, "both_equal": True},
            ],
            [("v", "Bonjour", "CB", "CA", False), ("v", "Bonjour", "CA", "CB", True)],
            id="compar:IA",
        ),
        pytest.param(
            [
                {**EVENT, "properties": json.dumps({"prompt": "Q", "response": "R1"})},
                {**EVENT, "event": "thumbs_down", "properties": {"prompt": "Q", "response": "R2"}},
                {**EVENT, "event": "$pageview", "properties": {"$lib": "web"}},
            ],
            [("u1", "Q", "R1", "R2", False)],
            id="PostHog",
        ),
        pytest.param(
            [
                {
                    "event_type": "rated",
                    "event_time": "2024-01-01 00:00:00",
                    "user_id": "u1",
                    "event_properties": {"prompt": "Q", "response": said, "thumb": said},
                }
                for said in ("up", "down")
            ],
            [("u1", "Q", "up", "down", False)],
            id="Amplitude",
        ),
        pytest.param(
            [{"messages": talk("Q", said), "feedback": said, "user": "u"} for said in ("positive", "negative")],
            [("u", "Q", "positive", "negative", False)],
            id="rated conversations",
        ),
        pytest.param(
            [{**OPTIONS, "accept": ["tie"], "answer": "accept"}, {**OPTIONS, "accept": ["B"], "answer": "accept"}],
            [(ME, "Q", "RA", "RB", True), (ME, "Q", "RB", "RA", False)],
            id="Prodigy with a tie",
        ),
        pytest.param(
            [{"id": 1, "text": "Q", "label": ["B"], "response_a": "RA", "response_b": "RB", "Comments": []}],
            [(ME, "Q", "RB", "RA", False)],
            id="doccano",
        ),
        pytest.param(
            [
                {
                    **SUGGESTED,
                    "preference": [
                        {"user_id": "u1", "value": "response2", "status": "submitted"},
                        {"user_id": "u2", "value": "response1", "status": "draft"},
                    ],
                    "preference-suggestion": "response1",
                    "preference-suggestion-metadata": {"score": None},
                }
            ],
            [("u1", "Q", "R2", "R1", False)],
            id="Argilla 1 on the hub",
        ),
        pytest.param(
            [
                {**SPAN, "output": "R1", "scores": {"user_feedback": 1, "Factuality": 0}, "metadata": {"user_id": "u"}},
                {**SPAN, "output": "R2", "scores": {"user_feedback": 0, "Factuality": 1}, "metadata": {"user_id": "u"}},
            ],
            [("u", "Q", "R1", "R2", False)],
            id="Braintrust",
        ),
        pytest.param(
            [{"data.prompt": "Q", "data.response_a": "RA", "data.response_b": "RB", "annotation.winner": "b"}],
            [(ME, "Q", "RB", "RA", False)],
            id="nested names with dots",
        ),
    ],
)
def test_formats(tmp_path: Path, rows: list[dict[str, Any]], expected: list[Shown]) -> None:
    assert shown(tmp_path, rows) == expected


def test_mix_instruct_comparisons_count_as_one_choice(tmp_path: Path) -> None:
    row = {
        "id": "u/1",
        "instruction": "Name a fruit",
        "input": "",
        "output": "Apple",
        "candidates": [{"model": name, "text": name.upper(), "scores": {"bleu": 1.0}} for name in ("x", "y", "z")],
        "cmp_results": json.dumps({"x,y": "A is better", "y,z": "B is better", "x,z": "same good"}),
    }
    found = list(read_choices(write(tmp_path, [row])))
    assert [(one.chosen, one.rejected, one.tie) for one in found] == [
        ("X", "Y", False),
        ("Z", "Y", False),
        ("X", "Z", True),
    ]
    assert len({one.ranking for one in found}) == 1
    assert sum(one.weight for one in found) == pytest.approx(1)


def test_a_score_that_no_person_gave_is_not_a_thumb(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Factuality"):
        list(read_judgements(write(tmp_path, [{**SPAN, "output": "R1", "scores": {"Factuality": 1}}])))


def test_a_langsmith_run_as_langchain_writes_it(tmp_path: Path) -> None:
    message = {"lc": 1, "id": ["langchain", "schema", "HumanMessage"], "kwargs": {"content": "Q", "type": "human"}}
    feedback = [
        {"key": "helpfulness", "score": 0, "feedback_source": {"type": "model"}},
        {"key": "user_score", "score": 1, "feedback_source": {"type": "app"}},
    ]
    run = {
        "id": "r1",
        "inputs": {"messages": [[message]]},
        "feedback": feedback,
        "outputs": {"generations": [[{"text": "R"}]]},
    }
    (found,) = read_history(write(tmp_path, [run])).thumbs
    assert isinstance(found, Thumb)
    assert (found.context[0].role, found.context[0].content, found.response, found.liked) == ("user", "Q", "R", True)


def test_json_text_of_a_langfuse_csv_is_unwrapped(tmp_path: Path) -> None:
    row = {
        "id": "t",
        "userId": "u",
        "input": json.dumps({"messages": talk("Q", "")[:1]}),
        "output": json.dumps({"role": "assistant", "content": "R"}),
        "scores": json.dumps([{"name": "user-feedback", "value": 1, "source": "API"}]),
    }
    (found,) = read_history(write(tmp_path, [row])).thumbs
    assert (found.user, found.context[0].content, found.response) == ("u", "Q", "R")


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"title": "T", "mapping": {"a": {}}, "current_node": "a"}, "message_feedback.json"),
        ({"id": "a", "conversation_id": "c", "rating": "thumbs_up", "create_time": "x", "content": "{}"}, "texts"),
    ],
)
def test_chatgpt_exports_say_what_is_missing(tmp_path: Path, row: dict[str, Any], named: str) -> None:
    with pytest.raises(DataError, match=named):
        list(read_judgements(write(tmp_path, [row])))


def test_times_of_google_forms(tmp_path: Path) -> None:
    row = {
        "Timestamp": "2024/03/05 1:11:12 PM GMT+1",
        "Email Address": "a@b.c",
        "Prompt": "Q",
        "Response A": "RA",
        "Response B": "RB",
        "Which response is better?": "They are equally good",
    }
    (found,) = read_choices(write(tmp_path, [row]))
    assert (found.tie, found.user, found.time) == (True, "a@b.c", "2024-03-05T12:11:12+00:00")


@pytest.mark.parametrize(
    ("row", "chosen"),
    [
        ({"Ask": "Q", "Reply X": "good", "Reply Y": "bad", "Verdict of Kim": "a"}, "good"),
        ({"title": "Q", "good draft": "good", "bad draft": "bad", "rater": "r"}, "good"),
        ({"instruction": "Q", "gen1_text": "bad", "gen2_text": "good", "result": "b"}, "good"),
    ],
)
def test_the_suggested_columns_read_the_file(tmp_path: Path, row: dict[str, Any], chosen: str) -> None:
    path = write(tmp_path, [row])
    with pytest.raises(DataError, match="--columns") as error:
        list(read_choices(path))
    line = shlex.split(str(error.value).partition("perhaps ")[2].partition(";")[0])[1]
    (found,) = read_choices(path, columns=line)
    assert (found.chosen, found.context[-1].content) == (chosen, "Q")


def test_labels_of_harm_are_no_thumbs_but_may_be_said_to_be(tmp_path: Path) -> None:
    """BeaverTails: whether an answer is safe is not whether anybody prefers it."""
    rows = [{"prompt": "Q", "response": said, "category": {}, "is_safe": said == "safe"} for said in ("safe", "not")]
    with pytest.raises(DataError, match="liked=is_safe"):
        list(read_choices(write(tmp_path, rows)))
    (found,) = read_choices(write(tmp_path, rows), columns="prompt=prompt,response=response,liked=is_safe")
    assert (found.chosen, found.rejected) == ("safe", "not")


@pytest.mark.parametrize("names", [["chosen", "prompt"], ["a", "b", "c"], ["id", "value", "comment"], []])
def test_nothing_is_suggested_where_nothing_is_likely(names: list[str]) -> None:
    assert suggested(names) is None


def test_one_named_column_goes_with_known_ones_and_none_means_none(tmp_path: Path) -> None:
    path = write(tmp_path, [{"prompt": "Q", "fine": "good", "rejected": "bad", "response": "x", "score": 1}])
    (found,) = read_choices(path, columns="chosen=fine")
    assert (found.chosen, found.rejected) == ("good", "bad")
    with pytest.raises(DataError):
        list(read_choices(path, columns="response=-,rejected=-"))
