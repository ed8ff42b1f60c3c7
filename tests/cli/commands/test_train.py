"""`personalrm train` on simulated and real people: what it says, keeps, refuses and goes on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import Run, sentence
from facts import tells

from personalrm.cli.app import main
from personalrm.data.writing import write_choices
from personalrm.models.learned import loop
from personalrm.models.trained import kind_of, load_trained, trained_people
from personalrm.preferences import History, Preference
from personalrm.stats.intervals import MIN_PEOPLE

QUICK = ("--features", "traits", "--ensemble-size", "2", "--epochs", "2")
TUNED = ("--device", "cpu", "--epochs", "1", "--batch-size", "8", "--max-length", "96", "--learning-rate", "1e-3")
FOLDER = {"manifest.json", "model.safetensors", "README.md", "curves.svg", "curves.png"}


@pytest.fixture
def some(few: list[History], tmp_path: Path) -> Callable[..., Path]:
    """Writes some of the people, each choice changed."""

    def write(name: str, whose: slice, change: Callable[[Preference], Preference] = lambda one: one) -> Path:
        path = tmp_path / name
        write_choices(path, (change(choice) for one in few[whose] for choice in one.choices[:4]))
        return path

    return write


def manifest(out: Path) -> dict[str, Any]:
    found = json.loads((out / "manifest.json").read_bytes())
    assert isinstance(found, dict)
    return found


def test_a_learned_model_with_all_that_is_said_of_it(
    run: Run, few_people: Path, few: list[History], tmp_path: Path
) -> None:
    out = tmp_path / "runs/pref"
    done = run("train", "pref", few_people, "--out", out, *QUICK)
    assert done.code == 0, done.err
    assert done.err == ""
    assert f"{sum(map(len, few))} choices of 24 people (few.jsonl)." in done.out
    assert "population" in done.out
    assert "longer" in done.out
    assert {one.name for one in out.iterdir()} == FOLDER | {"personalrm-model.json"}
    found = manifest(out)
    assert (found["kind"], found["device"], found["resumed"], found["validation"]) == ("learned", "cpu", False, None)
    assert [one["name"] for one in found["metrics"]] == ["pref", "population", "longer"]
    assert all(one["low"] <= one["accuracy"] <= one["high"] for one in found["metrics"])
    assert found["metrics"][0]["people"] >= MIN_PEOPLE
    assert not any(one.user in (out / name).read_text() for one in few for name in ("manifest.json", "README.md"))
    assert kind_of(out) == "learned"
    assert all(trained_people(out).holds(one.user) for one in few)
    pair = (few[0].choices[0].context, few[0].choices[0].chosen, few[0].choices[0].rejected)
    assert load_trained(out).fit(few[0]).compare(*pair).probability is not None
    again = run("train", "pref", few_people, "--out", out, *QUICK)
    assert again.code == 1
    assert tells(sentence(again), out, "--out")
    went_on = run("train", "pref", few_people, "--out", out, *QUICK, "--resume", "--json")
    assert went_on.code == 0
    assert tells(went_on.err, out)
    assert json.loads(went_on.out)["metrics"] == found["metrics"]
    assert manifest(out) == found


def test_a_fine_tuned_model_with_all_that_is_said_of_it(
    run: Run, some: Callable[..., Path], few: list[History], tiny_bert: str, tmp_path: Path
) -> None:
    out = tmp_path / "bt"
    words = ("train", "bt", some("people.jsonl", slice(12)), "--out", out, "--backbone", tiny_bert, *TUNED)
    done = run(*words, "--validation", some("others.jsonl", slice(12, 20)), "--user-prompt", "persona", "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    found = json.loads(done.out)
    assert (found["method"], found["people"], found["choices"]) == ("bradley-terry:persona", 12, 48)
    assert (found["data"], found["validation"], found["truncated"]["of"]) == ("people.jsonl", "others.jsonl", 160)
    assert found["truncated"]["count"] > 0
    assert [(one["name"], one["people"], one["pairs"]) for one in found["metrics"]] == [
        ("bradley-terry:persona", 8, 32), ("population", 8, 32), ("longer", 8, 32),
    ]  # fmt: skip
    left = {one.name for one in out.iterdir()}
    assert FOLDER | {"personalrm.json", "prior.json", "curve.json", "config.json"} <= left
    assert left.isdisjoint({"checkpoints", "run.json"})
    assert "| longer: accuracy |" in (out / "README.md").read_text()
    assert all(trained_people(out).holds(one.user) for one in few[:20])
    assert not trained_people(out).holds(few[20].user)
    fitted = load_trained(out, "cpu").fit(few[20])
    assert fitted.score((), "Yes.") == pytest.approx(fitted.score((), "Yes."))


def test_what_has_no_effect_is_told(
    run: Run, few_people: Path, some: Callable[..., Path], tiny_bert: str, tmp_path: Path
) -> None:
    done = run("train", "lore", few_people, "--out", tmp_path / "a", *QUICK, "--batch-size", "8", "--device", "cpu")
    assert tells(done.err, "lore", "--batch-size", "--device")
    words = ("--backbone", tiny_bert, *TUNED, "--ensemble-size", "3", "--paper-variant")
    done = run("train", "bradley-terry", some("people.jsonl", slice(6)), "--out", tmp_path / "b", *words)
    assert done.code == 0, done.err
    assert tells(done.err, "bradley-terry", "--paper-variant", "--ensemble-size")
    assert "–" in done.out  # one person of six: no interval


def test_bad_rows_and_marked_targets_are_told(run: Run, some: Callable[..., Path], tmp_path: Path) -> None:
    def marked(one: Preference) -> Preference:
        return replace(one, split="context" if int(one.group[-1], 36) % 2 else "target")

    path = some("marked.jsonl", slice(24), marked)
    path.write_text(path.read_text() + "nothing\n")
    done = run("train", "pal", path, "--out", tmp_path / "a", *QUICK)
    assert done.code == 0, done.err
    assert "marked.jsonl: 1 of 97 rows skipped: line 97" in done.err
    assert tells(done.err, "marked.jsonl", "--split context")
    assert manifest(tmp_path / "a")["data"]["skipped"] == 1
    context = run("train", "pal", path, "--out", tmp_path / "b", *QUICK, "--split", "context")
    assert context.code == 0, context.err
    assert manifest(tmp_path / "b")["choices"] < 60
    strict = run("train", "pal", path, "--out", tmp_path / "c", *QUICK, "--strict")
    assert "line 97" in sentence(strict)
    assert not (tmp_path / "c").exists()


def test_bad_input_is_one_sentence_before_anything_is_trained(
    run: Run, some: Callable[..., Path], few_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    nine = some("nine.jsonl", slice(9))
    seen: set[str] = set()

    def straddling(one: Preference) -> Preference:
        first = one.user not in seen
        seen.add(one.user)
        return replace(one, group="both", split="context" if first else "target")

    both = some("both.jsonl", slice(12), straddling)
    (tmp_path / "file").touch()
    for words, says in (
        (("dpo", few_people), "unknown method 'dpo'"),
        (("pref", tmp_path / "none.jsonl"), "none.jsonl"),
        (("pref", nine, *QUICK), "nine.jsonl holds 9"),
        (("bt", some("five.jsonl", slice(5))), "at least 6 people"),
        (("pref", both, *QUICK), "group 'both'"),
        (("pref", few_people, *QUICK, "--validation", nine), "8 more"),
        (("pref", few_people, *QUICK, "--split", "context"), "few.jsonl"),
        (("pref", tmp_path / "none.jsonl", "--device", "cuda"), "GPU"),
        (("gpo", few_people, "--epochs", "1.5"), "1.5"),
        (("gpo", few_people, "--learning-rate", "-1"), "learning_rate"),
        (("gpo", few_people, "--features", "traits+word2vec"), "minilm"),
        (("bt", few_people, "--backbone", tmp_path / "nowhere"), "nowhere"),
        (("bt", few_people, "--frozen-layers", "2", "--lora-rank", "4"), "adapters"),
        (("pref", few_people, *QUICK, "--out", tmp_path / "file"), "--out"),
    ):
        more = () if "--out" in words else ("--out", tmp_path / "out")
        done = run("train", *words, *more)
        assert done.code == 1, words
        assert says in sentence(done)
        assert not (tmp_path / "out").exists()


def test_another_model_in_the_folder_is_left_alone(run: Run, few_people: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    for more in ((), ("--resume",)):
        done = run("train", "pref", few_people, "--out", tmp_path, *QUICK, *more)
        assert done.code == 1
        assert tells(sentence(done), "config.json")


def test_a_loss_that_is_no_number(
    run: Run,
    few_people: Path,
    some: Callable[..., Path],
    tiny_bert: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop._Training, "_validate", lambda self: (float("nan"), 0.5))
    done = run("train", "vpl", few_people, "--out", tmp_path / "a", *QUICK)
    assert done.code == 1
    assert tells(sentence(done), "vpl", "epoch 1", "member 1", "learning rate")
    monkeypatch.undo()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run("train", "vpl", few_people, "--out", tmp_path / "a", *QUICK, "--learning-rate", "1e-3").code == 0
    words = ("--out", tmp_path / "b", "--backbone", tiny_bert, *TUNED[:-1], "1e30")
    done = run("train", "bt", some("people.jsonl", slice(6)), *words)
    assert done.code == 1
    assert tells(sentence(done), "step")


def test_without_matplotlib_the_model_is_kept_all_the_same(
    run: Run, few_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run("train", "lore", few_people, "--out", tmp_path / "out", *QUICK)
    assert done.code == 0
    assert tells(done.err, "matplotlib")
    assert not (tmp_path / "out/curves.svg").exists()
    assert kind_of(tmp_path / "out") == "learned"


LONG = ("--features", "traits", "--ensemble-size", "3", "--epochs", "40")


def started(*words: object) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "personalrm", "train", *map(str, words)]
    alone = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=alone)


def wait_for(found: Callable[[], bool], program: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not found() and program.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


@pytest.fixture(scope="module")
def whole(few_people: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The numbers of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["personalrm", "train", "gpo", str(few_people), "--out", str(out), *LONG])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    return (out / "model.safetensors").read_bytes()


def killed(out: Path, *words: object, how: signal.Signals, when: Callable[[], bool]) -> tuple[int, str]:
    program = started(*words, "--out", out)
    wait_for(when, program)
    assert program.poll() is None, program.communicate()
    program.send_signal(how)
    _, said = program.communicate(timeout=60)
    return program.returncode, said


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_or_interrupted_run_goes_on_to_the_same_bytes(
    run: Run, few_people: Path, whole: bytes, tmp_path: Path, how: signal.Signals
) -> None:
    out = tmp_path / "run"
    code, said = killed(out, "gpo", few_people, *LONG, how=how, when=(out / "checkpoint.pt").exists)
    assert not (out / "manifest.json").exists()
    if how is signal.SIGINT:
        assert code == 130
        assert tells(said, "interrupted", "--resume")
        assert len(said.strip().splitlines()) == 1
    refused = run("train", "gpo", few_people, *LONG, "--out", out)
    assert tells(sentence(refused), "--resume")
    other = run("train", "gpo", few_people, *LONG[:-1], "41", "--out", out, "--resume")
    assert tells(sentence(other), "epochs", 40, 41)
    done = run("train", "gpo", few_people, *LONG, "--out", out, "--resume")
    assert done.code == 0, done.err
    assert (out / "model.safetensors").read_bytes() == whole
    assert manifest(out)["resumed"]
    assert {one.name for one in out.iterdir()} == FOLDER | {"personalrm-model.json"}


@pytest.fixture
def tuning(some: Callable[..., Path], tiny_bert: str) -> tuple[object, ...]:
    more = ("--epochs", "4", "--user-prompt", "persona")
    return ("bt", some("people.jsonl", slice(12)), "--backbone", tiny_bert, *TUNED, *more)


@pytest.mark.slow
def test_a_killed_fine_tuning_goes_on_to_the_same_bytes_and_not_with_another_backbone(
    run: Run, tuning: tuple[object, ...], few: list[History], tmp_path: Path
) -> None:
    assert run("train", *tuning, "--out", tmp_path / "whole").code == 0
    out = tmp_path / "run"
    checkpoints = out / "checkpoints"
    when = lambda: any(checkpoints.glob("checkpoint-*/trainer_state.json"))  # noqa: E731
    killed(out, *tuning, how=signal.SIGKILL, when=when)
    assert not (out / "manifest.json").exists()
    from tiny_backbones import make_bert

    other = make_bert(tmp_path / "other", width=16)
    done = run("train", *tuning, "--backbone", other, "--out", out, "--resume")
    assert "has backbone = " in sentence(done)
    assert tells(sentence(done), other, "config")
    done = run("train", *tuning, "--out", out, "--resume")
    assert done.code == 0, done.err
    name = "model.safetensors"
    assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert manifest(out)["metrics"] == manifest(tmp_path / "whole")["metrics"]


def test_a_damaged_folder(run: Run, few_people: Path, tmp_path: Path) -> None:
    words = ("train", "pref", few_people, "--out", tmp_path, *QUICK, "--resume")
    (tmp_path / "run.json").write_text("{")
    assert tells(sentence(run(*words)), "run.json")
    (tmp_path / "run.json").unlink()
    assert run(*words).code == 0
    saved = manifest(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps(saved["run"]))
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "checkpoint.pt").write_bytes(b"PK")
    assert tells(sentence(run(*words)), "checkpoint.pt")


def test_the_command_line_starts_without_torch() -> None:
    program = "import sys; import personalrm.cli.app, personalrm.training.people; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "False"
    program = "import sys; import personalrm.cli.app; print('numpy' in sys.modules, 'personalrm.bench' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "False False"
