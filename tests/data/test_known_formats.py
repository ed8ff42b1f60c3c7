"""Every format of other tools and published sets, from small files of its schema: who preferred what, after what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from format_rows import ASKED, LONG, SHORT, THIRD, Shown, assistant, file_of, one, read, shown, user

from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices, read_history

"""A choice as these tests look at it: user, turns, chosen, rejected, whether it is a tie."""


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
