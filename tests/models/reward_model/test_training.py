from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from facts import naming
from places import HELPERS
from safetensors.torch import load_file
from small_disk import largest_file
from tiny_backbones import make_qwen, reward_settings, toy_rows

from personalrm.errors import DataError, MissingExtra, PersonalrmError, StorageError
from personalrm.models import reward_model
from personalrm.models.reward_model.checkpoints import last_complete, storage
from personalrm.models.reward_model.record import FILE
from personalrm.models.reward_model.settings import Progress, RewardSettings
from personalrm.models.reward_model.trainer import curve, stalled
from personalrm.models.reward_model.training import train

ROWS, HELD_OUT = toy_rows(16, told=True), toy_rows(6, told=True, start=100)
STEPS = 12


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def stop_at(step: int, action: Callable[[], None]) -> Callable[[Progress], None]:
    return lambda progress: action() if progress.step == step else None


class Crash(Exception):
    """Something outside of us that ends a run."""


def crash() -> None:
    raise Crash


@pytest.fixture(scope="module")
def whole(qwen: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    return train(ROWS, HELD_OUT, reward_settings(qwen), tmp_path_factory.mktemp("whole") / "run")


def test_what_a_finished_run_leaves(whole: Path) -> None:
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md", "personalrm.json", "curve.json"} <= {
        one.name for one in whole.iterdir()
    }
    assert not (whole / "checkpoints").exists()
    records = json.loads((whole / "curve.json").read_text())
    assert [one["step"] for one in records] == list(range(2, STEPS + 1, 2))
    assert all(isinstance(value, float) for one in records for name, value in one.items() if name != "step")
    config = json.loads((whole / "config.json").read_text())
    assert config["architectures"] == ["Qwen2ForSequenceClassification"]
    assert len(config["id2label"]) == 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_does_not(whole: Path, qwen: str, tmp_path: Path) -> None:
    assert same(weights(train(ROWS, HELD_OUT, reward_settings(qwen), tmp_path / "a")), weights(whole))
    other = train(ROWS, HELD_OUT, reward_settings(qwen, seed=1), tmp_path / "b")
    assert not same(weights(other), weights(whole))


@pytest.mark.parametrize("rank", [None, pytest.param(4, marks=pytest.mark.slow)])
def test_a_crashed_and_resumed_run_ends_with_the_same_weights(
    rank: int | None, whole: Path, qwen: str, tmp_path: Path
) -> None:
    settings, out = reward_settings(qwen, lora_rank=rank), tmp_path / "run"
    with pytest.raises(Crash):
        train(ROWS, HELD_OUT, settings, out, stop_at(7, crash))
    with pytest.raises(DataError, match=naming(out, "resume")):
        train(ROWS, HELD_OUT, settings, out)
    steps: list[int] = []
    train(ROWS, HELD_OUT, settings, out, lambda progress: steps.append(progress.step), resume=True)
    assert steps == list(range(7, STEPS + 1))  # the checkpoint is of step 6
    expected = whole if rank is None else train(ROWS, HELD_OUT, settings, tmp_path / "never")
    assert same(weights(out), weights(expected))
    assert json.loads((out / "curve.json").read_text()) == json.loads((expected / "curve.json").read_text())


def test_ctrl_c_saves_the_current_step(whole: Path, qwen: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(ROWS, HELD_OUT, reward_settings(qwen), out, stop_at(5, lambda: signal.raise_signal(signal.SIGINT)))
    assert last_complete(out / "checkpoints") == out / "checkpoints/checkpoint-6"
    train(ROWS, HELD_OUT, reward_settings(qwen), out, resume=True)
    assert same(weights(out), weights(whole))


def test_a_second_ctrl_c_stops_at_once(qwen: str, tmp_path: Path) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(ROWS, HELD_OUT, reward_settings(qwen), tmp_path / "run", stop_at(3, twice))
    assert last_complete(tmp_path / "run/checkpoints") == tmp_path / "run/checkpoints/checkpoint-2"
    assert signal.getsignal(signal.SIGINT) is before


KILLED = """
import sys, time, torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tiny_backbones import reward_settings, toy_rows
from personalrm.models.reward_model.training import train

def slowly(progress):
    print(progress.step, flush=True)
    time.sleep(0.1)

rows, held_out = toy_rows(16, told=True), toy_rows(6, told=True, start=100)
train(rows, held_out, reward_settings(sys.argv[2]), Path(sys.argv[3]), slowly)
"""


@pytest.mark.slow
def test_a_killed_and_resumed_run_ends_with_the_same_weights(whole: Path, qwen: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-c", KILLED, str(HELPERS), qwen, str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "5":
            process.kill()
            break
    process.stdout.close()
    process.wait()
    assert last_complete(out / "checkpoints") is not None
    train(ROWS, HELD_OUT, reward_settings(qwen), out, resume=True)
    assert same(weights(out), weights(whole))


def test_an_incomplete_checkpoint_is_skipped(whole: Path, qwen: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(Crash):
        train(ROWS, HELD_OUT, reward_settings(qwen), out, stop_at(7, crash))
    torn = out / "checkpoints/checkpoint-8"
    shutil.copytree(out / "checkpoints/checkpoint-6", torn)
    (torn / "trainer_state.json").write_text('{"global_st')
    train(ROWS, HELD_OUT, reward_settings(qwen), out, resume=True)
    assert same(weights(out), weights(whole))


def test_a_finished_run_is_not_changed(whole: Path, qwen: str) -> None:
    before = (whole / "model.safetensors").stat().st_mtime_ns
    assert train(ROWS, HELD_OUT, reward_settings(qwen), whole, resume=True) == whole
    assert (whole / "model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(DataError, match=naming(whole, "resume")):
        train(ROWS, HELD_OUT, reward_settings(qwen), whole)


def test_a_run_is_not_resumed_with_other_backbone_settings_or_rows(qwen: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(Crash):
        train(ROWS, HELD_OUT, reward_settings(qwen), out, stop_at(3, crash))
    other = make_qwen(tmp_path / "other", width=16)
    with pytest.raises(DataError) as caught:
        train(ROWS, HELD_OUT, reward_settings(other), out, resume=True)
    assert qwen in str(caught.value)
    assert other in str(caught.value)
    with pytest.raises(DataError, match=r"learning_rate = 0\.001, not 0\.01"):
        train(ROWS, HELD_OUT, reward_settings(qwen, learning_rate=0.01), out, resume=True)
    with pytest.raises(DataError, match="other rows"):
        train(ROWS[:-1], HELD_OUT, reward_settings(qwen), out, resume=True)
    moved = shutil.copytree(qwen, tmp_path / "moved")
    train(ROWS, HELD_OUT, reward_settings(str(moved)), out, resume=True)  # the same one in another place


def test_a_nan_loss_stops_the_run_and_keeps_the_last_checkpoint(qwen: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = reward_settings(qwen, learning_rate=1e30, evaluate_every=1)
    with pytest.raises(PersonalrmError, match=naming("step 2", "learning rate")):
        train(ROWS, HELD_OUT, settings, out)
    kept = last_complete(out / "checkpoints")
    assert kept is not None
    assert all(torch.isfinite(one).all() for one in weights(out / "checkpoints/checkpoint-1").values())


def test_training_stops_when_validation_no_longer_improves(qwen: str, tmp_path: Path) -> None:
    swapped = [replace(row, chosen=row.rejected, rejected=row.chosen) for row in HELD_OUT]
    settings = reward_settings(qwen, epochs=30, patience=2, learning_rate=1e-2)
    train(ROWS, swapped, settings, tmp_path / "run")
    records = json.loads((tmp_path / "run/curve.json").read_text())
    losses = [one["validation_loss"] for one in records]
    assert len(losses) - 1 - losses.index(min(losses)) == 2
    assert records[-1]["step"] < 120
    record = json.loads((tmp_path / "run/personalrm.json").read_text())
    assert record["steps"] == records[losses.index(min(losses))]["step"]  # the best one was kept


def test_without_validation_rows_it_trains_to_the_end(qwen: str, tmp_path: Path) -> None:
    train(ROWS, [], reward_settings(qwen, epochs=1), tmp_path / "run")
    record = json.loads((tmp_path / "run/personalrm.json").read_text())
    assert (record["temperature"], record["steps"], record["metrics"]) == (1.0, 4, [])


def test_more_batches_a_step_and_fewer_layers(bert: str, tmp_path: Path) -> None:
    settings = reward_settings(bert, accumulation=2, frozen_layers=1, epochs=1, gradient_checkpointing=True)
    trained = weights(train(ROWS, HELD_OUT, settings, tmp_path / "run"))
    before = {f"bert.{name}": one for name, one in weights(Path(bert)).items()}
    moved = {name for name, one in before.items() if not torch.equal(one, trained[name])}
    assert any("layer.1" in name for name in moved)
    assert not any("layer.0" in name or "embeddings" in name for name in moved)
    with pytest.raises(DataError, match="2 layers: 3 of them"):
        train(ROWS, HELD_OUT, reward_settings(bert, frozen_layers=3), tmp_path / "other")


@pytest.mark.slow
def test_checkpointed_activations_change_nothing(whole: Path, qwen: str, tmp_path: Path) -> None:
    out = train(ROWS, HELD_OUT, reward_settings(qwen, gradient_checkpointing=True), tmp_path / "run")
    assert all(torch.allclose(one, weights(whole)[name], atol=1e-6) for name, one in weights(out).items())


def test_a_person_on_both_sides_is_refused(qwen: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=naming("1 person", "toy-3")):
        train(ROWS, [*HELD_OUT, ROWS[6]], reward_settings(qwen), tmp_path)
    with pytest.raises(DataError, match="no rows"):
        train([], HELD_OUT, reward_settings(qwen), tmp_path)


def test_a_gpu_that_is_not_there(qwen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DataError, match="no GPU was found"):
        train(ROWS, HELD_OUT, reward_settings(qwen, device="cuda"), tmp_path / "run")


def test_a_backbone_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=naming(tmp_path / "nothing")):
        train(ROWS, HELD_OUT, reward_settings(str(tmp_path / "nothing")), tmp_path / "run")


def test_inputs_longer_than_the_backbone_reads(bert: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=naming(256, 300)):
        train(ROWS, HELD_OUT, reward_settings(bert, max_length=300), tmp_path / "run")


def test_a_shared_context_that_is_impossible(bert: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="left to right"):
        train(ROWS, HELD_OUT, reward_settings(bert, shared_context=True), tmp_path / "run")


@pytest.mark.parametrize("room", [0, 2048])
def test_a_full_disk(room: int, qwen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch writes a real file, with its own errors."""
    write = torch.save

    def full(*given: Any, **named: Any) -> None:
        with largest_file(room):
            write(*given, **named)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(StorageError, match=naming(tmp_path / "run", "free some space")):
        train(ROWS, HELD_OUT, reward_settings(qwen), tmp_path / "run")
    monkeypatch.setattr(torch, "save", write)
    assert (train(ROWS, HELD_OUT, reward_settings(qwen), tmp_path / "run", resume=True) / FILE).exists()


def test_every_error_of_a_writer_on_a_full_disk(tmp_path: Path) -> None:
    for room in (0, 500, 100_000, 400_000):
        with pytest.raises(StorageError, match=naming(tmp_path)), largest_file(room), storage(tmp_path):
            torch.save({"a": torch.zeros(100_000)}, tmp_path / "state.pt")
    with pytest.raises(RuntimeError, match="size of tensor"), storage(tmp_path):
        torch.zeros(2) + torch.zeros(3)


def test_packages_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("training", "trainer"):
        monkeypatch.delitem(sys.modules, f"personalrm.models.reward_model.{name}")
    monkeypatch.delitem(vars(reward_model), "train", raising=False)  # where another test has replaced and put it back
    monkeypatch.setitem(sys.modules, "trl.trainer.reward_trainer", None)
    with pytest.raises(MissingExtra, match=r"pip install 'personalrm\[train\]'"):
        reward_model.train  # noqa: B018


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user_prompt": "horoscope"}, "'horoscope'"),
        ({"max_length": 10}, "at least 64 tokens"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"frozen_layers": 2, "lora_rank": 4}, "adapters"),
    ],
)
def test_impossible_settings(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        RewardSettings(**change)


def test_progress_and_silence(qwen: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told: list[Progress] = []
    train(ROWS, HELD_OUT, reward_settings(qwen, epochs=1), tmp_path / "run", told.append)
    assert [one.step for one in told] == [1, 2, 3, 4]
    assert {one.steps for one in told} == {4}
    assert told[0].validation_loss is None
    assert told[-1].validation_loss is not None
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


def test_the_stop_and_the_curve_are_functions_of_the_log() -> None:
    log = [
        {"step": 2, "loss": 0.7},
        {"step": 2, "eval_loss": 0.6, "eval_accuracy": 0.5},
        {"step": 4, "eval_loss": 0.65, "eval_accuracy": 0.5},
        {"step": 5, "train_runtime": 1.0},
    ]
    assert stalled(log, 1)
    assert not stalled(log, 2)
    assert not stalled([], 1)
    assert curve(log) == [
        {"step": 2, "loss": 0.7, "validation_loss": 0.6, "validation_accuracy": 0.5},
        {"step": 4, "loss": None, "validation_loss": 0.65, "validation_accuracy": 0.5},
    ]
