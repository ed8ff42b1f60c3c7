"""A saved sequence classifier in RewardBench's pipeline interface and in transformers' own pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from personalrm.integrations.rewardbench import CONFIG

TEXTS = ["I like cats.", "I like dogs. Which? I like cats and dogs."]


@pytest.fixture(scope="module")
def folder(tiny_bert: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    path = tmp_path_factory.mktemp("rm")
    torch.manual_seed(0)
    AutoModelForSequenceClassification.from_pretrained(tiny_bert, num_labels=1).save_pretrained(path)
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(path)
    return path


@pytest.mark.filterwarnings("ignore")
def test_rewards_are_the_raw_logits_as_rewardbench_reads_them(folder: Path) -> None:
    from transformers import AutoTokenizer, pipeline  # seconds to import

    model = CONFIG["model_builder"](str(folder), trust_remote_code=True)  # what RewardBench passes; never trusted here
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pipe = CONFIG["pipeline_builder"]("text-classification", model=model, tokenizer=tokenizer)
    rewards = pipe(TEXTS, batch_size=2, truncation=True, padding=True, max_length=128, function_to_apply="none")
    scores = rewards.float().cpu().numpy().tolist()
    own = pipeline("text-classification", model=model, tokenizer=tokenizer)
    assert [one[0] for one in scores] == pytest.approx(
        [one["score"] for one in own(TEXTS, function_to_apply="none")], abs=1e-5
    )
    assert CONFIG["model_type"] == "Seq. Classifier"
    tokenizer.padding_side = "left"  # as RewardBench sets it
    assert pipe(TEXTS, padding=True).tolist() == scores


def test_pickled_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        CONFIG["model_builder"](str(tmp_path))
