"""A pytest plugin: with several processes (``-n``), all tests of a module run in one process and share its fixtures.

Not by the marker ``xdist_group``: pytest-xdist 3.8 writes it into an attribute that pytest 9.2 no longer reads.
"""

from __future__ import annotations

from typing import Any

import pytest

TOGETHER = ("models/learned", "service")
"""Folders with slow fixtures: all of their tests run in one process."""
FIRST = (
    *TOGETHER,
    *("models/reward_model", "cluster/test_ray.py", "llm/test_fuzz_hosts.py", "llm/test_kill.py", "training", "fuzz"),
    *("cli", "bench", "integrations", "store"),
)
"""Slow groups that are started first, so that no process runs alone at the end."""


def group_of(nodeid: str) -> str:
    """The folder or module of a test: for ``tests/llm/test_cache.py::test_x[1]``, ``llm/test_cache.py``."""
    module = nodeid.partition("::")[0].partition("tests/")[2]
    return next((folder for folder in TOGETHER if module.startswith(f"{folder}/")), module)


def _place(nodeid: str) -> int:
    group = group_of(nodeid)
    return next((at for at, start in enumerate(FIRST) if group.startswith(start)), len(FIRST))


def scheduler() -> Any:
    """An xdist scheduler class that assigns each group to one process."""
    from xdist.scheduler import LoadScopeScheduling

    class ByModule(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return ByModule


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    config.option.loadscopereorder = False  # xdist would reorder by the number of tests
    return scheduler()(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _place(item.nodeid))
