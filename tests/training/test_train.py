"""One process at a time trains into a folder, and a second one is refused without damage."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from facts import naming

from personalrm.data.simulated import simulate_people
from personalrm.data.sources import ReadOptions
from personalrm.data.writing import write_choices
from personalrm.errors import DataError
from personalrm.profile.provenance import stamp_of_folder
from personalrm.training.config import TrainConfig
from personalrm.training.train import train

READING = ReadOptions(False, 0.0, lambda line: None)
QUICK = {"features": "traits", "members": 1, "epochs": 2}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("data") / "people.jsonl"
    write_choices(path, (choice for one in simulate_people(12, choices=6, seed=2) for choice in one))
    return str(path)


def order(data: str, out: Path, seed: int = 0) -> TrainConfig:
    return TrainConfig("lore", data, out, seed=seed, given=QUICK)


def test_of_two_at_once_the_second_is_refused_and_the_first_one_ends_well(data: str, tmp_path: Path) -> None:
    out, under_way, go_on = tmp_path / "model", threading.Event(), threading.Event()

    def tell(line: str) -> None:
        under_way.set()
        go_on.wait(60)

    first = threading.Thread(target=lambda: train(order(data, out), READING, tell))
    first.start()
    assert under_way.wait(60)
    with pytest.raises(DataError, match=naming("process", "model")):
        train(order(data, out, seed=1), READING)
    go_on.set()
    first.join()
    before = stamp_of_folder(out)
    with pytest.raises(DataError, match=naming(out, "--out")):
        train(order(data, out, seed=1), READING)
    assert stamp_of_folder(out) == before
    assert not list(out.glob(".*"))


@pytest.mark.slow
def test_two_processes_at_once_give_one_model_and_one_sentence(data: str, tmp_path: Path) -> None:
    words = ["train", "lore", data, "--features", "traits", "--epochs", "40", "--out", str(tmp_path / "model")]
    program = [sys.executable, "-c", "from personalrm.cli.app import main; main()", *words]
    both = [subprocess.Popen([*program, "--seed", seed], stderr=subprocess.PIPE, text=True) for seed in "01"]
    said = [one.communicate()[1] for one in both]
    assert sorted(one.returncode for one in both) == [0, 1]
    refused = said[[one.returncode for one in both].index(1)]
    assert "writing to" in refused or "holds a trained model" in refused
    assert "Traceback" not in refused
    assert (tmp_path / "model/manifest.json").is_file()
