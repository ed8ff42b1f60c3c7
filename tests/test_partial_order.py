"""Tiers of wins: the longest chain above each item, whatever the order of the wins, in linear time."""

from __future__ import annotations

import random
from collections.abc import Sequence

from growth import assert_growth

from personalrm.partial_order import tiers


def longest_walks(wins: Sequence[tuple[str, str]], items: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """By definition: the longest walk of wins to each item, of at most as many wins as there are items."""
    depth = dict.fromkeys(items, 0)
    for length in range(1, len(depth) + 1):
        depth |= {worse: length for better, worse in wins if depth[better] == length - 1}
    return tuple(tuple(one for one in depth if depth[one] == level) for level in sorted(set(depth.values())))


def test_tiers_of_a_chain_a_choice_and_an_order_in_part() -> None:
    assert tiers([("a", "b"), ("b", "c")], "cab") == (("a",), ("b",), ("c",))
    assert tiers([("a", "b"), ("a", "c")], "bca") == (("a",), ("b", "c"))
    assert tiers([("a", "b"), ("b", "d"), ("a", "c")], "abcd") == (("a",), ("b", "c"), ("d",))
    assert tiers([], "ab") == (("a", "b"),)


def test_a_cycle_and_what_is_below_it_are_the_last_tier() -> None:
    assert tiers([("x", "a"), ("a", "b"), ("b", "a"), ("b", "y"), ("x", "z")], "xabyz") == (
        ("x",),
        ("z",),
        ("a", "b", "y"),
    )


def test_as_by_definition() -> None:
    draw = random.Random(1)
    for _ in range(500):
        items = draw.sample("abcdefgh", draw.randint(1, 8))
        wins = [(draw.choice(items), draw.choice(items)) for _ in range(draw.randint(0, 10))]
        wins = wins if draw.random() < 0.5 else [pair for pair in wins if pair[0] < pair[1]]
        assert tiers(wins, items) == longest_walks(wins, items)


def test_a_long_chain_in_either_order_takes_linear_time() -> None:
    def chain(length: int) -> list[tuple[str, str]]:
        return [(str(one), str(one + 1)) for one in range(length)]

    for turn in (1, -1):
        assert_growth(
            lambda length, turn=turn: tiers(chain(length)[::turn], map(str, range(length + 1))),  # type: ignore[misc]
            1_000,
            8_000,
            20.0,
        )
