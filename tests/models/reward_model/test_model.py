from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from facts import naming
from safetensors.torch import load_file, save_file
from tiny_backbones import make_bert, make_qwen, toy_rows

from personalrm.data.simulated import simulate_people
from personalrm.errors import DataError
from personalrm.models.reward_model.card import write_card
from personalrm.models.reward_model.model import Item, PersonalReward, RewardModel
from personalrm.models.reward_model.record import Metric, Record
from personalrm.models.reward_model.rows import training_rows
from personalrm.models.reward_model.settings import RewardSettings
from personalrm.models.reward_model.training import train
from personalrm.preferences import History, Message, Preference

ASKED = (Message("user", "Which?"),)
ITEMS: list[Item] = [
    ("I like cats.", ASKED, "cats."),
    (None, ASKED, "dogs."),
    ("I like dogs.", [Message("user", "Which choice?"), Message("assistant", "which?"), *ASKED], "I like dogs."),
]


def toy(out: Path, backbone: str, **changes: object) -> Path:
    settings = RewardSettings(
        backbone, learning_rate=3e-3, epochs=2, batch_size=8, device="cpu", max_length=128, data=("toy",), **changes
    )  # type: ignore[arg-type]
    return train(toy_rows(16, told=True), toy_rows(6, told=True, start=100), settings, out)


@pytest.fixture(scope="module", params=["bert", "bert-lora", "qwen", "qwen-lora"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    backbone, _, adapters = request.param.partition("-")
    out = tmp_path_factory.mktemp("trained") / "run"
    return toy(out, request.getfixturevalue(backbone), lora_rank=4 if adapters else None)


def test_plain_transformers_give_the_same_rewards(trained: Path) -> None:
    from transformers import pipeline  # three seconds to import

    model = RewardModel.load(trained, "cpu")
    found = model.rewards(ITEMS)
    for plain in (
        pipeline("text-classification", str(trained), function_to_apply="none", device="cpu"),
        pipeline("text-classification", str(trained), device="cpu"),  # the config asks for no sigmoid either
    ):
        texts = [model.inputs.text(*item) for item in ITEMS]
        assert [one["score"] for one in plain(texts)] == pytest.approx(found.tolist(), abs=1e-5)
        assert [one["score"] for one in plain(texts, batch_size=3)] == pytest.approx(found.tolist(), abs=1e-5)
    assert np.ptp(found) > 1e-3


def test_reloaded_scores_are_those_at_the_end_of_training(trained: Path) -> None:
    record = Record.read(trained)
    mine = PersonalReward.load(trained, "cpu")
    gaps = []
    for row in toy_rows(6, told=True, start=100):
        a, b = replace(mine, system=row.system).scores([(row.context, row.chosen), (row.context, row.rejected)])
        gaps.append(a - b)
    measured = {one.name: one.value for one in record.metrics}
    assert np.logaddexp(0, -np.array(gaps)).mean() == pytest.approx(measured["validation log loss"], abs=1e-5)
    assert np.mean(np.array(gaps) > 0) == pytest.approx(measured["validation accuracy"])


def test_adapters_alone_load_over_their_backbone_and_no_other(qwen: str, tmp_path: Path) -> None:
    merged = toy(tmp_path / "merged", qwen, lora_rank=4)
    alone = toy(tmp_path / "alone", qwen, lora_rank=4, merge=False)
    assert not (alone / "model.safetensors").exists()
    assert (merged / "adapter/adapter_config.json").exists()
    found = RewardModel.load(alone, "cpu").rewards(ITEMS)
    assert found == pytest.approx(RewardModel.load(merged, "cpu").rewards(ITEMS), abs=1e-5)
    other = make_qwen(tmp_path / "other", width=16)
    with pytest.raises(DataError) as caught:
        RewardModel.load(alone, "cpu", backbone=other)
    assert qwen in str(caught.value)
    assert other in str(caught.value)


def test_rewards_are_independent_of_the_batch(trained: Path) -> None:
    model = RewardModel.load(trained, "cpu")
    together = model.rewards(ITEMS)
    assert [model.rewards([one])[0] for one in ITEMS] == pytest.approx(together.tolist(), abs=1e-5)
    assert model.rewards([]).shape == (0,)


def choices_of(user: str, chosen: str, rejected: str, count: int = 4) -> History:
    return History(
        user, tuple(Preference(f"{user}{n}", user, f"{user}-{n}", ASKED, chosen, rejected) for n in range(count))
    )


def test_one_persons_reward_follows_the_person(qwen: str, tmp_path: Path) -> None:
    settings = RewardSettings(qwen, "history", epochs=1, device="cpu")
    people = [choices_of(f"p{number}", "cats.", "dogs.") for number in range(4)]
    train(training_rows(people, "history"), [], settings, tmp_path / "run")
    nobody = PersonalReward.load(tmp_path / "run", "cpu")
    ada, bob = (nobody.fit(choices_of("ada", *pair)) for pair in (("cats.", "dogs."), ("dogs.", "cats.")))
    assert nobody.system is None
    assert ada.system != bob.system
    assert ada.score(ASKED, "cats.") != bob.score(ASKED, "cats.")
    for mine in (nobody, ada, bob):
        there, back = mine.compare(ASKED, "cats.", "dogs."), mine.compare(ASKED, "dogs.", "cats.")
        assert there.probability is not None
        assert back.probability is not None
        assert there.probability + back.probability == pytest.approx(1, abs=1e-9)
        gap = mine.score(ASKED, "cats.") - mine.score(ASKED, "dogs.")
        assert there.probability == pytest.approx(1 / (1 + np.exp(-gap)), abs=1e-6)
        assert mine.compare(ASKED, "cats.", "cats.").probability == 0.5
    assert nobody.fit(History("eve", ())).system is None


def test_a_persona_comes_from_the_embedded_engine(bert: str, tmp_path: Path) -> None:
    people = simulate_people(3, choices=8, response_tokens=40)
    settings = RewardSettings(bert, "persona", epochs=1, device="cpu")
    train(training_rows(people[:2], "persona"), [], settings, tmp_path / "run")
    mine = PersonalReward.load(tmp_path / "run", "cpu").fit(people[2])
    assert mine.system is None or mine.system.startswith("<persona>")


@pytest.mark.slow
def test_a_stated_preference_is_followed(tmp_path: Path) -> None:
    backbone = make_qwen(tmp_path / "backbone", width=64)
    accuracy = {}
    for told in (True, False):
        settings = RewardSettings(backbone, learning_rate=3e-3, epochs=30, batch_size=16, patience=99, device="cpu")
        rows, held_out = toy_rows(40, told=told), toy_rows(20, told=told, start=100)
        out = train(rows, held_out, settings, tmp_path / str(told))
        mine = PersonalReward.load(out, "cpu")
        right = [
            replace(mine, system=row.system).compare(row.context, row.chosen, row.rejected).winner == "a"
            for row in held_out
        ]
        accuracy[told] = sum(right) / len(right)
    assert accuracy[True] > 0.95
    assert accuracy[False] == 0.5  # half of them like cats


@pytest.mark.slow
def test_a_population_teaches_what_people_like(tmp_path: Path) -> None:
    people = simulate_people(50, choices=12, strength=0.0, noise=0.3, response_tokens=30, prompt_tokens=10)
    backbone = make_bert(tmp_path / "backbone", words=600)
    rows, held_out = (training_rows(some, "none") for some in (people[:40], people[40:]))
    settings = RewardSettings(backbone, learning_rate=3e-3, epochs=4, max_length=96, device="cpu", patience=99)
    out = train(rows, held_out, settings, tmp_path / "run")
    measured = {one.name: one for one in Record.read(out).metrics}
    assert measured["validation accuracy"].value > 0.6
    assert measured["validation accuracy"].pairs == 120


def test_the_card_names_no_person_and_quotes_no_text(trained: Path) -> None:
    text = (trained / "README.md").read_text() + (trained / "personalrm.json").read_text()
    assert "toy-" not in text
    assert "I like" not in text
    card = (trained / "README.md").read_text()
    assert "32 choices of 16 people" in card
    assert "toy" in card


def test_figures_measured_later_are_added_to_the_card(bert: str, tmp_path: Path) -> None:
    out = toy(tmp_path / "run", bert, licence="apache-2.0")
    write_card(out, [Metric("accuracy on new people", 0.63, 0.6, 0.66, 34, 318)])
    card = (out / "README.md").read_text()
    assert "| accuracy on new people | 0.6300 | 0.6000 to 0.6600 | 34 | 318 |" in card
    assert "validation accuracy" in card
    assert "license: apache-2.0" in card
    assert RewardModel.load(out, "cpu").record.metrics[-1].pairs == 318


def test_a_folder_without_a_reward_model(tmp_path: Path, trained: Path) -> None:
    with pytest.raises(DataError, match=naming(tmp_path)):
        RewardModel.load(tmp_path)
    record = json.loads((trained / "personalrm.json").read_text())
    for change, message in (
        ({"schema": 99}, "newer personalrm"),
        ({"schema": None}, "field 'schema'"),
        ({"temperature": "warm"}, "field 'temperature'"),
        ({"settings": {}}, r"field 'settings\.prompt_characters'"),
        ({"settings": {"prompt_characters": "800"}}, r"field 'settings\.prompt_characters'"),
    ):
        (tmp_path / "personalrm.json").write_text(json.dumps({**record, **change}))
        with pytest.raises(DataError, match=message):
            RewardModel.load(tmp_path)


def test_damaged_weights_are_refused_and_a_folder_without_checksums_still_loads(trained: Path, tmp_path: Path) -> None:
    """Fault: weights with NaN or a flipped bit predicted, with exit code 0."""
    folder = Path(shutil.copytree(trained, tmp_path / "copy"))
    weights, good = folder / "model.safetensors", (folder / "model.safetensors").read_bytes()
    record = json.loads((folder / "personalrm.json").read_text())
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= set(record["checksums"])
    flipped = bytearray(good)
    flipped[-5] ^= 4
    weights.write_bytes(flipped)
    with pytest.raises(DataError, match=r"damaged model: model\.safetensors"):
        RewardModel.load(folder, "cpu")
    weights.write_bytes(good)
    (folder / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes() + b" ")
    with pytest.raises(DataError, match=r"tokenizer\.json"):
        RewardModel.load(folder, "cpu")
    del record["checksums"]  # as version 0.1 wrote it
    (folder / "personalrm.json").write_text(json.dumps(record))
    numbers = load_file(weights)
    expected = RewardModel.load(trained, "cpu").rewards(ITEMS)
    assert RewardModel.load(folder, "cpu").rewards(ITEMS) == pytest.approx(expected)
    next(iter(numbers.values())).view(-1)[3] = float("nan")
    save_file(numbers, weights, metadata={"format": "pt"})
    with pytest.raises(DataError, match="NaN or infinite"):
        RewardModel.load(folder, "cpu")
