"""On a real Ray cluster of two nodes with one core each, on this machine: one node is killed in the middle.

Ray and its processes are started by the tests; nothing leaves the machine. They take half a minute on two cores.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from personalrm.cluster.executor import InProcess
from personalrm.cluster.fitting import FitOptions
from personalrm.cluster.on_ray import OnRay
from personalrm.cluster.running import FitRun, fit_people
from personalrm.cluster.splitting import input_files
from personalrm.data.writing import write_choices
from personalrm.preferences import History

pytest.importorskip("ray", reason="Ray is not installed (extra cluster)")
STORE_BYTES = 80_000_000
HEALTH = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 5000,
    "health_check_failure_threshold": 3,
}
"""A dead node is noticed in seconds."""
SHARDS = 8


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster whose head has no core, and two nodes with one each."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_register_timeout_seconds", "120")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": STORE_BYTES, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "_system_config": HEALTH, **small})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
        yield cluster
    finally:
        cluster.shutdown()


def test_a_killed_node_loses_nothing_and_changes_no_byte(few: list[History], nodes: Any, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(2):
        write_choices(folder / f"{number}.jsonl", [one for person in few for one in person][number::2])
    files = tuple(input_files([str(folder)]))
    fit_people(FitRun(files, tmp_path / "alone", FitOptions(), shards=SHARDS), InProcess())
    killed: list[int] = []

    def kill(stage: str, done: int, total: int) -> None:
        if stage == "fitting" and done and not killed:
            killed.append(done)
            nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False)

    with OnRay(nodes.address) as executor:
        assert executor.workers == 2
        result = fit_people(FitRun(files, tmp_path / "out", FitOptions(), shards=SHARDS), executor, kill)
    assert killed
    assert result.people == len(few)
    names = sorted(one.name for one in (tmp_path / "alone").iterdir() if one.is_file())
    assert len(names) == SHARDS + 2
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes(), name
