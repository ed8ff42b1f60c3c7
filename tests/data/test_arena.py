"""Chatbot Arena as published: whose vote, on what, given which conversation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from published_files import arena_rows, battle, dialogue, write_rows

from personalrm.data.formats.lmarena import ArenaFilter, accepts
from personalrm.data.reading import read_choices, read_people
from personalrm.errors import RowError
from personalrm.preferences import Message, Preference


def read(tmp_path: Path, *rows: dict[str, Any]) -> list[Preference]:
    return list(read_choices(write_rows(tmp_path / "arena.jsonl", rows), strict=True))


def test_one_turn(tmp_path: Path) -> None:
    a, b = dialogue("Hi", "Hello!"), dialogue("Hi", "?")
    won, lost = read(tmp_path, battle("arena_user_1", "q1", a, b), battle("arena_user_1", "q2", a, b, "model_b"))
    assert won.context == (Message("user", "Hi"),)
    assert (won.chosen, won.rejected, lost.chosen, lost.rejected) == ("Hello!", "?", "?", "Hello!")
    assert (won.user, won.id, won.domain) == ("arena_user_1", "q1", "English")
    assert won.time == "2023-04-24T15:53:11.132200+00:00"
    assert won.group == lost.group  # the same question asked twice


@pytest.mark.parametrize("word", ["tie", "tie (bothbad)"])
def test_ties(tmp_path: Path, word: str) -> None:
    one = read(tmp_path, battle("u", "q", dialogue("Hi", "a"), dialogue("Hi", "b"), word))[0]
    assert one.tie


def test_answers_that_are_shared_belong_to_the_context(tmp_path: Path) -> None:
    a, b = dialogue("Hi", "Hello!", "Why?", "Because."), dialogue("Hi", "Hello!", "Why?", "No idea.")
    one = read(tmp_path, battle("u", "q", a, b))[0]
    assert [message.content for message in one.context] == ["Hi", "Hello!", "Why?"]
    assert (one.chosen, one.rejected) == ("Because.", "No idea.")


def test_where_answers_differ_the_rest_of_the_conversation_is_the_response(tmp_path: Path) -> None:
    a, b = dialogue("Hi", "Hello!", "Why?", "Because."), dialogue("Hi", "Yo.", "Why?", "No idea.")
    one = read(tmp_path, battle("u", "q", a, b, "model_b"))[0]
    assert one.context == (Message("user", "Hi"),)
    assert one.chosen == "Yo.\n\nUser: Why?\n\nAssistant: No idea."
    assert one.rejected == "Hello!\n\nUser: Why?\n\nAssistant: Because."


def test_what_was_said_after_the_vote_is_cut(tmp_path: Path) -> None:
    a, b = dialogue("Hi", "Hello!", "Why?", "Because."), dialogue("Hi", "Yo.", "Why?", "No idea.")
    one = read(tmp_path, battle("expert_1", "81", a, b, turn=1))[0]
    assert (one.chosen, one.rejected) == ("Hello!", "Yo.")


def test_a_vote_without_extras(tmp_path: Path) -> None:
    row = battle("u", "q", dialogue("Hi", "a"), dialogue("Hi", "b"))
    for name in ("turn", "anony", "language", "tstamp", "openai_moderation", "toxic_chat_tag", "question_id"):
        del row[name]
    one = read(tmp_path, row)[0]
    assert (one.time, one.domain, len(one.id)) == (None, None, 16)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"conversation_b": dialogue("Ho", "b")}, "'conversation_b': expected the same user turns"),
        ({"conversation_b": dialogue("Hi")}, "'conversation_b': expected a conversation"),
        ({"conversation_a": []}, "'conversation_a': expected a conversation"),
        ({"winner": "model_c"}, "field 'winner': expected a, b or tie"),
        ({"winner": None}, "field 'winner': expected a, b or tie"),
        ({"conversation_b": dialogue("Hi", "a")}, "'response_b': expected two"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    row = {**battle("u", "q", dialogue("Hi", "a"), dialogue("Hi", "b")), **change}
    with pytest.raises(RowError, match="line 1") as caught:
        read(tmp_path, row)
    assert says in str(caught.value)


def test_wishes() -> None:
    row = battle("u", "q", dialogue("Hi", "a"), dialogue("Hi", "b"))
    toxic = {**row, "toxic_chat_tag": {"t5-large": {"flagged": True}}}
    moderated = {**row, "toxic_chat_tag": None, "openai_moderation": {"flagged": True}}
    assert accepts(row, ArenaFilter())
    assert accepts(row, ArenaFilter(("english", "German"), True, True))
    assert not accepts(row, ArenaFilter(("German",)))
    assert not accepts({**row, "anony": False}, ArenaFilter(anonymous_only=True))
    assert not accepts({}, ArenaFilter(anonymous_only=True))
    assert [accepts(one, ArenaFilter(leave_out_toxic=True)) for one in (toxic, moderated, {}, row)] == [
        False,
        False,
        True,
        True,
    ]
    assert accepts(toxic, ArenaFilter())


def test_parquet_as_the_hub_has_it(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = arena_rows(people=3)
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "train-00000-of-00001.parquet")
    packed = list(read_people(tmp_path / "train-00000-of-00001.parquet", strict=True))
    assert packed == list(read_people(write_rows(tmp_path / "arena.jsonl", rows), strict=True))
    assert [len(one) for one in packed] == [8, 8, 8]
