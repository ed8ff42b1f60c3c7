"""What people call their columns and winners, and what else stands in their cells."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from each import each

from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices
from personalrm.errors import DataError
from personalrm.preferences import Preference

ASKED, SHORT, LONG = "How do I boil an egg?", "Eight minutes.", "Great question! It is an art."
ROW = {"prompt": ASKED, "chosen": SHORT, "rejected": LONG}
SIDES = {"prompt": ASKED, "response_a": SHORT, "response_b": LONG}


def written(tmp_path: Path, content: object, name: str = "a.jsonl") -> Path:
    path = tmp_path / name
    if isinstance(content, list):
        content = "\n".join(map(json.dumps, content))
    path.write_bytes(content if isinstance(content, bytes) else str(content).encode())
    return path


def read(path: Path, **how: Any) -> list[Preference]:
    problems = Problems()
    found = list(read_choices(path, problems=problems, **how))
    assert (problems.skipped, list(problems.unread)) == (0, [])
    return found


FIRST = (
    *("a", "A", "model_a", "Model A", "Answer A", "response_a", "RESPONSE A", "left", "first", "1st", "A is better"),
    *("A > B", "a>b", "A >> B", "[[A]]", "assistant_a", "A wins", "option a", "gpt-4", "GPT-4", SHORT, "A much better"),
    *("A.", "(a)", "A is slightly better", "A slightly better than B", "prefer A", "Response 1", "left_better"),
    *("A beats B", "A is preferred over B"),
)
TIES = (
    *(
        "tie",
        "Tie",
        "Tie (bothbad)",
        "both_bad",
        "both good",
        "draw",
        "equal",
        "neither",
        "same",
        "A=B",
        "=",
        "bothbad",
    ),
    *("no preference", "Tie - both good", "Both responses are bad", "both are good"),
    *("They are equally good", "A and B are equally good", "roughly equal", "no difference", "Either one"),
)


@each("winner", FIRST)
def test_the_first_won(tmp_path: Path, winner: str) -> None:
    row = {**SIDES, "model_a": "gpt-4", "model_b": "llama"}
    (choice,) = read(written(tmp_path, [{**row, "winner": winner}]))
    assert (choice.chosen, choice.rejected, choice.tie) == (SHORT, LONG, False)


@each("winner", ["b", "B", "right", "second", "B >> A", "[[B]]", "Answer B", "Response 2", "llama", LONG])
def test_the_second_won(tmp_path: Path, winner: str) -> None:
    row = {**SIDES, "model_a": "gpt-4", "model_b": "llama"}
    (choice,) = read(written(tmp_path, [{**row, "Better Answer": winner}]))
    assert (choice.chosen, choice.rejected, choice.tie) == (LONG, SHORT, False)


@each("winner", TIES)
def test_nobody_won(tmp_path: Path, winner: str) -> None:
    (choice,) = read(written(tmp_path, [{**SIDES, "winner": winner}]))
    assert choice.tie


@each("winner", ["[[C]]", "x", "?", "", None, "nan", "Response 7", "unsure", "not equal", "A over here", "A or B"])
def test_nobody_can_tell_who_won(tmp_path: Path, winner: str | None) -> None:
    with pytest.raises(DataError, match="field 'winner'"):
        list(read_choices(written(tmp_path, [{**SIDES, "winner": winner}])))


@each(("first", "second"), [(1, 2), (0, 1), ("1", "2"), (1.0, 2.0), ("0", "1")])
def test_numbers_count_from_what_the_whole_file_says(tmp_path: Path, first: object, second: object) -> None:
    rows = [{**SIDES, "prompt": str(number), "winner": number} for number in (first, second)]
    assert [one.chosen for one in read(written(tmp_path, rows))] == [SHORT, LONG]


def test_numbers_that_could_mean_either_are_refused_with_the_way_out(tmp_path: Path) -> None:
    path = written(tmp_path, [{**SIDES, "winner": 1}])
    with pytest.raises(DataError, match=r"--columns winner\.1=a,winner\.2=b"):
        list(read_choices(path))
    assert [one.chosen for one in read(path, columns="winner.1=a,winner.2=b")] == [SHORT]
    assert [one.chosen for one in read(path, columns="winner.0=a,winner.1=b")] == [LONG]


@each(
    ("row", "columns"),
    [
        (
            {"Q": ASKED, "good one": SHORT, "bad one": LONG, "who": "kim"},
            "prompt=q,chosen=Good One,rejected=BAD ONE,user=Who",
        ),
        ({"question": ASKED, "better": SHORT, "worse": LONG, "annotator": "kim"}, ""),
        (
            {"topic": ASKED, "answer1": SHORT, "answer2": LONG, "BetterAnswer": "answer1", "by": "kim"},
            "prompt=topic,a=answer1,b=answer2,winner=betteranswer,user=by",
        ),
        (
            {"head": "How do I", "body": "boil an egg?", "y_w": SHORT, "y_l": LONG, "by": "kim"},
            "prompt=head+body,user=by",
        ),
        ({"PROMPT": ASKED, "Chosen": SHORT, "REJECTED": LONG, "USERID": "kim"}, ""),
        ({"Prompt": ASKED, "RESPONSE_A": SHORT, "Response_B": LONG, "WINNER": "A", "Annotator ID": "kim"}, ""),
        ({"prompt": ASKED, "gpt": SHORT, "claude": LONG, "preferred": "gpt", "rater": "kim"}, ""),
    ],
)
@each("kind", ["jsonl", "csv"])
def test_columns(tmp_path: Path, row: dict[str, str], columns: str, kind: str) -> None:
    lines = [",".join(f'"{cell}"' for cell in cells) for cells in (row, row.values())]
    path = written(tmp_path, [row] if kind == "jsonl" else "\n".join(lines), f"a.{kind}")
    (choice,) = read(path, columns=columns)
    assert (choice.user, choice.chosen, choice.rejected) == ("kim", SHORT, LONG)
    assert "\n\n".join(turn.content for turn in choice.context).replace("\n\n", " ") == ASKED


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has the columns prompt, chosen, rejected, but not a column 'frage'"):
        list(read_choices(written(tmp_path, [ROW]), columns="prompt=frage"))
    with pytest.raises(DataError, match="unknown role 'prompts'"):
        list(read_choices(written(tmp_path, [ROW]), columns="prompts=prompt"))


@each(
    ("row", "near"),
    [
        (
            {"input": {"messages": []}, "preferred_output": "x"},
            "OpenAI preference fine-tuning, which needs non_preferred",
        ),
        ({"fields": {}, "metadata": {}}, "Argilla records, which need"),
        ({"foo": "some text", "bar": "more text"}, "the columns foo, bar"),
        ({"prompt": ASKED, "response_a": SHORT, "response_b": LONG}, "the columns prompt, response_a, response_b"),
    ],
)
def test_what_is_not_read_is_refused_with_its_columns_and_the_nearest_format(
    tmp_path: Path, row: dict[str, Any], near: str
) -> None:
    with pytest.raises(DataError) as caught:
        list(read_choices(written(tmp_path, [row])))
    assert near.replace("which need", "which needs").replace("needss", "needs") in str(caught.value) or near in str(
        caught.value
    )


def test_no_text_column_is_dropped_in_silence(tmp_path: Path) -> None:
    row = {
        **ROW,
        "messages": [{"role": "user", "content": "Before."}],
        "input": "For two.",
        "system_prompt": "Be brief.",
    }
    (choice,) = read(written(tmp_path, [{**row, "history": [["Hi", "Yes?"]]}]))
    assert [(turn.role, turn.content) for turn in choice.context] == [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("assistant", "Yes?"),
        ("user", "Before."),
        ("user", f"{ASKED}\nFor two."),
    ]
    problems = Problems()
    list(read_choices(written(tmp_path, [{**ROW, "what else": "some words", "n": 3}]), problems=problems))
    assert list(problems.unread) == ["what else"]
    assert "what else" in " ".join(problems.remarks())


NOBODY = [None, "", " ", "nan", "None", "null", float("nan"), "NULL", "N/A", "<NA>", "none", "undefined", "#N/A"]


@each("nobody", NOBODY)
def test_an_empty_user_is_no_user(tmp_path: Path, nobody: object) -> None:
    (choice,) = read(written(tmp_path, [{**ROW, "user": nobody, "time": None, "group": nobody}]))
    assert choice.user == "me"


@each(
    ("answer", "expected"),
    [
        (f"<think>\n7?\n</think>\n\n{SHORT}", SHORT),
        (f"7?</think>\n{SHORT}", SHORT),
        (f"Seven, or eight…</think>{SHORT}", SHORT),
        (f"Seven, say</think>{SHORT}", SHORT),
        ("Models write </think> there. '</think>', too.", "Models write </think> there. '</think>', too."),
        (f"{SHORT}\n<details>\nWhy\n</details>\nEnd.", f"{SHORT}\n<details>\nWhy\n</details>\nEnd."),
        (f"<thinking>7?</thinking>{SHORT}", SHORT),
        (f"<reasoning>7?</reasoning>{SHORT}", SHORT),
        (f"<|channel|>analysis<|message|>7?<|end|><|channel|>final<|message|>{SHORT}<|return|>", SHORT),
        ("The tag `<think>` begins a thought.", "The tag `<think>` begins a thought."),
        ([{"role": "assistant", "content": SHORT, "reasoning_content": "7?"}], SHORT),
        (
            [
                {
                    "role": "assistant",
                    "content": [{"type": "thinking", "thinking": "7?"}, {"type": "text", "text": SHORT}],
                }
            ],
            SHORT,
        ),
        ([{"role": "assistant", "content": "", "tool_calls": [{"name": "t", "arguments": {"x": 1}}]}], 't({"x":1})'),
        ([{"role": "assistant", "content": None, "function_call": {"name": "t", "arguments": "{}"}}], "t({})"),
        ({"role": "gpt", "content": SHORT}, SHORT),
        (json.dumps([{"from": "gpt", "value": SHORT}]), SHORT),
        (f"[{SHORT}]", f"[{SHORT}]"),
        ("{{name}}", "{{name}}"),
    ],
)
def test_what_an_answer_is(tmp_path: Path, answer: object, expected: str) -> None:
    (choice,) = read(written(tmp_path, [{**ROW, "chosen": answer}]))
    assert (choice.chosen, choice.rejected, len(choice.context)) == (expected, LONG, 1)


def test_an_answer_of_nothing_is_refused(tmp_path: Path) -> None:
    row = {**ROW, "chosen": [{"role": "assistant", "content": None}]}
    with pytest.raises(DataError, match=r"field 'chosen\.0\.content': expected text, found null"):
        list(read_choices(written(tmp_path, [row])))


@each(
    "rating",
    [
        {"chosen_rating": 4, "rejected_rating": 4},
        {"score_chosen": "3.5", "score_rejected": 3.5},
        {"tie": True},
        {"winner": "tie"},
    ],
)
def test_equal_ratings_are_ties(tmp_path: Path, rating: dict[str, object]) -> None:
    (choice,) = read(written(tmp_path, [{**ROW, **rating}]))
    assert choice.tie
    (choice,) = read(written(tmp_path, [{**SIDES, "rating_a": 2, "rating_b": "2"}]))
    assert choice.tie


OTHER = {**ROW, "prompt": "And a duck's?"}
BOTH = [ROW, OTHER]
WRAPPED: dict[str, object] = {
    "an array": BOTH,
    "data": {"data": BOTH},
    "with what exports say of themselves": {"version": 1, "exported": "2026-01-01", "items": BOTH, "total": 2},
    "a name of its own": {"comparisons": BOTH},
    "in each other": {"data": {"rows": BOTH}},
    "splits": {"train": [ROW], "test": [OTHER]},
    "by id": {"1": ROW, "2": OTHER},
    "a server's rows": {"rows": [{"row_idx": at, "row": one, "truncated_cells": []} for at, one in enumerate(BOTH)]},
    "columns of lists": {name: [ROW[name], OTHER[name]] for name in ROW},
    "columns of objects": {name: {"0": ROW[name], "1": OTHER[name]} for name in ROW},
    "columns and data": {"columns": list(ROW), "index": [0, 1], "data": [list(ROW.values()), list(OTHER.values())]},
}


@each("indent", [None, 2])
@each("how", WRAPPED)
def test_wrapped_rows(tmp_path: Path, how: str, indent: int | None) -> None:
    path = written(tmp_path, json.dumps(WRAPPED[how], indent=indent), "a.json")
    assert [one.context[0].content for one in read(path)] == [ASKED, "And a duck's?"]


def test_one_row_of_lists_is_not_a_table(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps({"responses": [SHORT, LONG, "No."], "scores": [3, 2, 1]}), "a.json")
    assert len(read(path)) == 3
    turns = [{"role": "user", "content": ASKED}]
    pair = {
        side: [*turns, {"role": "assistant", "content": said}] for side, said in (("chosen", SHORT), ("rejected", LONG))
    }
    assert len(read(written(tmp_path, json.dumps(pair), "a.json"))) == 1


CSV = f'Prompt,CHOSEN,Rejected\r\n"{ASKED}",{SHORT},{LONG}\r\n'
LINES = "".join(json.dumps(one) + "\n" for one in BOTH)


@each(
    ("content", "name", "count"),
    [
        (CSV, "a.csv", 1),
        ("\ufeff" + CSV.replace(",", ";"), "a.csv", 1),
        (CSV.replace(",", "\t").encode("utf-16"), "a.tsv", 1),
        (CSV, "a.txt", 1),
        ("\ufeff" + LINES, "a.jsonl", 2),
        (LINES.replace("\n", "\r\n"), "a.jsonl", 2),
        (LINES.replace("}\n", "},\n"), "a.jsonl", 2),
        ("".join(json.dumps(one, indent=2) + "\n" for one in BOTH), "a.jsonl", 2),
        ("".join(f"[{json.dumps(one)}]\n" for one in BOTH), "a.jsonl", 2),
        (json.dumps(ROW, indent=2), "a.json", 1),
        (gzip.compress(LINES.encode()), "a.jsonl.gz", 2),
        (gzip.compress(CSV.encode()), "a.csv.gz", 1),
        (LINES, "export", 2),
    ],
)
def test_files(tmp_path: Path, content: str | bytes, name: str, count: int) -> None:
    found = read(written(tmp_path, content, name))
    assert [(one.chosen, one.rejected) for one in found] == [(SHORT, LONG)] * count
    assert found[0].context[0].content == ASKED


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{**ROW, "messages": [{"role": "system", "content": "Be brief."}], "user": None, "score_chosen": 1.5}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    (choice,) = read(tmp_path / "a.parquet")
    assert (choice.user, choice.chosen, [turn.role for turn in choice.context]) == ("me", SHORT, ["system", "user"])


def test_several_files_a_folder_and_a_pattern(tmp_path: Path) -> None:
    monday, tuesday = (written(tmp_path, [row], name) for row, name in ((ROW, "mon.jsonl"), (OTHER, "tue.jsonl")))
    for given in ([monday, tuesday], tmp_path, str(tmp_path / "*.jsonl")):
        assert [one.source for one in read_choices(given)] == ["mon.jsonl", "tue.jsonl"]
