"""How people differ, against simulated people of whom that is known."""

from __future__ import annotations

import numpy as np
import pytest

from personalrm.models.traits.covariance import between_people
from personalrm.models.traits.fit import sigmoid


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_between_people_finds_the_trait_in_which_they_differ(rng: np.random.Generator) -> None:
    truth = np.array([1.5, 0.0])
    people, rows, at = [], [], 0
    for _ in range(150):
        t = rng.normal(size=(40, 2))
        signs = np.where(rng.random(40) < sigmoid(t @ rng.normal(0, np.sqrt(truth))), 1.0, -1.0)
        rows.append(t * signs[:, None])
        people.append(np.arange(at, at + 40))
        at += 40
    found = between_people(np.zeros(at), np.concatenate(rows), people, np.full(2, 0.1), trust=5.0, rounds=40)
    assert 0.8 < found[0] < 2.2
    assert found[1] < 0.15
