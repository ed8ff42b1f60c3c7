"""The plugin `by_module`: one process runs all tests of a module."""

from __future__ import annotations

import pytest
from by_module import FIRST, scheduler
from places import HELPERS


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/llm/test_cache.py::test_x[a::b]", "llm/test_cache.py"),
        ("tests/test_files.py::test_x", "test_files.py"),
        ("tests/service/test_api.py::test_x", "service"),
        ("tests/models/learned/test_loop.py::test_x[1]", "models/learned"),
    ],
)
def test_the_scheduler_of_xdist_keeps_a_module_together(nodeid: str, group: str) -> None:
    pytest.importorskip("xdist")
    assert scheduler()._split_scope(None, nodeid) == group


def test_what_is_begun_first_is_there() -> None:
    assert [one for one in FIRST if not (HELPERS.parent / one).exists()] == []
