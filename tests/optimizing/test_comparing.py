"""The comparison on held-out people: a significant gain is chosen, any other is reported."""

from __future__ import annotations

import pytest

from personalrm.optimizing.comparing import compared, is_better, verdict
from personalrm.optimizing.trials import CandidateOutcome, points


def outcomes(*probabilities: float | None) -> list[CandidateOutcome]:
    return [CandidateOutcome("likes lists", (one, one)) for one in probabilities]


def test_the_score_is_quadratic() -> None:
    assert [points(p) for p in (1.0, 0.5, 0.0, None)] == [1.0, 0.75, 0.0, 0.75]
    assert CandidateOutcome(None, (1.0, None)).score == 0.875


def test_a_consistent_gain_is_chosen() -> None:
    held = compared(outcomes(*[0.4] * 10), outcomes(*[0.7] * 10), seed=0)
    assert held.paired[0].difference == pytest.approx((1 - 0.3**2) - (1 - 0.6**2))
    assert held.paired[0].people == 10
    assert is_better(held)
    assert verdict(held, kept_anyway=False).endswith("the candidate is chosen.")


@pytest.mark.parametrize(
    "candidate", [[0.4] * 10, [0.3] * 10, [0.9, *[0.4] * 9], [0.7, 0.1] * 5, [0.45, None] * 2 + [None] * 6]
)
def test_no_significant_gain_is_reported(candidate: list[float | None]) -> None:
    held = compared(outcomes(*[0.4] * 10), outcomes(*candidate), seed=0)
    assert not is_better(held)
    assert "no significant gain; the shipped prompt stays" in verdict(held, kept_anyway=False)
    assert "--accept-best" in verdict(held, kept_anyway=True)


def test_without_a_candidate_or_a_readable_answer() -> None:
    alone = compared(outcomes(0.6, 0.7), None, seed=0)
    assert (alone.candidate, alone.paired) == (None, ())
    assert "the shipped prompt stays" in verdict(alone, kept_anyway=False)
    unread = compared(outcomes(None, None), outcomes(0.6, 0.7), seed=0)
    assert (unread.shipped.pairs, unread.shipped.unscored) == (0, 4)
    assert not is_better(unread)
    assert "cannot be compared" in verdict(unread, kept_anyway=False)
