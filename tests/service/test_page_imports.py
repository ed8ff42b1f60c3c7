"""Files imported on a page: what is read, what is named, and that nothing is lost."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from page_visits import asked, text_of, upload
from service_process import PAIR, Api, choice


def _webui(number: int) -> dict[str, Any]:
    """A rating of one of two answers, as Open WebUI exports its feedback."""
    made = choice(number)
    message = {"parentId": "m1", "childrenIds": [], "role": "assistant"}
    messages = {
        "m1": {"id": "m1", "parentId": None, "childrenIds": ["m2", "m3"], "role": "user", "content": made["prompt"]},
        "m2": {**message, "id": "m2", "content": made["chosen"], "model": "one", "annotation": {"rating": 1}},
        "m3": {**message, "id": "m3", "content": made["rejected"], "model": "two"},
    }
    data = {"rating": 1, "model_id": "one", "sibling_model_ids": ["two"], "reason": "", "comment": "short"}
    chat = {"title": "t", "models": ["one", "two"], "history": {"currentId": "m2", "messages": messages}}
    return {
        "id": f"f{number}",
        "user_id": "webui-person",
        "version": 0,
        "type": "rating",
        "data": data,
        "meta": {"arena": True, "chat_id": f"ch{number}", "message_id": "m2", "message_index": 2, "model_id": "one"},
        "snapshot": {"chat": {"id": f"ch{number}", "user_id": "webui-person", "title": "t", "chat": chat}},
        "created_at": 1719000000 + number,
        "updated_at": 1719000000 + number,
    }


def _dpo(number: int) -> dict[str, Any]:
    """A pair as OpenAI's preference fine-tuning takes it."""
    made = choice(number)
    return {
        "input": {"messages": [{"role": "user", "content": made["prompt"]}]},
        "preferred_output": [{"role": "assistant", "content": made["chosen"]}],
        "non_preferred_output": [{"role": "assistant", "content": made["rejected"]}],
    }


def _label(number: int) -> dict[str, Any]:
    """A pairwise label of Label Studio."""
    made = choice(number)
    value = {"type": "pairwise", "from_name": "pw", "to_name": "text1,text2", "value": {"selected": "left"}}
    data = {"prompt": made["prompt"], "text1": made["chosen"], "text2": made["rejected"]}
    return {"id": number, "data": data, "annotations": [{"id": number, "completed_by": 3, "result": [value]}]}


@pytest.mark.parametrize(
    ("row", "name", "by_line"), [(_webui, "feedback.json", False), (_dpo, "dpo.jsonl", True), (_label, "l.json", False)]
)
def test_files_of_other_tools_are_imported(
    api: Api, user: str, row: Callable[[int], dict[str, Any]], name: str, by_line: bool
) -> None:
    rows = [row(number) for number in range(4)]
    content = "\n".join(map(json.dumps, rows)) if by_line else json.dumps(rows)
    page = uploaded(api, name, content.encode(), user)
    assert "Imported" in page
    found = [one for one in (user, "webui-person", "3") if api.get(f"/v1/people/{one}").status == 200]
    assert len(found) >= 1
    who = "webui-person" if row is _webui else found[0]
    stored = api.get(f"/v1/people/{who}/choices").body["choices"]
    assert [(one["chosen"], one["rejected"]) for one in stored] == [
        (choice(number)["chosen"], choice(number)["rejected"]) for number in range(4)
    ]
    again = uploaded(api, name, content.encode(), user)
    assert "4 choices already stored" in again


def test_an_import_keeps_no_nul_characters(api: Api, user: str) -> None:
    """Which PostgreSQL cannot store."""
    row = {
        "id": "c\0",
        "group": "g\0",
        "domain": "d\0",
        "reason": "r\0",
        "prompt": "p\0",
        "chosen": "\0",
        "rejected": "b",
    }
    answer = upload(api, "/import", {"name": user}, "a.jsonl", json.dumps(row).encode())
    assert answer.status == 200
    (stored,) = api.get(f"/v1/people/{user}/choices").body["choices"]
    assert "\0" not in str(stored)
    assert (stored["chosen"], stored["context"][0]["content"]) == ("\ufffd", "p\ufffd")


def test_an_import_names_what_it_cannot_read_and_keeps_the_rest(api: Api, user: str) -> None:
    rows = [json.dumps({**choice(0), "user": user}), '{"prompt": "half', json.dumps({**choice(1), "user": user})]
    page = uploaded(api, "some.jsonl", "\n".join(rows).encode(), "")
    assert "line 2" in page
    assert len(api.get(f"/v1/people/{user}/choices").body["choices"]) == 2


def uploaded(api: Api, name: str, content: bytes, owner: str) -> str:
    """The page that answers a file sent by the form."""
    answer = upload(api, "/import", {"name": owner}, name, content)
    assert answer.status == 200
    return text_of(answer)


def test_of_two_files_that_number_their_rows_alike_nothing_is_lost(api: Api, user: str) -> None:
    for first in (0, 100):
        rows = [json.dumps({**choice(first + n), "id": str(n), "user": user}) for n in range(3)]
        assert "3 new choices" in uploaded(api, f"{first}.jsonl", "\n".join(rows).encode(), "")
    assert "already stored" in uploaded(api, "100.jsonl", "\n".join(rows).encode(), "")
    found = api.get(f"/v1/people/{user}/choices").body["choices"]
    assert {one["chosen"] for one in found} == {choice(n)["chosen"] for n in (0, 1, 2, 100, 101, 102)}
    assert len(found) == 6


def test_a_file_of_thumbs_alone_makes_a_persona(api: Api, user: str) -> None:
    rows = [
        {"user": user, "prompt": f"Question {n}?", "completion": choice(n)[side], "label": side == "chosen"}
        for n in range(12)
        for side in ("chosen", "rejected")
    ]
    rows = [{**one, "prompt": f"{one['prompt']} {number}"} for number, one in enumerate(rows)]
    content = "\n".join(map(json.dumps, rows)).encode()
    assert "24 new thumbs" in uploaded(api, "kto.jsonl", content, "")
    assert api.fresh(user) >= 1
    assert api.post(f"/v1/people/{user}/compare", PAIR).body["preferred"] == "a"
    assert asked(api, "GET", f"/people/{user}", api.key).status == 200


def test_an_import_says_which_file_is_wrong_and_whose_name_cannot_be_used(api: Api, user: str) -> None:
    fields: dict[str, str] = {"name": ""}
    wrong = upload(api, "/import", fields, "mine.csv", b"prompt,chosen\n1,2\n")
    assert wrong.status == 422
    assert "mine.csv" in text_of(wrong)
    assert "personalrm-import" not in text_of(wrong)
    rows = [{"user": name, "prompt": "p", "chosen": "a", "rejected": "b"} for name in (user, "a/b", "x" * 201)]
    found = text_of(upload(api, "/import", fields, "rows.jsonl", "\n".join(map(json.dumps, rows)).encode()))
    assert "2 people not imported" in found
    assert "a/b" in found
    assert api.get(f"/v1/people/{user}").body["choices"] == 1
    bomb = upload(api, "/import", fields, "bomb.jsonl.gz", gzip.compress(b"\n" * (65 << 20), 1))
    assert (bomb.status, "64 MiB" in text_of(bomb)) == (422, True)
