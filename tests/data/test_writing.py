"""What is written reads back as the very same records."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from facts import naming
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalrm.data.reading import read_choices
from personalrm.data.writing import write_choices
from personalrm.errors import DataError, StorageError
from personalrm.preferences import Message, Preference

KINDS = ["a.jsonl", "a.jsonl.gz", "a.csv", "a.csv.gz"]

text = st.text(st.characters(codec="utf-8"), max_size=30)
name = text.filter(lambda drawn: drawn.strip() != "")
awkward = st.sampled_from(
    [
        "",
        " ",
        "\r",
        "a\r\nb",
        '"',
        ",",
        "[]",
        "{}",
        '{"role": "user", "content": "x"}',
        '[{"role": "a", "content": "b"}]',
        "null",
    ]
)
responses = text | awkward
contexts = st.lists(
    st.builds(Message, st.sampled_from(["system", "user", "assistant", "critic"]), responses), max_size=4
)
choices = st.builds(
    Preference,
    id=name,
    user=name,
    group=name,
    context=contexts.map(tuple),
    chosen=responses,
    rejected=responses,
    tie=st.booleans(),
    domain=st.none() | name,
    time=st.none() | st.just("2016-01-31T22:05:41+00:00"),
    demographics=st.none() | name,
    reason=st.none() | name,
    judges=st.dictionaries(name, st.booleans(), max_size=3),
    margin=st.none() | st.floats(-100, 100),
    split=st.sampled_from([None, "context", "target"]),
    stated=st.dictionaries(name, name | st.floats(0, 100), max_size=3),
)
histories = st.lists(choices, min_size=1, max_size=5, unique_by=lambda one: one.id).filter(
    lambda drawn: all(one.tie or one.chosen != one.rejected for one in drawn)
)


@pytest.mark.parametrize("kind", KINDS)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=25
)
@given(drawn=histories)
def test_written_and_read_again(tmp_path: Path, kind: str, drawn: list[Preference]) -> None:
    path = tmp_path / kind
    assert write_choices(path, drawn) == len(drawn)
    assert list(read_choices(path, strict=True)) == drawn
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", KINDS)
def test_real_choices_written_and_read_again(real_data: Path, tmp_path: Path, kind: str) -> None:
    for source in ("traces", "mt_bench"):
        real = list(read_choices(real_data / f"{source}.jsonl.gz"))
        write_choices(tmp_path / kind, iter(real))
        assert list(read_choices(tmp_path / kind, strict=True)) == real


def test_the_same_choices_make_the_same_bytes(tmp_path: Path) -> None:
    pair = Preference("1", "ada", "g", (), "yes", "no")
    write_choices(tmp_path / "a.jsonl.gz", [pair])
    write_choices(tmp_path / "b.jsonl.gz", [pair])
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()) == (
        b'{"user":"ada","id":"1","group":"g","context":[],"chosen":"yes","rejected":"no"}\n'
    )


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=naming(".jsonl", ".csv")):
        write_choices(tmp_path / "a.xlsx", [])
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=naming("a.jsonl", "No such file")):
        write_choices(tmp_path / "nowhere" / "a.jsonl", [])
    path = tmp_path / "a.jsonl"
    path.write_text("old")

    def interrupted() -> object:
        yield Preference("1", "ada", "g", (), "yes", "no")
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="No space left on device"):
        write_choices(path, interrupted())  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(os, "open", lambda path, flags, mode: full)
    many = (Preference(str(number), "ada", "g", (), "yes", "no") for number in range(10_000))
    with pytest.raises(StorageError, match="No space left on device"):
        write_choices(tmp_path / "a.csv", many)


TURN = (Message("user", "Hi"),)
READ_OTHERWISE = {
    "a user called NaN": Preference("1", "NaN", "null", TURN, "yes", "no"),
    "an id of nothing": Preference("None", "ada", "g", TURN, "yes", "no"),
    "thoughts": Preference("1", "ada", "g", TURN, "<think>7?</think>Seven.", "no"),
    "thoughts in the context": Preference(
        "1", "ada", "g", (*TURN, Message("assistant", "<think>a</think>b")), "yes", "no"
    ),
    "the response once before": Preference("1", "ada", "g", (*TURN, Message("assistant", "yes")), "yes", "no"),
    "dialogues": Preference("1", "ada", "g", (), "\n\nHuman: a\n\nAssistant: b", "\n\nHuman: a\n\nAssistant: c"),
    "another word for a role": Preference("1", "ada", "g", (Message("human", "Hi"),), "yes", "no"),
    "JSON with thoughts": Preference("1", "ada", "g", TURN, '{"role": "user", "content": "<think>a</think>"}', "null"),
    "a tie with thoughts": Preference("1", "ada", "g", TURN, "<think>a</think>", "<think>b</think>", tie=True),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", READ_OTHERWISE)
def test_texts_that_mean_something_to_readers_are_written_as_they_stand(tmp_path: Path, kind: str, case: str) -> None:
    choice = READ_OTHERWISE[case]
    write_choices(tmp_path / kind, [choice])
    assert list(read_choices(tmp_path / kind, strict=True)) == [choice]
    assert list(read_choices(tmp_path / kind, strict=True, user=choice.user)) == [choice]
