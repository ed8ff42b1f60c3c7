"""A judge is asked exactly where its answer can turn the prediction."""

from __future__ import annotations

import math

import numpy as np
import pytest

from personalrm.models.fusion.asking import extremes, fused_of, value_of_asking
from personalrm.models.fusion.weights import fused_logit


def test_of_one_judge_the_rule_is_that_its_weight_exceeds_the_log_odds() -> None:
    for logit in (-1.0, -0.5, -0.1, 0.0, 0.1, 0.5, 1.0):
        worth = value_of_asking(logit, extremes(logit, [], [(0.5, 0.5)]))
        assert (worth > 0) == (abs(logit) < 0.5)
    expected = 1 / (1 + math.exp(-0.5)) - 1 / (1 + math.exp(-0.2))
    assert value_of_asking(0.2, extremes(0.2, [], [(-0.5, 0.5)])) == pytest.approx(expected)


def test_the_sum_is_that_of_the_arrays() -> None:
    weights, verdicts = np.array([0.6, -0.2, 0.4]), np.array([1.0, 1.0, -1.0])
    shifts = [(float(b), float(b * v)) for b, v in zip(weights, verdicts, strict=True)]
    assert fused_of(0.3, shifts) == pytest.approx(float(fused_logit(np.array([0.3]), verdicts[None], weights)[0]))


def test_no_answer_lies_beyond_the_extremes_and_the_extremes_are_reached() -> None:
    draw = np.random.default_rng(0)
    for _ in range(200):
        logit, weights = float(draw.normal()), draw.normal(0, 0.5, 4)
        heard = [(float(weights[0]), float(weights[0] * draw.choice([-1, 1])))]
        waiting = [(float(one), abs(float(one))) for one in weights[1:]]
        low, high = extremes(logit, heard, waiting)
        found = []
        for case in np.ndindex(3, 3, 3):  # against, for, unscored
            said = [(w, m * (-1.0, 1.0)[answer]) for (w, m), answer in zip(waiting, case, strict=True) if answer < 2]
            found.append(fused_of(logit, [*heard, *said]))
        assert (min(found), max(found)) == pytest.approx((low, high))
