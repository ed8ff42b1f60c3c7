"""What was not used for the longest time is dropped first, and only when there is too much."""

from __future__ import annotations

from personalrm.recently_used import RecentlyUsed


def test_the_least_recently_used_value_is_dropped() -> None:
    kept = RecentlyUsed[str, int](2)
    kept.keep("a", 1)
    kept.keep("b", 2)
    assert kept.get("a") == 1
    kept.keep("c", 3)
    assert (list(kept), kept.get("b")) == (["a", "c"], None)


def test_a_replaced_value_counts_as_used_and_drops_none() -> None:
    kept = RecentlyUsed[str, int](2)
    for key, value in (("a", 1), ("b", 2), ("a", 3)):
        assert kept.keep(key, value) == value
    assert (len(kept), kept.get("a"), kept.get("b")) == (2, 3, 2)


def test_values_that_are_false_are_found_and_missing_ones_are_dropped_in_silence() -> None:
    kept = RecentlyUsed[str, int | None](2)
    kept.keep("zero", 0)
    kept.keep("none", None)
    assert ("none" in kept, kept.get("zero")) == (True, 0)
    kept.drop("zero")
    kept.drop("zero")
    kept.clear()
    assert len(kept) == 0
