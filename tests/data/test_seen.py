"""The compact set of ids."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from personalrm.data.seen import Seen


@given(st.lists(st.text(max_size=2) | st.tuples(st.text(max_size=1), st.integers(0, 3))))
def test_it_answers_as_a_set_does(items: list[str | tuple[str | int, ...]]) -> None:
    seen, real = Seen(), set[str | tuple[str | int, ...]]()
    for item in items:
        assert seen.add(item) == (None if item not in real else False)
        real.add(item)
    assert len(seen) == len(real)


def test_whose_an_item_is() -> None:
    seen = Seen()
    assert [seen.add("a", owner) for owner in ("ada", "ada", "bob", "ada")] == [None, False, True, False]
    for number in range(5000):  # it grows
        seen.add(f"id {number}", "eve")
    assert [seen.add("a", "ada"), seen.add("id 7", "eve"), seen.add("id 7", "ada")] == [False, False, True]


def test_many_items_in_little_memory() -> None:
    tracemalloc.start()
    seen = Seen()
    assert all(seen.add(f"id {number}") is None for number in range(60_000))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not any(seen.add(f"id {number}") for number in range(60_000))
    assert held < 65 * 60_000
