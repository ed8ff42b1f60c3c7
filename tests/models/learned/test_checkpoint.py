"""Checkpoints on disk: atomic, and refused for another run."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
import torch
from facts import naming

from personalrm.errors import DataError, StorageError
from personalrm.models.learned import checkpoint
from personalrm.models.learned.checkpoint import Checkpoint

IDENTITY = {"data": "abc", "seed": 0}
STATE = {"method": {"basis": torch.arange(3.0)}, "order": np.random.default_rng(5).bit_generator.state, "best_at": -1}


def test_a_stored_state_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "checkpoint.pt"
    checkpoints = Checkpoint(path, IDENTITY, resume=True)
    assert checkpoints.finished(0) is None
    assert checkpoints.unfinished(0) is None
    checkpoints.finish(0, {"method": {"basis": torch.ones(2)}})
    checkpoints._written = 0.0
    checkpoints.keep(1, lambda: STATE)
    again = Checkpoint(path, IDENTITY, resume=True)
    found, under_way = again.finished(0), again.unfinished(1)
    assert found is not None
    assert torch.equal(found["method"]["basis"], torch.ones(2))
    assert under_way is not None
    assert under_way["order"] == STATE["order"]
    assert again.unfinished(0) is None
    assert again.finished(1) is None


def test_it_is_written_at_most_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: clock[0])
    checkpoints, asked = Checkpoint(tmp_path / "checkpoint.pt", IDENTITY, resume=True), []
    for _ in range(25):
        checkpoints.keep(0, lambda: asked.append(clock[0]) or STATE)  # type: ignore[func-returns-value]
        clock[0] += 0.1
    assert asked == pytest.approx([1000.0, 1001.0, 1002.0])


def test_a_finished_member_replaces_its_unfinished_state(tmp_path: Path) -> None:
    checkpoints = Checkpoint(tmp_path / "checkpoint.pt", IDENTITY, resume=True)
    checkpoints.keep(0, lambda: STATE)
    checkpoints.finish(0, STATE)
    again = Checkpoint(tmp_path / "checkpoint.pt", IDENTITY, resume=True)
    assert again.unfinished(0) is None
    assert again.finished(0) is not None


def test_a_checkpoint_of_another_run_is_refused_with_the_difference(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    Checkpoint(path, IDENTITY, resume=True).finish(0, STATE)
    with pytest.raises(DataError, match=naming("checkpoint.pt", "seed", "steps")):
        Checkpoint(path, {"data": "abc", "seed": 1, "steps": 3}, resume=True)
    assert Checkpoint(path, {"data": "other"}, resume=False).finished(0) is None


@pytest.mark.parametrize("damage", ["empty", "half", "text", "else"])
def test_a_damaged_checkpoint_is_refused_with_advice(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    Checkpoint(path, IDENTITY, resume=True).finish(0, STATE)
    whole = path.read_bytes()
    if damage == "else":
        torch.save({"weights": 3}, path)
    else:
        path.write_bytes({"empty": b"", "half": whole[: len(whole) // 2], "text": b"no checkpoint\n"}[damage])
    with pytest.raises(DataError, match=naming("checkpoint.pt")):
        Checkpoint(path, IDENTITY, resume=True)


def test_a_pickle_with_code_is_not_executed(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"

    class Harmful:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "harmed"),))

    torch.save({"identity": IDENTITY, "finished": {}, "unfinished": {0: Harmful()}}, path)
    with pytest.raises(DataError, match="damaged"):
        Checkpoint(path, IDENTITY, resume=True)
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("write failed")])
def test_a_full_disk_is_reported_and_the_last_checkpoint_kept(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoints = Checkpoint(path, IDENTITY, resume=True)
    checkpoints.finish(0, STATE)
    before = path.read_bytes()

    def full(state: object, file: IO[bytes]) -> None:
        file.write(b"half")
        raise error

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(StorageError, match=naming("checkpoint.pt")):
        checkpoints.finish(1, STATE)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_an_unwritable_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=naming(tmp_path / "file")):
        Checkpoint(tmp_path / "file" / "checkpoint.pt", IDENTITY, resume=True).finish(0, STATE)


def test_removing_it_twice_is_no_error(tmp_path: Path) -> None:
    checkpoints = Checkpoint(tmp_path / "checkpoint.pt", IDENTITY, resume=True)
    checkpoints.finish(0, STATE)
    checkpoints.remove()
    checkpoints.remove()
    assert not list(tmp_path.iterdir())


TRAINING = """
import sys, time
from pathlib import Path
import numpy as np
import torch

torch.set_num_threads(1)
from personalrm.data.simulated import simulate_people
from personalrm.models.learned import Settings, save, train
from personalrm.models.learned import checkpoint

out, slow = Path(sys.argv[1]), len(sys.argv) > 2
checkpoint._SECONDS = 0.0

def tell(member, point):
    print(member, point.epoch, flush=True)
    if slow:
        time.sleep(0.05)

checkpoints = checkpoint.Checkpoint(out / "checkpoint.pt", {"data": "same"}, resume=True)
settings = Settings("lore", features="traits", members=2, epochs=12, batch_people=4)
save(train(simulate_people(20, 8, seed=1), settings, checkpoints=checkpoints, on_epoch=tell), out)
"""


@pytest.mark.slow
def test_a_killed_and_resumed_run_is_byte_identical(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run = [sys.executable, "-c", TRAINING]
    subprocess.run([*run, str(whole)], check=True, capture_output=True, timeout=120)
    process = subprocess.Popen([*run, str(killed), "slow"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.split() == ["1", "2"]:  # the second member is under way
            break
    time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (killed / "model.safetensors").exists()
    again = subprocess.run([*run, str(killed)], check=True, capture_output=True, timeout=120, text=True)
    assert again.stdout.split("\n")[0] in ("1 2", "1 3")  # what was reached is not done again
    assert (killed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
