from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from facts import naming

from personalrm.errors import DataError, StorageError
from personalrm.models.trained import FILES, MANIFEST
from personalrm.training.folder import CHECKPOINT, CHECKPOINTS, RUN, RunValue, as_json, begin, end, state_of

MARKS = {"data": RunValue("ab12", "people.jsonl (ab12)"), "learning_rate": RunValue.of(0.1)}


def finished(out: Path) -> None:
    (out / MANIFEST).write_bytes(orjson.dumps({"run": as_json(MARKS)}))
    (out / FILES["learned"]).write_text("{}")


def test_a_run_from_begin_to_end(tmp_path: Path) -> None:
    out = tmp_path / "deep/run"
    assert state_of(out, MARKS, resume=False) == "new"
    begin(out, MARKS)
    assert state_of(out, MARKS, resume=False) == "new"  # nothing is trained yet: to begin anew costs nothing
    (out / CHECKPOINT).touch()
    with pytest.raises(DataError, match=naming(out, "--resume")):
        state_of(out, MARKS, resume=False)
    assert state_of(out, MARKS, resume=True) == "unfinished"
    finished(out)
    end(out)
    assert {one.name for one in out.iterdir()} == {MANIFEST, FILES["learned"]}
    assert state_of(out, MARKS, resume=True) == "finished"
    with pytest.raises(DataError, match=naming(out, "--out")):
        state_of(out, MARKS, resume=False)


def test_only_complete_checkpoints_make_a_run_unfinished(tmp_path: Path) -> None:
    begin(tmp_path, MARKS)
    (tmp_path / CHECKPOINTS).mkdir()
    assert state_of(tmp_path, MARKS, resume=True) == "new"
    (tmp_path / CHECKPOINTS / "checkpoint-2").mkdir()
    assert state_of(tmp_path, MARKS, resume=True) == "unfinished"
    begin(tmp_path, MARKS)
    assert not (tmp_path / CHECKPOINTS).exists()


@pytest.mark.parametrize("done", [False, True])
def test_a_differing_fingerprint_value_is_named(tmp_path: Path, done: bool) -> None:
    begin(tmp_path, MARKS)
    (tmp_path / CHECKPOINT).touch()
    if done:
        finished(tmp_path)
    for changed, says in (
        (
            {"data": RunValue("cd34", "others.jsonl (cd34)")},
            r"data = people.jsonl \(ab12\).* others.jsonl",
        ),
        ({"learning_rate": RunValue.of(0.2)}, r"learning_rate = 0\.1.* 0\.2"),
        ({"validation": RunValue.of("x")}, "validation = unset.* x"),
    ):
        with pytest.raises(DataError, match=says):
            state_of(tmp_path, MARKS | changed, resume=True)
    renamed = MARKS | {"data": RunValue("ab12", "copy.jsonl (ab12)")}
    assert state_of(tmp_path, renamed, resume=True) == ("finished" if done else "unfinished")


@pytest.mark.parametrize("resume", [False, True])
def test_files_of_another_source_are_not_touched(tmp_path: Path, resume: bool) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert state_of(tmp_path, MARKS, resume=resume) == "new"
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(DataError, match=naming("config.json")):
        state_of(tmp_path, MARKS, resume=resume)


@pytest.mark.parametrize("text", ["{", "[]", '{"data": 1}', '{"data": {"value": "a"}}'])
def test_a_damaged_folder(tmp_path: Path, text: str) -> None:
    (tmp_path / RUN).write_text(text)
    with pytest.raises(DataError, match=naming("run.json")):
        state_of(tmp_path, MARKS, resume=True)
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(DataError, match=naming("manifest.json")):
        state_of(tmp_path, MARKS, resume=True)


def test_a_finished_run_without_its_model(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(orjson.dumps({"run": as_json(MARKS)}))
    with pytest.raises(DataError, match=naming(tmp_path)):
        state_of(tmp_path, MARKS, resume=True)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=naming(tmp_path / "file")):
        state_of(tmp_path / "file", MARKS, resume=False)
    with pytest.raises(StorageError, match=naming(tmp_path / "file" / "run")):
        begin(tmp_path / "file" / "run", MARKS)
