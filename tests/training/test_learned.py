"""The learned methods trained into a folder, on a few simulated people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from facts import naming

from personalrm.data.reading import read_people
from personalrm.data.sources import ReadOptions
from personalrm.data.splits import leave_group_out
from personalrm.data.writing import write_choices
from personalrm.errors import NotEnoughChoices, TrainingFailed
from personalrm.models.learned import Settings
from personalrm.models.learned import loop as training_loop
from personalrm.models.learned.folder import load
from personalrm.models.reward_model import temperature
from personalrm.models.trained import load_trained
from personalrm.models.traits.fit import sigmoid
from personalrm.training.learned import LearnedTraining, prepare
from personalrm.training.people import TrainingData, read

READING = ReadOptions(False, 0.0, lambda line: None)
SETTINGS = Settings("pref", features="traits", members=2, epochs=2)


@pytest.fixture(scope="module")
def sides(few_people: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingData, TrainingData]:
    """16 people to learn from, 8 to validate on."""
    people, folder = list(read_people(few_people)), tmp_path_factory.mktemp("sides")
    for name, some in (("a.jsonl", people[:16]), ("b.jsonl", people[16:])):
        write_choices(folder / name, (choice for one in some for choice in one))
    return read(str(folder / "a.jsonl"), "all", READING), read(str(folder / "b.jsonl"), "all", READING)


def test_predictions_agree_with_the_saved_model(sides: tuple[TrainingData, TrainingData], tmp_path: Path) -> None:
    told: list[str] = []
    job = LearnedTraining(SETTINGS, *sides, encoder=None)
    outcome = job.train(tmp_path, job.fingerprint(), told.append)
    model = load(tmp_path)
    expected, everybody = {}, {}
    for person in sides[1].people:
        for known, asked in leave_group_out(person):
            pairs = [(one.context, one.chosen, one.rejected) for one in asked]
            ids = [one.id for one in asked]
            expected |= dict(zip(ids, model.fit(known).compare_many(pairs), strict=True))
            everybody |= dict(zip(ids, model.margins_of(pairs).population, strict=True))
    ids = [one.id for one in outcome.predictions.choices]  # type: ignore[attr-defined]
    assert len(ids) == len(set(ids)) == sides[1].choices
    assert outcome.predictions.model == pytest.approx(np.array([expected[one] for one in ids]), abs=1e-5)
    alone = np.array([everybody[one] for one in ids])
    assert outcome.predictions.population == pytest.approx(sigmoid(alone / temperature(alone)), abs=1e-5)
    assert (outcome.people, outcome.choices, outcome.cut.count) == (16, sides[0].choices, 0)
    assert outcome.how.startswith("the people of b.jsonl")
    assert told[1].startswith("member 1 of 2, epoch 1 of at most 2: loss 0.")
    assert "left" in told[-1]


def test_without_validation_people_predictions_are_out_of_fold(
    sides: tuple[TrainingData, TrainingData], tmp_path: Path
) -> None:
    job = LearnedTraining(SETTINGS, sides[0], None, encoder=None)
    outcome = job.train(tmp_path, job.fingerprint(), lambda line: None)
    found = outcome.predictions
    users = {one.user for one in found.choices}
    assert len(users) == 7  # two folds of five
    facts = load_trained(tmp_path).summary  # type: ignore[attr-defined]
    assert facts.validation_people == 7
    assert np.mean(found.model > 0.5) == pytest.approx(facts.validation_accuracy)
    assert -np.log(found.model).mean() == pytest.approx(facts.validation_log_loss)
    assert len(outcome.curves) == 2
    assert {one.kept for one in outcome.curves} <= {1, 2}
    assert "2 of 5 folds" in outcome.how


def test_too_few_people_are_refused_before_the_encoder_is_loaded(sides: tuple[TrainingData, TrainingData]) -> None:
    few = TrainingData("few.jsonl", "", sides[0].people[:9], 0, 0, 0, False)
    settings = Settings("lore", features="traits+hf:/nowhere")
    with pytest.raises(NotEnoughChoices, match=naming("lore", 10, "few.jsonl", 9)):
        prepare(settings, few, None, "cpu")


def test_a_nan_loss(sides: tuple[TrainingData, TrainingData], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_loop._Training, "_validate", lambda self: (float("nan"), 0.5))
    job = LearnedTraining(SETTINGS, sides[0], None, encoder=None)
    with pytest.raises(TrainingFailed, match=naming("pref", "epoch 1", "member 1")):
        job.train(tmp_path, job.fingerprint(), lambda line: None)
