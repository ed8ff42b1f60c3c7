from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
import pytest

from personalrm.training.evaluation import PredictedChoices, evaluate


@dataclass(frozen=True)
class Chosen:
    user: str
    chosen: str
    rejected: str


def test_the_model_and_both_baselines() -> None:
    choices = [
        Chosen(f"{number // 2}", "long" if number < 4 else "s", "no" if number % 2 else "mid") for number in range(12)
    ]
    model = np.where(np.arange(12) < 9, 0.8, 0.4)
    found = evaluate("pref", PredictedChoices(choices, model, np.full(12, 0.5)), seed=0)
    assert [one.name for one in found] == ["pref", "population", "longer"]
    assert {(one.people, one.pairs) for one in found} == {(6, 12)}
    assert [one.accuracy for one in found] == pytest.approx([9 / 12, 0.5, 4 / 12])
    assert found[0].log_loss == pytest.approx(-(9 * log(0.8) + 3 * log(0.4)) / 12)
    assert found[1].log_loss == pytest.approx(log(2))
    assert found[2].log_loss is None
    assert found[0].low is not None
    assert found[0].high is not None
    assert found[0].low < 0.75 < found[0].high


def test_few_people_have_no_interval_and_no_choices_no_metrics() -> None:
    two = [Chosen("ada", "ab", "a"), Chosen("bob", "a", "a")]
    found = evaluate("bradley-terry", PredictedChoices(two, np.array([0.9, 0.9]), None), seed=0)
    assert [(one.name, one.accuracy, one.low) for one in found] == [
        ("bradley-terry", 1.0, None),
        ("longer", 0.75, None),
    ]
    assert evaluate("pref", PredictedChoices([], np.zeros(0), None), seed=0) == ()
