"""On a real Ray cluster of two nodes with one core each, on this machine: one node is killed in the middle.

Ray and its processes are started by the tests; nothing leaves the machine. They take half a minute on two cores.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import postgresql
import pytest
from database_fixtures import cluster

from personalrm.cluster.executor import InProcess
from personalrm.cluster.fitting import FitOptions
from personalrm.cluster.on_ray import OnRay
from personalrm.cluster.running import FitRun, run_over_people
from personalrm.cluster.splitting import input_files
from personalrm.data.writing import write_choices
from personalrm.errors import BudgetSpent, StorageError
from personalrm.llm.connect import EndpointOptions
from personalrm.llm.simulated import SimulatedLLM
from personalrm.preferences import History
from personalrm.profile.options import Options

__all__ = ["cluster"]

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (extra cluster)")
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
    """A cluster of a head and another node, with one core each."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_register_timeout_seconds", "120")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": STORE_BYTES, "include_log_monitor": False}
    alone = {"include_dashboard": False, "no_monitor": True, "_system_config": HEALTH}
    cluster = Cluster(initialize_head=True, head_node_args={**small, **alone})
    try:
        cluster.add_node(**small)
        yield cluster
    finally:
        cluster.shutdown()


def killer(nodes: Any) -> tuple[Callable[[str, int, int], None], list[int]]:
    """Kills a node once some of the profiles are made, and how many were."""
    killed: list[int] = []

    def kill(stage: str, done: int, total: int) -> None:
        if stage == "profiles" and done and not killed:
            killed.append(done)
            nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False)

    return kill, killed


def test_a_killed_node_loses_nothing_and_changes_no_byte(few: list[History], nodes: Any, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(2):
        write_choices(folder / f"{number}.jsonl", [one for person in few for one in person][number::2])
    files = tuple(input_files([str(folder)]))
    run_over_people(FitRun(files, tmp_path / "alone", FitOptions(), shards=SHARDS), InProcess())
    kill, killed = killer(nodes)
    with OnRay(nodes.address) as executor:
        assert executor.workers == 2
        result = run_over_people(FitRun(files, tmp_path / "out", FitOptions(), shards=SHARDS), executor, kill)
    assert killed
    assert result.people == len(few)
    names = sorted(one.name for one in (tmp_path / "alone").iterdir() if one.is_file())
    assert len(names) == SHARDS + 2
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes(), name


@pytest.mark.slow
def test_one_budget_one_limit_and_one_store_of_answers_over_all_nodes(
    few: list[History], nodes: Any, cluster: postgresql.Cluster, tmp_path: Path
) -> None:
    write_choices(tmp_path / "in.jsonl", [one for person in few[:12] for one in person])
    answers = cluster.new_database()

    def run(out: str, max_calls: int | None, url: str) -> FitRun:
        endpoint = EndpointOptions(url, cache=answers, concurrency=5, max_calls=max_calls).resolved()
        how = FitOptions("simulated", Options(preset="frugal"), endpoint=endpoint)
        return FitRun((tmp_path / "in.jsonl",), tmp_path / out, how, shards=6)

    with SimulatedLLM(latency=0.05) as llm:
        with pytest.raises(BudgetSpent), OnRay(nodes.address) as executor:
            run_over_people(run("out", 20, llm.url), executor)
        assert llm.statistics.requests == 20
        assert llm.statistics.max_concurrency <= 5
        kill, _ = killer(nodes)
        with OnRay(nodes.address) as executor:
            assert run_over_people(run("out", None, llm.url), executor, kill).people == 12
        asked = llm.statistics.requests
        assert llm.statistics.max_concurrency <= 5 + 5  # what the dead node had sent may still be worked on
        with OnRay(nodes.address) as executor:
            run_over_people(run("again", None, llm.url), executor)
        assert llm.statistics.requests == asked  # every answer was kept
        alone = replace(run("alone", None, llm.url).how, endpoint=EndpointOptions(llm.url, cache=tmp_path / "a.sqlite"))
        run_over_people(replace(run("alone", None, llm.url), how=alone), InProcess())
        assert asked <= (llm.statistics.requests - asked) + 5  # asked twice: at most what was on the killed node's wire
    for name in sorted(one.name for one in (tmp_path / "alone").glob("profiles-*")):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes(), name


@pytest.mark.slow
def test_a_dead_keeper_of_the_limits_ends_the_run_in_a_sentence_and_its_work_is_kept(
    few: list[History], nodes: Any, tmp_path: Path
) -> None:
    import ray

    write_choices(tmp_path / "in.jsonl", [one for person in few[:8] for one in person])
    with SimulatedLLM(latency=0.05) as llm:
        endpoint = EndpointOptions(llm.url, cache=tmp_path / "answers.sqlite", concurrency=5).resolved()
        how = FitOptions("simulated", Options(preset="frugal"), endpoint=endpoint)
        run = FitRun((tmp_path / "in.jsonl",), tmp_path / "out", how, shards=4)
        with OnRay(nodes.address) as executor:

            def kill(stage: str, done: int, total: int) -> None:
                if stage == "profiles" and done == 1:
                    ray.kill(executor._limits)

            with pytest.raises(StorageError, match="limits and the budget"):
                run_over_people(run, executor, kill)
        kept = len(list((tmp_path / "out").glob("profiles-*")))
        assert kept >= 1
        with OnRay(nodes.address) as executor:
            result = run_over_people(run, executor)
        assert (result.people, result.reused) == (8, kept)
