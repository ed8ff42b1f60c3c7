"""Tiers of a partial order, from wins of one item over another.

tiers([("a", "b"), ("b", "d"), ("a", "c")], "abcd")          # (("a",), ("b", "c"), ("d",))
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


def tiers(wins: Iterable[tuple[str, str]], items: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The items by the longest chain of wins above them, in linear time; a tier keeps the order of ``items``.

    Items of a cycle of wins, and all below one, are in the last tier.

    Args:
        wins: (better, worse), each among ``items``.
        items: distinct.
    """
    depth = dict.fromkeys(items, 0)
    beaten: dict[str, list[str]] = {one: [] for one in depth}
    unplaced = dict.fromkeys(depth, 0)  # wins against each item by items whose depth is not known yet
    for better, worse in wins:
        beaten[better].append(worse)
        unplaced[worse] += 1
    ready = deque(one for one, count in unplaced.items() if not count)
    while ready:
        better = ready.popleft()
        for worse in beaten[better]:
            depth[worse] = max(depth[worse], depth[better] + 1)
            unplaced[worse] -= 1
            if not unplaced[worse]:
                ready.append(worse)
    found: dict[int, list[str]] = {}
    for one, level in depth.items():
        found.setdefault(len(depth) if unplaced[one] else level, []).append(one)
    return tuple(tuple(found[level]) for level in sorted(found))
