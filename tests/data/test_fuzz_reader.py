"""Files that hold anything: choices or one of our errors, never a fault of ours and never a hang.

Short here; PERSONALRM_FUZZ=20000 makes it long (`make fuzz`).
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import rounds

from personalrm.data.mapping import ASSIGNABLE
from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices
from personalrm.data.writing import write_choices
from personalrm.errors import PersonalrmError

USER, ONE, TWO = [{"role": "user", "content": "Hi"}], "Eight minutes.", "It is an art."
SEEDS: tuple[dict[str, Any], ...] = (
    {"user": "ada", "id": "1", "group": "g", "context": USER, "chosen": ONE, "rejected": TWO, "judges": {"x": True}},
    {"prompt": "Hi", "response_a": ONE, "response_b": TWO, "winner": "model_a", "annotator": "k"},
    {"prompt": "Hi", "responses": [ONE, TWO, "Six."], "ranks": [1, 2, 3]},
    {"prompt": "Hi", "completion": ONE, "label": True},
    {"input": {"messages": USER}, "preferred_output": [{"role": "assistant", "content": ONE}],
     "non_preferred_output": TWO},
    {"id": 1, "data": {"q": "Hi there", "a": ONE, "b": TWO}, "annotations": [{"id": 1, "completed_by": 1, "result": [
        {"type": "pairwise", "to_name": "a,b", "value": {"selected": "left"}}]}]},
    {"id": "r", "fields": {"prompt": "Hi", "a": ONE, "b": TWO}, "responses": {"p": [{"value": "a"}]}},
    {"conversation_a": [*USER, {"role": "assistant", "content": ONE}], "judge_hash": "j",
     "conversation_b": [*USER, {"role": "assistant", "content": TWO}], "winner": "tie (bothbad)", "tstamp": 1719e6},
    {"conversation_id": "c", "annotator_id": "a", "first_turn_prompt": "Hi", "first_turn_response_a": ONE,
     "first_turn_response_b": TWO, "first_turn_preferred_response": "response_b"},
    {"text": "Hi", "completion_a": ONE, "completion_b": TWO, "normal_worker_annotations": [
        {"evaluator": "w", "overall_pref": "A-is-clearly-better"}]},
    {"context": USER, "response1": ONE, "response2": TWO, "overall_preference": -2, "individual_preference": []},
    {"info": {"post": "Hi"}, "summaries": [{"text": ONE}, {"text": TWO}], "choice": 0, "worker": "w"},
    {"conversations": [{"from": "human", "value": "Hi"}], "chosen": {"from": "gpt", "value": ONE}, "rejected": TWO},
    {"context": USER, "completions": [{"rank": 0, "completion": [{"role": "assistant", "content": ONE}]},
                                      {"rank": 1, "completion": [{"role": "assistant", "content": TWO}]}]},
    {"id": "t", "userId": "u", "input": "Hi", "output": ONE, "scores": [{"name": "f", "value": 1}]},
    {"id": "f", "user_id": "u", "type": "rating", "data": {"rating": 1}, "meta": {"message_id": "2", "chat_id": "c"},
     "snapshot": {"chat": {"chat": {"history": {"messages": {
         "1": {"childrenIds": ["2", "3"], "role": "user", "content": "Hi"},
         "2": {"parentId": "1", "role": "assistant", "content": ONE},
         "3": {"parentId": "1", "role": "assistant", "content": TWO}}}}}}},
    {"instruction": "Hi", "output_1": ONE, "output_2": TWO, "generator_1": "x", "preference": 1.02, "annotator": "k"},
    {"question_body": "Hi", "answer1_body": ONE, "answer2_body": TWO, "score": [8, 1]},
    {"id": "1", "instruction": "Hi", "candidates": [{"model": "x", "text": ONE}, {"model": "y", "text": TWO}],
     "cmp_results": '{"x,y": "A is better"}'},
    {"conv_A": [*USER, {"role": "assistant", "content": ONE}], "conv_A_rating": 3.0,
     "conv_B": [*USER, {"role": "assistant", "content": TWO}], "conv_B_rating": 1.0},
    {"instruction": "Hi", "input": "", "response1": ONE, "response2": TWO, "annotator1": 1, "annotator2": 2,
     "annotator3": 0},
    {"event": "thumbs_up", "distinct_id": "u", "properties": '{"prompt": "Hi", "response": "Eight minutes."}'},
    {"text": "Hi", "options": [{"id": "A", "text": ONE}, {"id": "B", "text": TWO}, {"id": "tie", "text": "Tie"}],
     "accept": ["B"], "answer": "accept"},
    {"prompt": "Hi", "response1": ONE, "response2": TWO, "best": [{"user_id": "u", "value": "response2"}],
     "best-suggestion": None},
    {"messages": [*USER, {"role": "assistant", "content": ONE}], "feedback": "positive"},
    {"data.prompt": "Hi", "data.response_a": ONE, "data.response_b": TWO, "annotation.winner": "b"},
    {"id": "r", "inputs": {"messages": [[{"id": ["HumanMessage"], "kwargs": {"content": "Hi"}}]]},
     "outputs": {"generations": [[{"text": ONE}]]}, "feedback": [{"key": "user", "score": 1}]},
    {"Timestamp": "2024/03/05 1:11:12 PM GMT+1", "Prompt": "Hi", "Answer 1": ONE, "Answer 2": TWO, "Better": "[[A]]"},
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 0.5, 1e308, float("nan"), float("inf"), 2**63, 10**25),
    *("", " ", "nan", "a", "tie", "\ud800", "\x00", "[", "[{", "{{}}", "{'a': {1}}", "x" * 3000, "<think>", "</think>"),
    *([], {}, [[]], [None], ["a", "b"], [1, 2, 3], {"role": "user"}, {"value": None}, [{"role": "assistant"}]),
    *('[{"role": "user", "content": "x"}]', "[" * 500, "0x" + "f" * 500, "2024-13-45", "A > B", "response 9"),
)
BYTES = (b"\x00", b"\xff", b"\xed\xa0\x80", b'"', b"\n", b"\r", b",", b"{{}}", b"[" * 300, b"9" * 5000, b"NaN", b"\\")
ROLES = (
    "winner",
    "chosen",
    "rejected",
    "responses",
    "scores",
    "ranks",
    "user",
    "id",
    "time",
    "messages",
    "data",
    "weight",
)


def mutated(value: Any, rng: random.Random) -> Any:
    """The value with one thing in it changed."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        name = rng.choice(list(value))
        how = rng.random()
        if how < 0.12:
            return {one: said for one, said in value.items() if one != name}
        if how < 0.2:
            return {**value, rng.choice(ROLES): value[name]}
        return {**value, name: mutated(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        return [*value[:at], mutated(value[at], rng), *value[at + 1 :], *value[: rng.randrange(2)]]
    return rng.choice((*VALUES, [value], {"x": value}, str(value)))


def damaged(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        until = at + rng.randrange(40)
        data = (
            data[:at]
            + rng.choice((b"", data[at:until] * 2, rng.choice(BYTES)))
            + data[until if rng.random() < 0.5 else at :]
        )
    return data


def mapping(rows: list[Any], rng: random.Random) -> dict[str, str] | None:
    """What a user may say of the columns: any roles of any of the names, and of one that is not there."""
    if rng.random() < 0.7:
        return None
    names = [*(name for row in rows if isinstance(row, dict) for name in row), "nowhere", "-", ""]
    said = {rng.choice((*ASSIGNABLE, "a", "b", "c")): rng.choice(names) for _ in range(rng.randrange(1, 5))}
    return said | {
        f"winner.{rng.choice(('1', 'model_a', '<3', '>0'))}": rng.choice("ab") for _ in range(rng.randrange(2))
    }


def read(path: Path, again: Path, columns: dict[str, str] | None = None) -> None:
    """Read a file; what it holds can be written, and read again as the same."""
    problems = Problems()
    try:
        found = list(read_choices(path, problems=problems, columns=columns))
    except PersonalrmError as error:
        str(error).encode()
        return
    "".join(problems.remarks()).encode()
    assert all(one.tie or one.chosen != one.rejected for one in found)
    write_choices(again, found)
    assert list(read_choices(again, strict=True)) == found


def test_fuzz_reader(tmp_path: Path) -> None:
    rng = random.Random(int(os.environ.get("PERSONALRM_FUZZ_SEED", "0")))
    for number in rounds(300):
        seed = rng.choice(SEEDS)
        rows = [seed if rng.random() < 0.3 else mutated(seed, rng) for _ in range(rng.randrange(1, 4))]
        kind = rng.choice(("jsonl", "json", "csv"))
        if kind == "csv":
            names = list(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row)) or ["a"]
            cells = [[row.get(name, "") if isinstance(row, dict) else row for name in names] for row in rows]
            quoted = [
                [json.dumps(one) if not isinstance(one, str) else one for one in line] for line in (names, *cells)
            ]
            text = "\n".join(",".join('"' + one.replace('"', '""') + '"' for one in line) for line in quoted)
        else:
            text = (
                json.dumps(rows, indent=rng.choice((None, 1))) if kind == "json" else "\n".join(map(json.dumps, rows))
            )
        data = text.encode("utf-8", "surrogatepass")
        path = tmp_path / f"a.{kind}"
        path.write_bytes(damaged(data, rng) if number % 3 == 0 else data)
        read(path, tmp_path / rng.choice(("again.jsonl", "again.csv")), mapping(rows, rng))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=100
)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([*{name for seed in SEEDS for name in seed}, *ROLES]),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers()
                | st.floats()
                | st.text(max_size=20)
                | st.sampled_from(VALUES),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
                max_leaves=6,
            ),
            max_size=6,
        ),
        min_size=1,
        max_size=3,
    )
)
def test_fuzz_rows(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8", "surrogatepass")
    read(path, tmp_path / "again.jsonl")
