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
        assert seen.add(item) == (item not in real)
        real.add(item)
    assert len(seen) == len(real)


def test_many_items_in_little_memory() -> None:
    tracemalloc.start()
    seen = Seen()
    assert all(seen.add(f"id {number}") for number in range(60_000))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not any(seen.add(f"id {number}") for number in range(60_000))
    assert held < 33 * 60_000
