"""A pytest plugin for runs with several processes (``-n``).

All tests of a module run in one process and share its fixtures; not by the marker ``xdist_group``, because pytest-xdist
3.8 writes it into an attribute that pytest 9.2 no longer reads. In a run of the whole suite, only every third process
collects and runs the modules that import PyTorch, Ray or inspect_ai (`PACKAGES`): importing these packages in every
process took as long as all tests of the command line. Each process begins to collect at another folder, so that
pytest's rewritten modules, which it keeps in files, are written once and not by every process. Processes report what
is of interest only: to send every beginning, set-up and end took as long as the cheap half of the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from places import HELPERS

TESTS = HELPERS.parent
TOGETHER = ("models/learned", "service")
"""Folders with slow fixtures: all of their tests run in one process."""
PACKAGES = (
    *("bench/test_resume.py", "bench/test_trained.py", "cli/commands/test_curate.py"),
    *("cli/commands/test_next_question.py", "cli/commands/test_optimize_prompt.py"),
    *("cli/commands/test_train.py", "cli/test_private.py", "cluster/test_embedding.py"),
    *("cluster/test_limits.py", "cluster/test_ray.py", "data/test_formats.py", "fuzz/test_fuzz_host_runs.py"),
    *("fuzz/test_fuzz_model_folders.py", "integrations/test_exports.py", "integrations/test_inspect_ai.py"),
    *("integrations/test_rewardbench.py", "integrations/test_snippets.py", "integrations/test_trl.py"),
    *("models/encoders", "models/learned", "models/reward_model", "models/test_acquisition.py"),
    *("models/test_checksums.py", "models/test_foreign_weights.py", "models/test_trained.py"),
    *("models/test_trained_engine.py", "models/traits/test_embedding_weights.py", "models/traits/test_fit.py"),
    *("profile/test_migrations.py", "prompts/test_every_prompt.py", "stats/test_intervals.py"),
    *("stats/test_power.py", "stats/test_student.py", "test_broken_texts.py", "test_client.py"),
    *("test_privacy.py", "test_renamed.py", "training"),
)
"""Modules and folders whose import, or first test, loads a package that takes seconds; every other one imports such a
package within the test that needs it (tests/test_by_module.py)."""
FIRST = (
    *("service", "llm/test_fuzz_hosts.py", "llm/test_kill.py", "fuzz", "docs"),
    *("test_synthesizeme.py", "test_synthesizeme_oddities.py"),
    *("test_requirements.py", "test_expressions.py", "cluster/test_fit.py", "models/traits"),
    *("cli", "bench", "integrations", "store"),
)
"""Slow groups that are started first, so that no process runs alone at the end."""


QUICK_S = 0.02
"""Seconds up to which a set-up or tear-down that passed is of no interest."""


_WHOLE = pytest.StashKey[bool]()


def module_of(nodeid: str) -> str:
    """``llm/test_cache.py`` for ``tests/llm/test_cache.py::test_x[1]``."""
    return nodeid.partition("::")[0].partition("tests/")[2]


def module_at(path: Path) -> str:
    """``llm/test_cache.py`` for the path of this file, ``llm`` for the path of the folder."""
    return path.relative_to(TESTS).as_posix()


def group_of(nodeid: str) -> str:
    """The folder or module of a test: for ``tests/llm/test_cache.py::test_x[1]``, ``llm/test_cache.py``."""
    module = module_of(nodeid)
    return next((folder for folder in TOGETHER if module.startswith(f"{folder}/")), module)


def imports_packages(module: str) -> bool:
    """Whether the module, or group of tests, is one of `PACKAGES`."""
    return any(module == one or module.startswith(f"{one}/") for one in PACKAGES)


def has_packages(worker: str, count: int) -> bool:
    """Whether the process with this name (``gw0``, ``gw1``, …) of `count` runs tests of `PACKAGES`.

    A process that replaces a crashed one has a number of at least `count`; it runs all tests.
    """
    number = int(worker.removeprefix("gw"))
    return number % 3 == 0 or number >= count


def is_whole_suite(config: pytest.Config) -> bool:
    """Whether the folder of all tests is what was asked for."""
    if _WHOLE not in config.stash:
        config.stash[_WHOLE] = [Path(config.invocation_params.dir, one) for one in config.args] == [TESTS]
    return config.stash[_WHOLE]


def starting_at(share: float) -> list[Path]:
    """The folders and modules of `TESTS`, in turn from where this share of their source lies before."""
    entries = sorted(one for one in TESTS.iterdir() if any(one.rglob("test_*.py")) or one.match("test_*.py"))
    sizes = [sum(one.stat().st_size for one in (entry, *entry.rglob("test_*.py"))) for entry in entries]
    before = [sum(sizes[:at]) for at in range(len(sizes))]
    start = next((at for at, size in enumerate(before) if size >= share * sum(sizes)), 0)
    return entries[start:] + entries[:start]


def next_group(waiting: Iterator[str], packages: bool) -> str | None:
    """The first waiting group that a process can run; with packages, the first that needs them, if there is one."""
    groups = list(waiting)
    those = [one for one in groups if imports_packages(one) == packages] or (groups if packages else [])
    return those[0] if those else None


def _place(nodeid: str) -> int:
    group = group_of(nodeid)
    places = (*PACKAGES, *FIRST)
    return next((at for at, start in enumerate(places) if group.startswith(start)), len(places))


def scheduler() -> Any:
    """An xdist scheduler class that assigns each group to one process that can run it."""
    from xdist.scheduler import LoadScopeScheduling

    class ByModule(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

        def _check_nodes_have_same_collection(self) -> bool:
            if not is_whole_suite(self.config):
                return bool(super()._check_nodes_have_same_collection())
            most = max(self.registered_collections.items(), key=lambda one: len(one[1]))  # `schedule` takes the first
            self.registered_collections = {most[0]: most[1], **self.registered_collections}
            self.config.pluginmanager.get_plugin("session").testscollected = len(most[1])
            return True

        def _assign_work_unit(self, node: Any) -> None:
            if is_whole_suite(self.config):
                group = next_group(iter(self.workqueue), has_packages(node.gateway.id, self.numnodes))
                if group is None:  # the others run what is left
                    node.shutdown()
                    return
                self.workqueue.move_to_end(group, last=False)
            super()._assign_work_unit(node)

    return ByModule


def of_interest(send: Callable[..., None]) -> Callable[..., None]:
    """``sendevent`` of xdist's processes without the begin and end of tests, and quick set-ups that passed."""

    def sendevent(name: str, **event: Any) -> None:
        report = event["data"] if name == "testreport" else {"when": "call"}
        quick = report["when"] != "call" and report["outcome"] == "passed" and report["duration"] < QUICK_S
        if not quick and name not in ("logstart", "logfinish"):
            send(name, **event)

    return sendevent


def pytest_sessionstart(session: pytest.Session) -> None:
    for plugin in session.config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "WorkerInteractor":
            plugin.sendevent = of_interest(plugin.sendevent)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    config.option.loadscopereorder = False  # xdist would reorder by the number of tests
    return scheduler()(config, log)


def pytest_configure(config: pytest.Config) -> None:
    told = getattr(config, "workerinput", None)
    if told is not None and is_whole_suite(config):
        share = int(told["workerid"].removeprefix("gw")) / told["workercount"] % 1.0
        config.args = [str(one) for one in starting_at(share)]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    told = getattr(config, "workerinput", {"workerid": "gw0", "workercount": 1})
    if has_packages(told["workerid"], told["workercount"]) or not is_whole_suite(config):
        return None
    return (collection_path.is_relative_to(TESTS) and imports_packages(module_at(collection_path))) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: (_place(item.nodeid), module_of(item.nodeid)))
