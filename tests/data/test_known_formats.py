"""Every format of other tools and published sets, from small files of its schema: who preferred what, after what."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from personalrm.data.formats import known_formats
from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices, read_history, read_people
from personalrm.errors import RowError
from personalrm.preferences import Preference

ASKED, SHORT, LONG, THIRD = "How do I boil an egg?", "Eight minutes.", "Great question! It is an art.", "Use a timer."
Shown = tuple[str, tuple[tuple[str, str], ...], str, str, bool]
"""A choice as these tests look at it: user, turns, chosen, rejected, whether it is a tie."""


def user(said: Any) -> dict[str, Any]:
    return {"role": "user", "content": said}


def assistant(said: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": said, **more}


def file_of(tmp_path: Path, rows: Any, kind: str = "jsonl") -> Path:
    path = tmp_path / f"a.{kind}"
    if kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    elif kind == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        path.write_text(text.getvalue(), "utf-8")
    else:
        path.write_text(json.dumps(rows, indent=1), "utf-8")
    return path


def shown(choices: Iterable[Preference]) -> list[Shown]:
    return [
        (one.user, tuple((turn.role, turn.content) for turn in one.context), one.chosen, one.rejected, one.tie)
        for one in choices
    ]


def read(tmp_path: Path, rows: Any, kind: str = "jsonl") -> list[Preference]:
    """The choices; nothing may have been skipped, and no column with text left out."""
    problems = Problems()
    found = list(read_choices(file_of(tmp_path, rows, kind), problems=problems))
    assert (problems.skipped, list(problems.unread)) == (0, [])
    return found


def one(who: str, chosen: str, rejected: str, *turns: tuple[str, str], tie: bool = False) -> Shown:
    return who, turns or (("user", ASKED),), chosen, rejected, tie


# OpenAI, LLaMA-Factory, ms-swift, NeMo-RL, TRL: what people train from

DPO = {"input": {"messages": [user(ASKED)], "tools": [], "parallel_tool_calls": True}}


@pytest.mark.parametrize(
    ("preferred", "other"),
    [
        ([assistant(SHORT)], [assistant(LONG)]),
        (assistant(SHORT), assistant(LONG)),
        (SHORT, LONG),
        ([assistant([{"type": "text", "text": SHORT}])], [assistant(LONG)]),
        (json.dumps([assistant(SHORT)]), json.dumps([assistant(LONG)])),
    ],
)
def test_openai_preference_fine_tuning(tmp_path: Path, preferred: object, other: object) -> None:
    row = {**DPO, "preferred_output": preferred, "non_preferred_output": other}
    assert shown(read(tmp_path, [row])) == [one("me", SHORT, LONG)]
    assert shown(read(tmp_path, [{**row, "input": json.dumps(row["input"])}], "csv" if preferred is SHORT else "jsonl"))


def test_openai_preference_fine_tuning_with_system_text_turns_and_a_tool_call(tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "timer", "arguments": '{"minutes": 8}'}}
    row = {
        "input": {
            "messages": [{"role": "developer", "content": "Be brief."}, user("Hi"), assistant("Yes?"), user(ASKED)]
        },
        "preferred_output": [assistant(None, tool_calls=[call])],
        "non_preferred_output": [assistant(LONG)],
        "user": "kim",
    }
    turns = (("system", "Be brief."), ("user", "Hi"), ("assistant", "Yes?"), ("user", ASKED))
    assert shown(read(tmp_path, [row])) == [one("kim", 'timer({"minutes": 8})', LONG, *turns)]


HUMAN, GPT = {"from": "human", "value": ASKED}, {"from": "gpt", "value": SHORT}


def test_llama_factory_sharegpt(tmp_path: Path) -> None:
    other = {"from": "gpt", "value": LONG}
    rows = [
        {"conversations": [HUMAN], "chosen": GPT, "rejected": other},
        {"conversations": [HUMAN], "chosen": GPT, "rejected": other, "system": "Be brief."},
        {"conversations": [{"from": "human", "value": "Hi"}, other, HUMAN], "chosen": GPT, "rejected": other},
    ]
    assert shown(read(tmp_path, rows, "json")) == [
        one("me", SHORT, LONG),
        one("me", SHORT, LONG, ("system", "Be brief."), ("user", ASKED)),
        one("me", SHORT, LONG, ("user", "Hi"), ("assistant", LONG), ("user", ASKED)),
    ]


def test_llama_factory_alpaca_input_belongs_to_the_prompt(tmp_path: Path) -> None:
    pair = {"chosen": SHORT, "rejected": LONG}
    rows = [
        {"instruction": ASKED, "input": "Answer for a beginner.", **pair},
        {"instruction": ASKED, "input": "", **pair},
        {"instruction": ASKED, "input": "Again.", "system": "Be brief.", "history": [["Hi", "Yes?"]], **pair},
        {"instruction": "And a duck's?", "input": None, "output": [SHORT, LONG]},
    ]
    assert shown(read(tmp_path, rows, "json")) == [
        one("me", SHORT, LONG, ("user", f"{ASKED}\nAnswer for a beginner.")),
        one("me", SHORT, LONG),
        one(
            "me",
            SHORT,
            LONG,
            ("system", "Be brief."),
            ("user", "Hi"),
            ("assistant", "Yes?"),
            ("user", f"{ASKED}\nAgain."),
        ),
        one("me", SHORT, LONG, ("user", "And a duck's?")),
    ]


@pytest.mark.parametrize("tag", ["kto_tag", "label"])
def test_kto_in_messages(tmp_path: Path, tag: str) -> None:
    name = "conversations" if tag == "kto_tag" else "messages"
    rows = [{name: [user(ASKED), assistant(said)], tag: good} for said, good in ((SHORT, True), (LONG, False))]
    assert shown(read(tmp_path, rows)) == [one("me", SHORT, LONG)]


def test_ms_swift(tmp_path: Path) -> None:
    rows = [
        {"messages": [user(ASKED), assistant(SHORT)], "rejected_response": LONG},
        {"messages": [{"role": "system", "content": "S"}, user(ASKED), assistant(SHORT)], "rejected_response": LONG},
        {
            "messages": [user("And a duck's?"), assistant(SHORT)],
            "rejected_messages": [user("And a duck's?"), assistant(LONG)],
        },
        {"system": "S", "history": [["Hi", "Yes?"]], "query": ASKED, "response": SHORT, "rejected_response": LONG},
    ]
    assert shown(read(tmp_path, rows)) == [
        one("me", SHORT, LONG),
        one("me", SHORT, LONG, ("system", "S"), ("user", ASKED)),
        one("me", SHORT, LONG, ("user", "And a duck's?")),
        one("me", SHORT, LONG, ("system", "S"), ("user", "Hi"), ("assistant", "Yes?"), ("user", ASKED)),
    ]


def test_nemo_rl(tmp_path: Path) -> None:
    ranked = ((SHORT, 0), (LONG, 1))
    row = {
        "context": [user(ASKED)],
        "completions": [{"rank": rank, "completion": [assistant(said)]} for said, rank in ranked],
    }
    assert shown(read(tmp_path, [row])) == [one("me", SHORT, LONG)]
    row["completions"] += [{"rank": 1, "completion": [assistant(THIRD)]}]
    found = read(tmp_path, [row])
    assert shown(found) == [one("me", SHORT, LONG), one("me", SHORT, THIRD), one("me", LONG, THIRD, tie=True)]
    assert [one.weight for one in found[:2]] == [0.5, 0.5]


def test_the_first_turn_is_not_doubled(tmp_path: Path) -> None:
    for prompt in (ASKED, f" {ASKED}\n", [user(ASKED)], json.dumps([user(ASKED)])):
        row = {"prompt": prompt, "chosen": [user(ASKED), assistant(SHORT)], "rejected": [user(ASKED), assistant(LONG)]}
        assert shown(read(tmp_path, [row])) == [one("me", SHORT, LONG)]
    longer = [user("Hi"), assistant("Yes?"), user(ASKED)]
    row = {"prompt": "Hi", "chosen": [*longer, assistant(SHORT)], "rejected": [*longer, assistant(LONG)]}
    turns = (("user", "Hi"), ("assistant", "Yes?"), ("user", ASKED))
    assert shown(read(tmp_path, [row])) == [one("me", SHORT, LONG, *turns)]


def test_messages_as_json_text_with_tools(tmp_path: Path) -> None:
    row = {
        side: json.dumps({"messages": [user(ASKED), assistant(said)], "tools": "[]"})
        for side, said in (("chosen", SHORT), ("rejected", LONG))
    }
    assert shown(read(tmp_path, [row])) == [one("me", SHORT, LONG)]
    assert shown(read(tmp_path, [row], "csv")) == [one("me", SHORT, LONG)]


# What people export: Open WebUI, Label Studio, Argilla, Langfuse


def webui(
    rating: Any, arena: bool = True, rated: str = "m2", siblings: int = 1, who: str | None = "u1"
) -> dict[str, Any]:
    others = {f"s{at}": (LONG, THIRD)[at] for at in range(siblings)}
    answers = {"m2": SHORT, **others}
    messages = {"m1": {"id": "m1", "parentId": None, "childrenIds": list(answers), **user(ASKED)}}
    for name, said in answers.items():
        messages[name] = {"id": name, "parentId": "m1", "childrenIds": [], **assistant(said), "model": f"of {name}"}
    messages["m2"]["childrenIds"] = ["m4"]
    messages["m4"] = {"id": "m4", "parentId": "m2", "childrenIds": ["m5"], **user("And a duck's?")}
    messages["m5"] = {"id": "m5", "parentId": "m4", "childrenIds": [], **assistant("Ten minutes.")}
    return {
        "id": f"f-{rating}-{arena}-{rated}",
        "user_id": who,
        "version": 0,
        "type": "rating",
        "data": {"rating": rating, "model_id": "x", "sibling_model_ids": ["y"], "comment": "short", "details": {}},
        "meta": {"arena": arena, "chat_id": "chat", "message_id": rated, "message_index": 2},
        "snapshot": {"chat": {"id": "chat", "chat": {"history": {"currentId": rated, "messages": messages}}}},
        "created_at": 1719000000,
        "updated_at": 1719000001,
    }


def test_open_webui_feedback(tmp_path: Path) -> None:
    found = read(tmp_path, [webui(1), webui("-1", arena=False, who="u2"), webui(0), webui("", who="u3")], "json")
    assert shown(found) == [one("u1", SHORT, LONG), one("u2", LONG, SHORT), one("u1", SHORT, LONG, tie=True)]
    assert [one.weight for one in found] == [1.0, 0.5, 1.0]
    assert [(one.group, one.reason, one.time) for one in found] == [("chat", "short", "2024-06-21T20:00:00+00:00")] * 3


def test_open_webui_rating_of_one_of_several_siblings_counts_once(tmp_path: Path) -> None:
    found = read(tmp_path, [webui(-1, siblings=2, who=None)], "json")
    assert shown(found) == [one("me", LONG, SHORT), one("me", THIRD, SHORT)]
    assert sum(one.weight for one in found) == 1
    assert len({one.ranking for one in found}) == 1


def test_open_webui_rating_without_a_sibling_is_a_thumb(tmp_path: Path) -> None:
    history = read_history(file_of(tmp_path, [webui(1), webui(-1, rated="m5")], "json"))
    (thumb,) = history.thumbs
    assert (thumb.response, thumb.liked, thumb.user, thumb.group) == ("Ten minutes.", False, "u1", "chat")
    assert [turn.content for turn in thumb.context] == [ASKED, SHORT, "And a duck's?"]


def test_open_webui_chats(tmp_path: Path) -> None:
    chat = webui(1)["snapshot"]["chat"]
    chat["chat"]["history"]["messages"]["m2"]["annotation"] = {"rating": 1, "comment": "short"}
    rows = [{**chat, "user_id": "u1", "title": "Eggs"}, {"id": "other", "chat": {"history": {"messages": {}}}}]
    problems = Problems()
    found = list(read_choices(file_of(tmp_path, rows, "json"), problems=problems))
    assert shown(found) == [one("u1", SHORT, LONG)]
    assert (found[0].group, found[0].weight, problems.empty, problems.skipped) == ("chat", 0.5, 1, 0)


def task(result: list[dict[str, Any]], data: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    data = data or {"prompt": ASKED, "text1": SHORT, "text2": LONG}
    annotation = {"id": 11, "completed_by": 3, "was_cancelled": False, "created_at": "2026-01-01T00:00:00Z"}
    return {"id": 1, "data": data, "annotations": [{**annotation, "result": result, **more}], "project": 1}


def pairwise(side: str, to: str = "text1,text2") -> list[dict[str, Any]]:
    return [{"id": "r", "type": "pairwise", "from_name": "pw", "to_name": to, "value": {"selected": side}}]


WRITTEN = {"type": "textarea", "from_name": "why", "to_name": "prompt", "value": {"text": ["short"]}}
PLACES = {"Frage": ASKED, "Antwort links": SHORT, "Antwort rechts": LONG}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (task(pairwise("left")), one("3", SHORT, LONG)),
        (task(pairwise("right"), completed_by={"id": 3, "email": "kim@x"}), one("kim@x", LONG, SHORT)),
        (task(pairwise("left"), completed_by=None), one("me", SHORT, LONG)),
        (task(pairwise("right", "t1,t2"), {"q": ASKED, "answer_a": SHORT, "answer_b": LONG}), one("3", LONG, SHORT)),
        (task(pairwise("left", "one,two"), {"q": ASKED, "one": SHORT, "two": LONG}), one("3", SHORT, LONG)),
        (task(pairwise("right", "links,rechts"), PLACES), one("3", LONG, SHORT)),
        (task([WRITTEN, *pairwise("left")]), one("3", SHORT, LONG)),
        (task([{"type": "choices", "to_name": "prompt", "value": {"choices": ["text2"]}}]), one("3", LONG, SHORT)),
        (
            task([{"type": "choices", "to_name": "prompt", "value": {"choices": ["Tie"]}}]),
            one("3", SHORT, LONG, tie=True),
        ),
        (
            task([{"type": "rating", "to_name": f"text{at}", "value": {"rating": 6 - 2 * at}} for at in (1, 2)]),
            one("3", SHORT, LONG),
        ),
    ],
)
def test_label_studio(tmp_path: Path, row: dict[str, Any], expected: Shown) -> None:
    cancelled = task(pairwise("left"), was_cancelled=True)
    problems = Problems()
    found = list(
        read_choices(file_of(tmp_path, [row, cancelled, {**cancelled, "annotations": []}], "json"), problems=problems)
    )
    assert shown(found) == [expected]
    assert (problems.skipped, problems.empty, list(problems.unread)) == (0, 2, [])
    assert found[0].time == "2026-01-01T00:00:00+00:00"
    assert found[0].reason == ("short" if WRITTEN in row["annotations"][0]["result"] else None)


def test_label_studio_before_its_first_version(tmp_path: Path) -> None:
    row = task(pairwise("left"))
    row["completions"] = row.pop("annotations")
    assert shown(read(tmp_path, [row], "json")) == [one("3", SHORT, LONG)]


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_label_studio_json_min(tmp_path: Path, kind: str) -> None:
    row = {"id": 1, "prompt": ASKED, "text1": SHORT, "text2": LONG, "annotator": 3, "lead_time": 3.2}
    rows = [
        {**row, "pw": "left", "annotation_id": 11, "created_at": "2026-01-01T00:00:00Z"},
        {**row, "pw": "right", "annotation_id": 8, "created_at": "2026-01-01T00:00:00Z", "annotator": 4},
    ]
    assert shown(read(tmp_path, rows, kind)) == [one("3", SHORT, LONG), one("4", LONG, SHORT)]


FIELDS = {"prompt": ASKED, "response1": SHORT, "response2": LONG}


def record(responses: Any, fields: dict[str, Any] = FIELDS) -> dict[str, Any]:
    about: dict[str, Any] = {"status": "completed", "metadata": {}, "suggestions": {}, "vectors": {}}
    return {"id": "r1", "fields": fields, "responses": responses, **about}


def said(value: Any, who: str | None = "u", status: str = "submitted") -> dict[str, Any]:
    return {"value": value, "user_id": who, "status": status}


@pytest.mark.parametrize(
    ("responses", "expected"),
    [
        ({"preference": [said("response1")]}, [one("u", SHORT, LONG)]),
        ({"preference": [said("response2", None)]}, [one("me", LONG, SHORT)]),
        (
            {"preference": [said("response1"), said("response2", "v"), said("response1", "w", "discarded")]},
            [one("u", SHORT, LONG), one("v", LONG, SHORT)],
        ),
        ({"preference": [said("Response 2")]}, [one("u", LONG, SHORT)]),
        ({"preference": [said("tie")]}, [one("u", SHORT, LONG, tie=True)]),
        ({"preference": [said(["response2", "response1"])]}, [one("u", LONG, SHORT)]),
        (
            {"preference": [said([{"value": "response2", "rank": 1}, {"value": "response1", "rank": 2}])]},
            [one("u", LONG, SHORT)],
        ),
        ({"rating_response1": [said(4)], "rating_response2": [said(2)]}, [one("u", SHORT, LONG)]),
        ({"rating_response1": [said(3)], "rating_response2": [said(3)]}, [one("u", SHORT, LONG, tie=True)]),
        (
            [{"user_id": "u", "status": "submitted", "values": {"preference": {"value": "response1"}}}],
            [one("u", SHORT, LONG)],
        ),
    ],
)
def test_argilla_records(tmp_path: Path, responses: Any, expected: list[Shown]) -> None:
    assert shown(read(tmp_path, [record(responses)], "json")) == expected


def test_argilla_fields_of_other_names_and_a_ranking_of_three(tmp_path: Path) -> None:
    order = [{"value": name, "rank": rank} for name, rank in (("c", 1), ("a", 2), ("b", 2))]
    rows = [
        record({"rank": [said(order)]}, {"what was asked": ASKED, "a": SHORT, "b": LONG, "c": THIRD}),
        record({"better": [said("reply_b", "v")]}, {"chat": [user(ASKED)], "reply_a": SHORT, "reply_b": LONG}),
    ]
    first, second, tie, last = read(tmp_path, rows, "json")
    assert shown([first, second, tie]) == [
        one("u", THIRD, SHORT),
        one("u", THIRD, LONG),
        one("u", SHORT, LONG, tie=True),
    ]
    assert first.ranking == second.ranking == tie.ranking is not None
    assert first.weight == second.weight == 0.5
    assert shown([last]) == [one("v", LONG, SHORT)]


def test_langfuse_traces(tmp_path: Path) -> None:
    rows = [
        {
            "id": name,
            "userId": "u",
            "sessionId": "s",
            "input": {"messages": [user(ASKED)]},
            "output": output,
            "scores": [{"name": "user-feedback", "value": value}, {"name": "cost", "value": 9, "source": "EVAL"}],
        }
        for name, output, value in (("t1", SHORT, 1), ("t2", assistant(LONG), 0))
    ]
    assert shown(read(tmp_path, rows, "json")) == [one("u", SHORT, LONG)]


# Published sets


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
