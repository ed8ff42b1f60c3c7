"""The Bradley–Terry model fine-tuned into a folder, from a tiny backbone, on a few simulated people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from facts import naming

from personalrm.data.simulated import simulate_people
from personalrm.data.sources import ReadOptions
from personalrm.errors import DataError, NotEnoughChoices
from personalrm.models.reward_model import Record, RewardSettings, temperature
from personalrm.models.trained import PRIOR, load_trained
from personalrm.models.traits.fit import sigmoid
from personalrm.training.evaluation import evaluate
from personalrm.training.fine_tuning import FineTuning, add_to_card, prepare
from personalrm.training.people import TrainingData, read

READING = ReadOptions(False, 0.0, lambda line: None)


@pytest.fixture(scope="module")
def data(few_people: Path) -> TrainingData:
    """Twelve people with their first four choices."""
    found = read(str(few_people), "all", READING)
    return replace(found, people=tuple(one.only(one.choices[:4]) for one in found.people[:12]))


def settings(backbone: str, **changes: Any) -> RewardSettings:
    given: dict[str, Any] = {"epochs": 1, "batch_size": 8, "max_length": 96, "device": "cpu", "learning_rate": 1e-3}
    return RewardSettings(backbone, **{**given, **changes})


def trained(job: FineTuning, out: Path, told: list[str] | None = None) -> Any:
    return job.train(out, job.fingerprint(), (told if told is not None else []).append)


def test_persona_prompts_are_the_same_after_loading(data: TrainingData, tiny_bert: str, tmp_path: Path) -> None:
    told: list[str] = []
    job = prepare(settings(tiny_bert, user_prompt="persona"), data, None)
    assert len(job.held) == 2
    assert {one.user for one in job.held}.isdisjoint(one.user for one in job.people)
    outcome = trained(job, tmp_path, told)
    assert (outcome.people, outcome.choices, len(outcome.predictions.choices)) == (10, 40, 8)
    assert outcome.cut.of == 96
    assert outcome.cut.count > 0
    assert outcome.across == "step"
    assert outcome.curves[0].points[-1].validation_loss is not None
    assert any(line.startswith("step 5 of 5: loss 0.") for line in told)
    prior = orjson.loads((tmp_path / PRIOR).read_bytes())
    assert prior["lineage"]["people"] == 10
    model, person = load_trained(tmp_path, "cpu"), job.held[0]
    assert model.fit(person).profile_of(person).user == person.user  # type: ignore[attr-defined]
    rows = outcome.predictions.choices
    likely = model.compare_many([(one.context, one.chosen, one.rejected) for one in rows])
    gaps = np.log(likely / (1 - likely)) * Record.read(tmp_path).temperature
    assert outcome.predictions.population == pytest.approx(sigmoid(gaps / temperature(gaps)), abs=1e-4)
    add_to_card(tmp_path, evaluate(job.label, outcome.predictions, 0))
    text = (tmp_path / "README.md").read_text()
    assert all(
        text.count(f"| {one} |") == 1 for one in ("validation accuracy", "population: log loss", "longer: accuracy")
    )
    assert Record.read(tmp_path).data == ("few.jsonl",)


def test_the_population_baseline_has_no_user_prompt(data: TrainingData, tiny_bert: str, tmp_path: Path) -> None:
    short = tuple(simulate_people(6, choices=4, prompt_tokens=6, response_tokens=10))  # all of it fits
    job = prepare(settings(tiny_bert, user_prompt="history", max_length=256), replace(data, people=short), None)
    found = trained(job, tmp_path).predictions
    assert not np.array_equal(found.model, found.population)
    assert not (tmp_path / PRIOR).exists()


def test_a_run_killed_after_training_only_evaluates(data: TrainingData, tiny_bert: str, tmp_path: Path) -> None:
    job = prepare(settings(tiny_bert), data, None)
    first = trained(job, tmp_path)
    assert first.predictions.population is None
    assert not (tmp_path / PRIOR).exists()
    before, told = (tmp_path / "model.safetensors").stat().st_mtime_ns, list[str]()
    again = trained(job, tmp_path, told)
    assert np.array_equal(again.predictions.model, first.predictions.model)
    assert (tmp_path / "model.safetensors").stat().st_mtime_ns == before
    assert not any(line.startswith("step") for line in told)


def test_separate_validation_people(data: TrainingData, tiny_bert: str) -> None:
    one, other = (replace(data, name=name, people=some) for name, some in _halves(data))
    job = prepare(settings(tiny_bert), one, other)
    assert (job.people, job.held, job.settings.data) == (one.people, other.people, ("a", "b"))
    assert "people of b" in job.how


def _halves(data: TrainingData) -> tuple[tuple[str, Any], ...]:
    return ("a", data.people[:8]), ("b", data.people[8:])


def test_too_few_people_and_unknown_backbone(data: TrainingData) -> None:
    with pytest.raises(NotEnoughChoices, match=naming("bradley-terry", 6, "few.jsonl", 5)):
        prepare(settings("/nowhere"), replace(data, people=data.people[:5]), None)
    with pytest.raises(DataError, match=naming("/nowhere")):
        prepare(settings("/nowhere"), data, None)
