"""Damaged weights are told from good ones; folders of earlier versions, which note no checksums, still load."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from personalrm.data.reading import read_people
from personalrm.errors import DataError
from personalrm.models.checksums import check_files, check_finite, checksums
from personalrm.models.learned import Settings, save, train
from personalrm.models.learned.folder import NUMBERS
from personalrm.models.learned_card import CARD
from personalrm.models.trained import load_trained


@pytest.fixture(scope="module")
def folder(few_people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A learned model saved from Python."""
    out = tmp_path_factory.mktemp("trained") / "pref"
    save(train(read_people(few_people), Settings("pref", features="traits", members=1, epochs=1)), out)
    return out


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "model"))


def without_checksums(folder: Path) -> None:
    """As version 0.1 wrote it."""
    card = json.loads((folder / CARD).read_text())
    del card["checksums"]
    (folder / CARD).write_text(json.dumps(card))


def test_a_flipped_bit_in_the_weights_is_found(copied: Path) -> None:
    draw, good = random.Random(1), (copied / NUMBERS).read_bytes()
    for _ in range(20):
        damaged = bytearray(good)
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        (copied / NUMBERS).write_bytes(damaged)
        with pytest.raises(DataError, match=NUMBERS):
            load_trained(copied, "cpu")
    (copied / NUMBERS).write_bytes(good)
    load_trained(copied, "cpu")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_a_weight_that_is_no_number_is_found_without_checksums_too(copied: Path, value: float) -> None:
    without_checksums(copied)
    load_trained(copied, "cpu")  # an old folder
    numbers = load_file(copied / NUMBERS)
    name = next(one for one in numbers if one.startswith("members."))
    numbers[name].view(-1)[0] = value
    save_file(numbers, copied / NUMBERS)
    with pytest.raises(DataError, match=r"NaN or infinite") as said:
        load_trained(copied, "cpu")
    assert name in str(said.value)


def test_files_are_compared_whole_and_by_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    noted = checksums(tmp_path, ["a", "none"])
    assert list(noted) == ["a"]
    check_files(tmp_path, noted)
    (tmp_path / "a").write_bytes(b"x" * 2_999_999 + b"y")
    with pytest.raises(DataError, match="damaged model: a has another checksum"):
        check_files(tmp_path, noted)
    (tmp_path / "a").unlink()
    with pytest.raises(DataError, match="cannot be read"):
        check_files(tmp_path, noted)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "adapter/../../x"])
def test_no_file_outside_of_the_folder_is_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="outside of the folder"):
        check_files(tmp_path, {name: "0" * 32})


def test_whole_numbers_need_not_be_finite(tmp_path: Path) -> None:
    check_finite([("places", torch.arange(3)), ("weights", torch.zeros(2))], tmp_path)
