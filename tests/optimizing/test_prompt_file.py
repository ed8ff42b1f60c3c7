"""Prompt files: what can be read, and the error messages for the rest."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from facts import naming

from personalrm.errors import DataError, StorageError
from personalrm.optimizing.prompt_file import (
    SCHEMA,
    DataSummary,
    HoldoutScores,
    PromptCandidate,
    PromptFile,
    PromptMetrics,
    read_prompt,
    save,
)

TEXT = "Write a persona: what this person likes."


def found(prompt: str = TEXT) -> PromptFile:
    measured = PromptMetrics(0.6, None, None, 0.66, 0.77, 10, 0, 3)
    return PromptFile(
        schema=SCHEMA,
        prompt=prompt,
        chosen=0,
        best=0,
        verdict="Nothing better was found.",
        optimizer="gepa",
        model="m",
        proposer="m",
        verdicts="token",
        seed=0,
        trials=1,
        versions={"dspy": "3"},
        prompts={"persona": "00"},
        data=DataSummary("d.jsonl", "00", 4, 3, 0),
        scores=HoldoutScores(measured, None, ()),
        lineage=(PromptCandidate(0, "shipped", None, prompt, 0.7, 4, None),),
    )


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "new" / "persona.json"
    save(found(), path)
    assert read_prompt(path) == TEXT
    assert [one.name for one in path.parent.iterdir()] == ["persona.json"]
    assert orjson.loads(path.read_bytes())["lineage"][0]["origin"] == "shipped"


def test_a_plain_text_file_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "persona.txt"
    path.write_text(f"\ufeff{TEXT}\n\n", "utf-8")
    assert read_prompt(path) == TEXT


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", b"[1]", "JSON object, found list"),
        ("a.json", b"", "JSON"),
        ("a.txt", b"{ half", "JSON"),
        ("a.json", b'{"prompt": "x"}', "field 'schema': expected a number"),
        ("a.json", b'{"schema": true, "prompt": "x"}', "field 'schema': expected a number"),
        ("a.json", b'{"schema": 1}', "field 'prompt'"),
        ("a.json", b'{"schema": 1, "prompt": 3}', "found int"),
        ("a.json", b'{"schema": 1, "prompt": " "}', "empty text"),
        ("a.json", b'{"schema": 2, "prompt": "x"}', "schema 2"),
        ("a.txt", b" \n", "empty text"),
        ("a.txt", b"\xff\xfe\x00", "in UTF-8"),
        ("a.txt", b"likes \x00", "control characters"),
        ("a.txt", b"x" * 20_001, "20,001"),
    ],
)  # fmt: skip
def test_a_bad_file_is_reported(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_prompt(path)
    assert says in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=naming(tmp_path / "none.json", "No such file")):
        read_prompt(tmp_path / "none.json")
    with pytest.raises(DataError, match=naming(tmp_path, "directory")):
        read_prompt(tmp_path)
    with pytest.raises(StorageError, match=naming(tmp_path)):
        save(found(), tmp_path)
