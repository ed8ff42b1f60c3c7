"""With several processes (``-n``), one of them runs all tests of a module: its fixtures are made once. A pytest plugin.

Not by the marker ``xdist_group``: pytest-xdist 3.8 writes it into an attribute that pytest 9.2 no longer reads.
"""

from __future__ import annotations

from typing import Any

import pytest

TOGETHER = ("models/learned", "service")
"""Folders whose fixtures are dear: one process runs all of their tests."""
FIRST = (
    *TOGETHER,
    *("models/reward_model", "cluster/test_ray.py", "llm/test_fuzz_hosts.py", "llm/test_kill.py", "training", "fuzz"),
    *("cli", "bench", "integrations", "store"),
)
"""What takes long is begun first, so that at the end no process waits for another."""


def group_of(nodeid: str) -> str:
    """The folder or the module of a test: ``tests/llm/test_cache.py::test_x[1]`` is of ``llm/test_cache.py``."""
    module = nodeid.partition("::")[0].partition("tests/")[2]
    return next((folder for folder in TOGETHER if module.startswith(f"{folder}/")), module)


def _place(nodeid: str) -> int:
    group = group_of(nodeid)
    return next((at for at, start in enumerate(FIRST) if group.startswith(start)), len(FIRST))


def scheduler() -> Any:
    """The class of a scheduler of xdist that gives a group to one process."""
    from xdist.scheduler import LoadScopeScheduling

    class ByModule(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return ByModule


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    config.option.loadscopereorder = False  # by the number of tests
    return scheduler()(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _place(item.nodeid))
