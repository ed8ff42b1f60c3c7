"""The sentence on what a line of the table learned."""

from __future__ import annotations

from personalrm.bench.learned import LearnedByLine


def _sentence(*learned: dict[str, object]) -> str | None:
    found = LearnedByLine()
    for one in learned:
        found.add(one)
    return found.sentence()


def _fold(weight: float, labels: int) -> dict[str, object]:
    return {"weights": {"judge:x": {"weight": weight, "labels": labels}}}


def test_weights_are_ranges_over_folds() -> None:
    found = _sentence(_fold(0.31, 372), _fold(0.31, 372), _fold(-0.02, 120), _fold(0.0, 110))
    assert found == "weight of judge:x -0.02 to +0.31 (110 to 372 labels)"


def test_too_few_labels_are_said() -> None:
    assert _sentence(_fold(0.0, 99)) == "weight of judge:x 0 (99 labels, 0 below 100)"


def test_a_fused_method_without_a_judge_says_so() -> None:
    assert "no judge" in (_sentence({"weights": {}}) or "")


def test_neighbours_schemes_are_counted_with_the_refused_ones() -> None:
    found = _sentence(
        {"neighbours": 4, "refused_schemes": 1}, {"neighbours": 0, "refused_schemes": 3}, {"note": "judged as default"}
    )
    assert found == "2.0 schemes of neighbours for each task; 4 schemes refused"


def test_other_methods_say_nothing() -> None:
    assert _sentence({}, {"demographics": "40", "neighbours": 0, "refused_schemes": 0}) is None
