"""Backbones and encoders of others: safetensors alone are read, and no code of a repository is run or asked about."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from personalrm.errors import DataError
from personalrm.models.encoders import encoder_named
from personalrm.models.reward_model.backbones import identify, load_model, load_tokenizer


@pytest.fixture
def pickled(tiny_bert: str, tmp_path: Path) -> Path:
    """The BERT with its weights as a pickle, which leaves a file when it is opened without care."""
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "pickled"))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


@pytest.fixture
def with_code(tiny_bert: str, tmp_path: Path) -> Path:
    """A folder whose configuration asks for code beside it to be run."""
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "code"))
    config = json.loads((folder / "config.json").read_text())
    kinds = ("AutoConfig", "AutoModel", "AutoModelForSequenceClassification")
    config |= {"model_type": "mine", "auto_map": {kind: f"mine.{kind}" for kind in kinds}}
    (folder / "config.json").write_text(json.dumps(config))
    tokens = json.loads((folder / "tokenizer_config.json").read_text())
    tokens["auto_map"] = {"AutoTokenizer": ["mine.Slow", "mine.Fast"]}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokens))
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    return folder


def test_pickled_weights_are_not_read(pickled: Path) -> None:
    with pytest.raises(DataError, match="safetensors"):
        load_model(str(pickled), load_tokenizer(str(pickled)))
    with pytest.raises(DataError, match="safetensors"):
        encoder_named(f"hf:{pickled}", device="cpu", cache=":memory:").embed(["a"])


def test_code_of_a_repository_is_not_run(with_code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> str:
        raise AssertionError("somebody was asked whether code may be run")

    monkeypatch.setattr("builtins.input", asked)
    with pytest.raises(DataError):
        identify(str(with_code))
    with pytest.raises(DataError):
        load_model(str(with_code), load_tokenizer(str(with_code)))
    with pytest.raises(DataError):
        encoder_named(f"hf:{with_code}", device="cpu", cache=":memory:").embed(["a"])
    assert not (tmp_path / "ran").exists()
