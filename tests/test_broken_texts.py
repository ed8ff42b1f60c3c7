"""Texts that UTF-8 cannot encode: half surrogate pairs in choices made in Python, names of files in other encodings."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import Run
from facts import naming
from places import MIRA

from personalrm import Client
from personalrm.bench.plan import Design
from personalrm.bench.running import run as run_bench
from personalrm.data.simulated import simulate_people
from personalrm.data.writing import write_choices
from personalrm.errors import DataError
from personalrm.files import broken_text, json_bytes
from personalrm.models.reward_model.rows import training_rows
from personalrm.preferences import History, Message, Preference
from personalrm.profile.file import save

HALF = "a\ud800b"
FIELDS: dict[str, Callable[[Preference], Preference]] = {
    **{
        name: lambda one, name=name: replace(one, **{name: HALF})  # type: ignore[misc]
        for name in ("user", "group", "chosen", "domain", "time", "demographics", "reason", "split", "ranking")
    },
    "id": lambda one: replace(one, id=HALF + one.id),
    "context": lambda one: replace(one, context=(Message("user", HALF),)),
    "stated": lambda one: replace(one, stated={"taste": HALF}),
    "judges": lambda one: replace(one, judges={HALF: True}),
}
FIRST, SECOND = simulate_people(2, choices=6, seed=4, prompt_tokens=8, response_tokens=8)


def history_with(field: str) -> History:
    choices = tuple(FIELDS[field](one) for one in FIRST.choices)
    return History(choices[0].user, choices)


@pytest.mark.parametrize("field", FIELDS)
def test_no_file_of_choices_or_profile_takes_one_and_the_field_is_named(field: str, tmp_path: Path) -> None:
    history = history_with(field)
    for name in ("a.jsonl", "a.csv", "a.csv.gz"):
        with pytest.raises(DataError, match=naming("surrogate", field)):
            write_choices(tmp_path / name, history)
    client = Client()
    with pytest.raises(DataError, match=naming("surrogate", field)):
        client.fit(history)
    with pytest.raises(DataError, match=naming("surrogate", field)):
        save(replace(client.fit(FIRST), history=history), tmp_path / "me.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("field", ["user", "group", "id"])
def test_rows_for_training_need_no_encoding_and_a_benchmark_ends_in_one_sentence(field: str) -> None:
    people = [history_with(field), SECOND]
    assert len(training_rows(people, "persona")) == 12
    with pytest.raises(DataError, match=naming("surrogate", field)):
        run_bench(lambda: iter(people), ["longer"], Design(data="x"))


def test_the_first_broken_text_is_found_wherever_it_is() -> None:
    record = {"a": ["fine", {"b": ("é", HALF)}], "c": HALF}
    assert broken_text(record) == "a.1.b.1"
    assert broken_text({"a": "é"}) is None
    assert broken_text({HALF: 1}) == "a name"
    with pytest.raises(TypeError):
        json_bytes({"a": object()})


@pytest.mark.skipif(os.name != "posix", reason="names of files are text")
def test_a_file_whose_name_is_not_utf8_is_used_as_any_other(run: Run, tmp_path: Path) -> None:
    data = tmp_path / os.fsdecode(b"a\xff.jsonl")
    data.write_bytes(MIRA.read_bytes())
    for number, words in enumerate(
        (("fit", "--model", "traits"), ("bench", "--methods", "longer"), ("cluster", "fit"))
    ):
        named = words[:2] if words[0] == "cluster" else words[:1]
        done = run(*named, data, *words[len(named) :], "--out", tmp_path / os.fsdecode(b"out\xfe%d" % number))
        assert done.code == 0, done.err
