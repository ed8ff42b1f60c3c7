"""Every format that people have, read to the same records."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from facts import naming
from hypothesis import given
from hypothesis import strategies as st

from personalrm.data.choices import RowReading, choices_of
from personalrm.data.column_roles import Layouts
from personalrm.data.fields import moment
from personalrm.data.identity import Register
from personalrm.data.mapping import Columns
from personalrm.data.numbering import Numbering
from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices
from personalrm.errors import DataError, MissingExtra, RowError
from personalrm.preferences import Message, Preference


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def one(row: dict[str, object]) -> Preference:
    found = choices_of(row, Layouts(Columns()).of(row), reading(row))
    (choice,) = found.choices
    assert (len(found.faults), len(found.thumbs), found.too_close) == (0, 0, 0)
    return choice


def reading(row: dict[str, object]) -> RowReading:
    return RowReading(Register(), Numbering(lambda: [row]))


def fault(row: dict[str, object]) -> RowError:
    with pytest.raises(RowError) as caught:
        choices_of(row, Layouts(Columns()).of(row), reading(row))
    return caught.value


HI = (Message("user", "Hi"),)


@pytest.mark.parametrize(
    "row",
    [
        {"context": [turn("user", "Hi")], "chosen": "yes", "rejected": "no"},
        {"context": "Hi", "chosen": "yes", "rejected": "no"},
        {"context": turn("user", "Hi"), "chosen": "yes", "rejected": "no"},
        {"prompt": "Hi", "chosen": "yes", "rejected": "no"},
        {"prompt": [turn("user", "Hi")], "chosen": [turn("assistant", "yes")], "rejected": [turn("assistant", "no")]},
        {"context": [turn("user", "Hi")], "chosen": turn("model", "yes"), "rejected": turn("model", "no")},
        {
            "chosen": [turn("user", "Hi"), turn("assistant", "yes")],
            "rejected": [turn("user", "Hi"), turn("assistant", "no")],
        },
        {
            "prompt": "Hi",
            "chosen": [turn("user", "Hi"), turn("assistant", "yes")],
            "rejected": [turn("user", "Hi"), turn("assistant", "no")],
        },
        {"chosen": "\n\nHuman: Hi\n\nAssistant: yes", "rejected": "\n\nHuman: Hi\n\nAssistant: no"},
        {"prompt": "\n\nHuman: Hi\n\nAssistant:", "chosen": "yes", "rejected": "no"},
        {"chosen": "Hi yes", "rejected": "Hi no"},
        {"prompt": "Hi", "response_a": "yes", "response_b": "no", "winner": "a"},
        {"prompt": "Hi", "response_a": "no", "response_b": "yes", "winner": "model_b"},
        {"prompt": "Hi", "response_a": "no", "response_b": "yes", "label": 0},
        {"prompt": "Hi", "responses": [{"content": "no", "score": 1}, {"content": "yes", "score": 3}]},
        {"prompt": "Hi", "completions": ["yes", "no"], "ratings": [3, 1]},
        {"context": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], "chosen": "yes", "rejected": "no"},
    ],
)
def test_one_choice_in_many_formats(row: dict[str, object]) -> None:
    choice = one(row)
    assert (choice.context, choice.chosen, choice.rejected, choice.tie) == (HI, "yes", "no", False)
    assert choice.user == "me"
    assert choice.id == one({"context": "Hi", "chosen": "yes", "rejected": "no"}).id


def test_all_our_columns() -> None:
    choice = one(
        {
            "user": "ada", "id": 7, "group": "g", "context": "Hi", "chosen": "yes", "rejected": "no", "tie": False,
            "domain": "talk", "time": "2016-01-31 22:05:41.0 UTC", "profile": "The person is 30.", "reason": "short",
            "judges": {"gpt": True, "llama": False, "none": None}, "margin": 12,
        }
    )  # fmt: skip
    assert choice == Preference(
        "7", "ada", "g", HI, "yes", "no", False, "talk", "2016-01-31T22:05:41+00:00", "The person is 30.", "short",
        {"gpt": True, "llama": False}, 12.0,
    )  # fmt: skip


def test_the_published_benchmark_columns() -> None:
    row = {
        "conversation_id": "c12",
        "user_id": "user3",
        "context": [turn("user", "a"), turn("model", "b"), turn("user", "c")],
        "chosen": turn("model", "yes"),
        "rejected": turn("model", "no"),
        "turns": 2,
        "type": "unguided",
        "split": "test",
        "flip": True,
        "chosen_score": 90,
        "rejected_score": 55.5,
        "dataset": "PRISM",
        "agreement": 0.4,
        "prediction_gpt": "A",
        "reasoning_gpt": "because",
    }
    choice = one(row)
    assert (choice.user, choice.group, choice.domain, choice.margin) == ("user3", "c12", "unguided", 34.5)
    assert [message.role for message in choice.context] == ["user", "assistant", "user"]


def test_system_messages_and_unknown_roles_are_kept() -> None:
    context = [
        turn("system", "Be brief."),
        turn("user", "a"),
        turn("tool", "{}"),
        turn("model", "b"),
        turn("user", "c"),
    ]
    roles = [message.role for message in one({"context": context, "chosen": "yes", "rejected": "no"}).context]
    assert roles == ["system", "user", "tool", "assistant", "user"]
    added = one({"system": "Be brief.", "prompt": "Hi", "chosen": "yes", "rejected": "no"})
    assert added.context == (Message("system", "Be brief."), *HI)


@pytest.mark.parametrize("context", [None, "", []])
def test_no_context_is_no_context(context: object) -> None:
    choice = one({"context": context, "chosen": "The sky is blue.", "rejected": "The sky is green."})
    assert (choice.context, choice.chosen) == ((), "The sky is blue.")


def test_implicit_text_parts_at_a_words_end() -> None:
    choice = one({"chosen": "The sky is blue.", "rejected": "The sky is blueish."})
    assert choice.context == (Message("user", "The sky is"),)
    assert (choice.chosen, choice.rejected) == ("blue.", "blueish.")
    longer = one({"chosen": "Count to two: one", "rejected": "Count to two: one two"})
    assert (longer.chosen, longer.rejected) == ("one", "one two")
    alone = one({"chosen": "Yes", "rejected": "No"})
    assert (alone.context, alone.chosen) == ((), "Yes")


@given(st.text(max_size=20), st.text(min_size=1, max_size=10), st.text(min_size=1, max_size=10))
def test_implicit_text_does_not_depend_on_the_label(prompt: str, a: str, b: str) -> None:
    def read(chosen: str, rejected: str) -> Preference | str:
        try:
            return one({"chosen": prompt + chosen, "rejected": prompt + rejected})
        except RowError as error:
            return error.expected

    here, there = read(a, b), read(b, a)
    if isinstance(here, Preference) and isinstance(there, Preference):
        assert (here.id, here.group, here.context) == (there.id, there.group, there.context)
        assert here.flipped() == there
        assert here.shown() == there.shown()
    else:
        assert here == there


def test_multi_turn_text_dialogue() -> None:
    start = "\n\nHuman: a\n\nAssistant: b\n\nHuman: c"
    choice = one({"chosen": f"{start}\n\nAssistant: yes", "rejected": f"{start}\n\nAssistant: no"})
    assert [(message.role, message.content) for message in choice.context] == [
        ("user", "a"), ("assistant", "b"), ("user", "c"),
    ]  # fmt: skip


def test_sides_that_part_too_early_are_reported() -> None:
    chosen = [turn("user", "Hi"), turn("assistant", "x"), turn("user", "more"), turn("assistant", "yes")]
    rejected = [turn("user", "Hi"), turn("assistant", "y"), turn("user", "more"), turn("assistant", "no")]
    error = fault({"chosen": chosen, "rejected": rejected})
    assert (error.field, error.found) == ("chosen", "3 messages")


@pytest.mark.parametrize(
    "mark",
    [
        {"tie": True},
        {"tie": "true"},
        {"tie": 1},
        {"winner": "tie"},
        {"winner": "Tie (bothbad)"},
        {"label": 0.5},
        {"label": "0.5"},
    ],
)
def test_ties_are_kept_and_marked(mark: dict[str, object]) -> None:
    assert one({"prompt": "Hi", "chosen": "yes", "rejected": "no", **mark}).tie
    assert one({"prompt": "Hi", "response_a": "yes", "response_b": "no", **mark}).tie


@pytest.mark.parametrize(
    "mark", [{"tie": False}, {"tie": None}, {"winner": "gpt-4"}, {"label": 1}, {"label": None}, {}]
)
def test_what_is_no_tie(mark: dict[str, object]) -> None:
    assert not one({"prompt": "Hi", "chosen": "yes", "rejected": "no", **mark}).tie


def test_a_winner_that_names_neither_is_reported() -> None:
    error = fault({"prompt": "Hi", "response_a": "yes", "response_b": "no", "winner": "c"})
    assert (error.field, error.expected, error.found) == ("winner", "a, b or tie (in label: 1, 0 or 0.5)", "'c'")


def test_identical_responses_teach_nothing_unless_they_tie() -> None:
    assert "same text" in str(fault({"prompt": "Hi", "chosen": "yes", "rejected": "yes"}))
    assert one({"prompt": "Hi", "chosen": "yes", "rejected": "yes", "tie": True}).tie


def test_an_empty_response_is_a_response() -> None:
    assert one({"prompt": "Hi", "chosen": "yes", "rejected": ""}).rejected == ""


def test_made_ids_and_groups_never_depend_on_the_label() -> None:
    row = {"prompt": "Hi", "chosen": "yes", "rejected": "no"}
    here, there = one(row), one({**row, "chosen": "no", "rejected": "yes"})
    assert (here.id, here.group) == (there.id, there.group)
    assert here.shown() == there.shown()
    assert one({**row, "user": "bob"}).id != here.id


def test_the_same_prompt_is_the_same_group_and_so_are_later_turns() -> None:
    first = one({"prompt": "Hi", "chosen": "yes", "rejected": "no"})
    second = one({"prompt": "Hi", "chosen": "y", "rejected": "n"})
    later = one(
        {"context": [turn("user", "Hi"), turn("model", "yes"), turn("user", "And?")], "chosen": "a", "rejected": "b"}
    )
    other = one({"prompt": "Hello", "chosen": "yes", "rejected": "no"})
    assert first.group == second.group == later.group != other.group
    briefed = one({"system": "Be brief.", "prompt": "Hello", "chosen": "yes", "rejected": "no"})
    assert briefed.group == other.group


@pytest.mark.parametrize(
    ("row", "field", "found"),
    [
        ({"prompt": "q", "chosen": "yes"}, "rejected", "no such column"),
        ({"prompt": 3, "chosen": "yes", "rejected": "no"}, "prompt", "the number 3"),
        ({"prompt": [turn("user", "a"), "b"], "chosen": "yes", "rejected": "no"}, "prompt.1", "'b'"),
        ({"prompt": [{"content": "a"}], "chosen": "yes", "rejected": "no"}, "prompt.0.role", "null"),
        ({"prompt": [{"role": "user"}], "chosen": "yes", "rejected": "no"}, "prompt.0.content", "null"),
        (
            {"prompt": [turn("user", [{"type": "hologram"}])], "chosen": "y", "rejected": "n"},
            "prompt.0.content.0",
            "'hologram'",
        ),  # type: ignore[arg-type]
        ({"prompt": "q", "chosen": "yes", "rejected": "no", "user": [1]}, "user", "a list of 1"),
        ({"prompt": "q", "chosen": "yes", "rejected": "no", "id": [1]}, "id", "a list of 1"),
        ({"prompt": "q", "chosen": "yes", "rejected": "no", "tie": "perhaps"}, "tie", "'perhaps'"),
        ({"prompt": "q", "chosen": "yes", "rejected": "no", "time": "yesterday"}, "time", "'yesterday'"),
        ({"prompt": "q", "chosen": "yes", "rejected": "no", "margin": "wide"}, "margin", "'wide'"),
        ({"prompt": "q", "chosen": "yes", "rejected": "no", "judges": ["x"]}, "judges", "a list of 1"),
        ({"prompt": "q", "chosen": "yes", "rejected": "no", "judges": {"x": "maybe"}}, "judges.x", "'maybe'"),
        ({"prompt": "q", "chosen": float("nan"), "rejected": "no"}, "chosen", "NaN"),
        ({"prompt": "q", "chosen": {"texts": "x"}, "rejected": "no"}, "chosen.role", "null"),
        ({"prompt": "q", "chosen": "x" * 100, "rejected": 5}, "rejected", "the number 5"),
        (
            {"prompt": "a\udc00b", "chosen": "yes", "rejected": "no"},
            "prompt",
            "the lone surrogate U+DC00 at character 1",
        ),
    ],
)
def test_bad_fields_are_named_with_what_was_found(row: dict[str, object], field: str, found: str) -> None:
    error = fault(row)
    assert (error.field, error.found) == (field, found)


@pytest.mark.parametrize(
    ("given_time", "normal"),
    [
        ("2016-01-31 22:05:41.0 UTC", "2016-01-31T22:05:41+00:00"),
        ("2016-01-31T22:05:41.25Z", "2016-01-31T22:05:41.250000+00:00"),
        ("2016-01-31T23:05:41+01:00", "2016-01-31T22:05:41+00:00"),
        ("2016-01-31", "2016-01-31T00:00:00+00:00"),
        (1454277941, "2016-01-31T22:05:41+00:00"),
        (1454277941.5, "2016-01-31T22:05:41.500000+00:00"),
        (1454277941000, "2016-01-31T22:05:41+00:00"),
        ("1454277941000000", "2016-01-31T22:05:41+00:00"),
        (1454277941000000000, "2016-01-31T22:05:41+00:00"),
        (None, None),
        ("", None),
        (float("nan"), None),
    ],
)
def test_times_become_iso_in_utc(given_time: object, normal: str | None) -> None:
    assert moment(given_time, "time") == normal


@given(st.lists(st.datetimes(), min_size=2, max_size=5))
def test_the_text_order_of_times_is_their_order(times: list[object]) -> None:
    assert sorted(moment(one, "time") or "" for one in times) == [moment(one, "time") for one in sorted(times)]  # type: ignore[type-var]


def test_csv_with_a_context_as_json_or_as_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    history = json.dumps([turn("system", "s"), turn("user", 'He said "x", y')]).replace('"', '""')
    python = str([turn("user", "it's")]).replace('"', '""')  # what pandas writes
    path.write_text(
        "user,context,chosen,rejected,margin\n"
        f'ada,"{history}",yes,no,\n'
        'ada,"two\nlines",yes,no,2\n'
        f'ada,"{python}",yes,no,\n'
        "ada,[1] or {2}?,yes,no,\n"
        'ada,,"{""answer"": 3}",no,\n'
    )
    contexts = [choice.context for choice in read_choices(path, strict=True)]
    assert contexts[0] == (Message("system", "s"), Message("user", 'He said "x", y'))
    assert contexts[1:] == [
        (Message("user", "two\nlines"),), (Message("user", "it's"),), (Message("user", "[1] or {2}?"),), (),
    ]  # fmt: skip
    assert [choice.margin for choice in read_choices(path)][:2] == [None, 2.0]
    assert list(read_choices(path))[-1].chosen == '{"answer": 3}'


@pytest.mark.parametrize("sides", [("response_a", "response_b"), ("a", "b")])
def test_responses_of_a_csv_that_are_messages_are_read_as_such_under_every_name(
    tmp_path: Path, sides: tuple[str, str]
) -> None:
    path = tmp_path / "a.csv"
    yes, no = (json.dumps(turn("assistant", said)).replace('"', '""') for said in ("yes", "no"))
    path.write_text(f'prompt,{",".join(sides)},winner\nHi,"{yes}","{no}",b\n')
    (choice,) = read_choices(path, strict=True)
    assert (choice.chosen, choice.rejected) == ("no", "yes")


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ";"), ("a.tsv", "\t"), ("a", ","), ("a.csv", "\t")])
def test_other_delimiters_and_names(tmp_path: Path, name: str, mark: str) -> None:
    (tmp_path / name).write_text(
        "\r\n".join(mark.join(line) for line in (["prompt", "chosen", "rejected"], ["q", "y", "n"]))
    )
    (choice,) = read_choices(tmp_path / name)
    assert (choice.context[0].content, choice.chosen, choice.rejected) == ("q", "y", "n")


def test_a_json_array_is_read_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"prompt": f"q{n}", "chosen": "yes", "rejected": "no"} for n in range(3)], indent=2))
    assert [choice.context[0].content for choice in read_choices(path)] == ["q0", "q1", "q2"]


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [
        {
            "user": "ada",
            "context": [turn("user", "Hi")],
            "chosen": f"yes {n}",
            "rejected": "no" if n else None,
            "time": None,
        }
        for n in range(600)
    ]
    path = tmp_path / "choices"
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    problems = Problems()
    choices = list(read_choices(path, problems=problems))
    assert len(choices) == 599
    assert choices[0].context == HI
    assert problems.summary() == "1 of 600 rows skipped: line 1, field 'rejected': expected text, found null"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match=f"{path} is damaged"):
        list(read_choices(path))


@pytest.mark.parametrize(("package", "source", "extra"), [("pyarrow", None, "parquet"), ("datasets", "hub:a/b", "hub")])
def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, source: str | None, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(MissingExtra, match=rf"needs {package}: pip install 'personalrm\[{extra}\]'"):
        read_choices(source or path)


def test_a_hub_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package takes a folder named owner/name for a set of the hub, so no network is needed."""
    pytest.importorskip("datasets")
    folder = tmp_path / "owner" / "name"
    folder.mkdir(parents=True)
    row = {"prompt": "Hi", "chosen": [turn("assistant", "yes")], "rejected": [turn("assistant", "no")]}
    (folder / "train.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "test.jsonl").write_text(json.dumps({**row, "prompt": "Hello"}) + "\n")
    monkeypatch.chdir(tmp_path)
    assert [choice.context for choice in read_choices("hub:owner/name")] == [HI]
    assert [choice.context[0].content for choice in read_choices("hub:owner/name:test")] == ["Hello"]
    with pytest.raises(DataError, match=naming("owner/name", "test", "train")):
        read_choices("hub:owner/name:nowhere")
    with pytest.raises(DataError, match=naming("hub:name")):
        read_choices("hub:name")
