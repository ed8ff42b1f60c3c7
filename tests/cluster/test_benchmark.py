"""`personalrm cluster bench`: in parts, on several workers, what `personalrm bench` finds in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from command_line import Run
from stopping import Stops

from personalrm.bench.plan import Design
from personalrm.cluster.benchmark import BenchPart, BenchWork, run_parts
from personalrm.cluster.executor import InProcess, Processes
from personalrm.data.sources import ReadOptions
from personalrm.data.writing import write_choices
from personalrm.errors import DataError, Interrupted
from personalrm.models.from_population import Training
from personalrm.preferences import History
from personalrm.profile.options import Options

METHODS = ("longer", "population", "traits")


@pytest.fixture(scope="module")
def data(few: list[History], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "people.jsonl"
    write_choices(path, [one for person in few[:9] for one in person])
    return path


@pytest.fixture(scope="module")
def alone(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from personalrm.bench.running import run
    from personalrm.data.reading import read_people

    out = tmp_path_factory.mktemp("alone")
    run(lambda: read_people(data), METHODS, design(data), folder=out)
    return out


def design(data: Path, **more: Any) -> Design:
    return Design(**{"folds": 3, "seed": 2, "data": data.name, **more})


def work(data: Path, **more: Any) -> BenchWork:
    return BenchWork(
        (str(data),), (), ReadOptions(), design(data, **more), METHODS, Options(seed=2), Training(), (None,)
    )


def rows(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows by file, without what they took."""
    found = {}
    for path in sorted(folder.glob("*/*.jsonl")):
        read = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        found[f"{path.parent.name}/{path.name}"] = [
            {name: value for name, value in one.items() if "seconds" not in name} for one in read
        ]
    return found


def test_parts_on_two_workers_give_the_rows_of_one_process(data: Path, alone: Path, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with Processes(2) as executor:
        assert run_parts(work(data), executor, out) == 0
    assert rows(out) == rows(alone)
    given = ("--methods", ",".join(METHODS), "--folds", "3", "--seed", "2", "--out", out, "--json")
    done = run("cluster", "bench", data, *given)
    assert done.code == 0
    same = run("bench", data, *given[:-3], "--out", alone, "--json")
    shown, expected = (without_times(orjson.loads(one.out)) for one in (done, same))
    assert shown == expected
    with InProcess() as executor:
        assert run_parts(work(data), executor, out) == 2 * 3  # all were finished: two families, three folds


def without_times(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: without_times(value) for name, value in found.items() if "second" not in name}
    return [without_times(one) for one in found] if isinstance(found, list) else found


def test_a_stopped_run_goes_on_and_another_runs_folder_is_left_alone(data: Path, alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(Interrupted):
        run_parts(work(data), Stops(2, BenchPart), out)
    assert run_parts(work(data), InProcess(), out) == 2
    assert rows(out) == rows(alone)
    before = rows(out)
    with pytest.raises(DataError, match="seed"):
        run_parts(work(data, seed=3), InProcess(), out)
    assert rows(out) == before
