"""`personalrm cluster fit`: the same bytes however it is run, finished parts kept, one person's fault no one else's."""

from __future__ import annotations

import math
import os
import signal
import tracemalloc
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from answers_kept import settled
from command_line import Run
from reward_server import RewardServer
from stopping import Stops

from personalrm import Client
from personalrm.cluster.executor import InProcess, Processes
from personalrm.cluster.fitting import FitOptions, FitShard
from personalrm.cluster.folder import ClusterFolder, ShardRecord, Trouble, write_record
from personalrm.cluster.running import FitRun, run_over_people
from personalrm.cluster.splitting import MOST_SHARDS, input_files, shards_for
from personalrm.data.reading import read_history
from personalrm.data.writing import write_choices
from personalrm.errors import DataError, Interrupted, StorageError
from personalrm.preferences import History
from personalrm.profile.collection import ProfileCollection
from personalrm.profile.table import ProfileTable, shard_of

SHARDS = 4


@pytest.fixture(scope="module")
def inputs(few: list[History], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The choices of 24 people dealt out over three files, so that nobody's lie together."""
    folder = tmp_path_factory.mktemp("inputs")
    choices = [one for person in few for one in person]
    for number in range(3):
        write_choices(folder / f"part-{number}.jsonl.gz", choices[number::3])
    return folder


@pytest.fixture(scope="module")
def fitted(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run in this process."""
    out = tmp_path_factory.mktemp("fitted") / "out"
    run_over_people(a_run(inputs, out), InProcess())
    return out


def a_run(inputs: Path, out: Path, **settings: Any) -> FitRun:
    return FitRun(tuple(input_files([str(inputs)])), out, FitOptions(), **{"shards": SHARDS, **settings})


def contents(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in sorted(folder.iterdir()) if one.is_file()}


def test_everybody_is_fitted_as_alone(fitted: Path, few: list[History], inputs: Path) -> None:
    table = ProfileTable(fitted)
    assert sorted(table.users) == sorted(one.user for one in few)
    user = few[5].user
    alone = Client("traits").fit(read_history(sorted(map(str, inputs.iterdir())), user))
    found = table.of(user)
    assert found is not None
    assert found.engine == alone.engine
    assert {one.id for one in found.history} == {one.id for one in alone.history}
    assert table.of("nobody") is None


def test_each_file_holds_the_people_of_its_shard(fitted: Path) -> None:
    table = ProfileTable(fitted)
    shards = [shard_of(one, SHARDS) for one in table.users]
    assert shards == sorted(shards)


def test_several_processes_write_the_same_bytes(inputs: Path, fitted: Path, tmp_path: Path) -> None:
    with Processes(2) as executor:
        run_over_people(a_run(inputs, tmp_path / "out"), executor)
    assert contents(tmp_path / "out") == contents(fitted)


def test_the_folder_serves_as_profiles_by_user(fitted: Path, few: list[History]) -> None:
    people = ProfileCollection(fitted)
    assert set(people.users) == {one.user for one in few}
    found = people.of(few[0].user)
    assert found is not None
    assert found is people.of(few[0].user)
    assert people.of("nobody") is None


def test_a_stopped_run_goes_on_where_it_was(inputs: Path, fitted: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(Interrupted, match="same command"):
        run_over_people(a_run(inputs, out), Stops(2, FitShard))
    before = {one.name: one.stat().st_mtime_ns for one in out.glob("*.parquet")}
    assert len(before) == 2
    result = run_over_people(a_run(inputs, out), InProcess())
    assert result.reused == 2
    assert before.items() <= {one.name: one.stat().st_mtime_ns for one in out.glob("*.parquet")}.items()
    assert contents(out) == contents(fitted)
    assert run_over_people(a_run(inputs, out), InProcess()).reused == SHARDS


def test_a_lost_file_is_made_again(inputs: Path, fitted: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_over_people(a_run(inputs, out), InProcess())
    (out / f"profiles-00001-of-0000{SHARDS}.parquet").unlink()
    assert run_over_people(a_run(inputs, out), InProcess()).reused == SHARDS - 1
    assert contents(out) == contents(fitted)


def test_a_damaged_file_is_made_again(inputs: Path, fitted: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_over_people(a_run(inputs, out), InProcess())
    damaged = out / f"profiles-00001-of-0000{SHARDS}.parquet"
    damaged.write_bytes(damaged.read_bytes()[:500])
    assert run_over_people(a_run(inputs, out), InProcess()).reused == SHARDS - 1
    assert contents(out) == contents(fitted)


def test_another_input_or_option_is_refused_and_named(inputs: Path, few: list[History], tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    write_choices(folder / "a.jsonl", few[0])
    run_over_people(a_run(folder, out), InProcess())
    with pytest.raises(DataError, match="shards"):
        run_over_people(a_run(folder, out, shards=2), InProcess())
    write_choices(folder / "a.jsonl", [*few[0].choices[:-1], few[0].choices[-1].flipped()])
    with pytest.raises(DataError, match=r"a\.jsonl"):
        run_over_people(a_run(folder, out), InProcess())
    run_over_people(a_run(folder, out, force=True), InProcess())
    found = ProfileTable(out).of(few[0].user)
    assert found is not None
    assert found.history.choices[-1].chosen == few[0].choices[-1].rejected


def test_a_folder_of_something_else_is_left_alone(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear all")
    with pytest.raises(StorageError, match=r"letter\.txt"):
        run_over_people(a_run(inputs, tmp_path), InProcess())
    assert [one.name for one in tmp_path.iterdir()] == ["letter.txt"]


def test_one_persons_fault_is_kept_and_the_others_are_fitted(run: Run, few: list[History], tmp_path: Path) -> None:
    tied = [{"user": "tess", "prompt": "Hi", "a": "Yes.", "b": "No.", "winner": "tie"}]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(map(orjson.dumps, tied)))
    (tmp_path / "b.jsonl").write_text("no JSON\n")
    write_choices(tmp_path / "c.jsonl", few[0])
    files = sorted(tmp_path.glob("*.jsonl"))
    done = run("cluster", "fit", *files, "--out", tmp_path / "out")
    assert done.code == 4
    assert "1 profile of 8 choices" in done.out
    troubles = [orjson.loads(line) for line in (tmp_path / "out" / "errors.jsonl").read_bytes().splitlines()]
    assert [(one["file"], one["user"]) for one in troubles] == [("b.jsonl", None), ("a.jsonl", "tess")]
    assert run("cluster", "fit", *files, "--out", tmp_path / "out").code == 4


def test_one_id_in_two_files_stands_for_two_choices(few: list[History], tmp_path: Path) -> None:
    mine = few[0].choices
    write_choices(tmp_path / "a.jsonl", [replace(mine[0], id="x"), mine[1]])
    write_choices(tmp_path / "b.jsonl", [replace(mine[2], id="x"), mine[1]])
    run_over_people(a_run(tmp_path, tmp_path / "out"), InProcess())
    found = ProfileTable(tmp_path / "out").of(few[0].user)
    assert found is not None
    assert [one.id for one in found.history] == ["x", mine[1].id, "x@b.jsonl"]


def test_the_command_and_one_persons_file(
    run: Run, inputs: Path, fitted: Path, few: list[History], tmp_path: Path
) -> None:
    done = run("cluster", "fit", inputs, "--out", tmp_path / "out", "--shards", SHARDS)
    assert done.code == 0
    assert contents(tmp_path / "out") == contents(fitted)
    mine = tmp_path / "mine.json"
    assert run("cluster", "extract", tmp_path / "out", "--user", few[3].user, "--out", mine).code == 0
    assert run("persona", mine).code == 0
    assert run("cluster", "extract", tmp_path / "out", "--user", "nobody", "--out", mine).code == 1


@dataclass(frozen=True)
class DiesOnce:
    """Takes its worker with it the first time."""

    mark: Path
    name = "dies once"

    def run(self) -> str:
        if not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return "done"


@dataclass(frozen=True)
class Refuses:
    name = "refuses"

    def run(self) -> None:
        raise DataError("no such person")


def test_a_job_whose_worker_died_is_run_again(tmp_path: Path) -> None:
    with Processes(1) as executor:
        assert [found for _, found in executor.run([DiesOnce(tmp_path / "mark")])] == ["done"]
        assert executor.lost == 1
        with pytest.raises(DataError, match="no such person"):
            list(executor.run([Refuses()]))


def test_a_model_is_asked_once_whatever_stops_the_run(llm: Any, few: list[History], tmp_path: Path) -> None:
    from personalrm.errors import BudgetSpent
    from personalrm.llm.connect import EndpointOptions
    from personalrm.profile.options import Options

    write_choices(tmp_path / "in.jsonl", [one for person in few[:4] for one in person])

    def asked(out: str, max_calls: int | None, cache: str) -> FitRun:
        endpoint = EndpointOptions(llm.url, cache=tmp_path / cache, max_calls=max_calls).resolved()
        how = FitOptions("simulated", Options(preset="frugal"), endpoint=endpoint)
        return FitRun((tmp_path / "in.jsonl",), tmp_path / out, how, shards=2)

    with pytest.raises(BudgetSpent):
        run_over_people(asked("out", 8, "a.sqlite"), InProcess())
    settled(llm)  # the limit is told while the last ones are still on their way
    assert llm.statistics.requests == 8
    result = run_over_people(asked("out", None, "a.sqlite"), InProcess())
    assert result.people == 4
    paid = llm.statistics.requests
    run_over_people(asked("again", None, "b.sqlite"), InProcess())
    assert llm.statistics.requests == 2 * paid  # the stopped run asked nothing twice
    assert contents(tmp_path / "again") == contents(tmp_path / "out")
    with pytest.raises(DataError, match="--processes"), Processes(2) as executor:
        run_over_people(asked("third", None, "a.sqlite"), executor)


def test_scores_are_those_of_each_persons_profile(
    run: Run, inputs: Path, fitted: Path, few: list[History], tmp_path: Path
) -> None:
    import pyarrow.parquet

    stranger = [replace(one, user="stranger") for one in few[0]]
    write_choices(tmp_path / "pairs.jsonl", [*few[2], *stranger, *few[7]])
    done = run("cluster", "score", fitted, tmp_path / "pairs.jsonl", "--out", tmp_path / "scores")
    assert done.code == 4
    assert [orjson.loads(one)["user"] for one in (tmp_path / "scores" / "errors.jsonl").read_bytes().splitlines()] == [
        "stranger"
    ]
    files = sorted((tmp_path / "scores").glob("scores-*.parquet"))
    assert len(files) == SHARDS
    rows = {row["id"]: row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()}
    assert len(rows) == len(few[2]) + len(few[7])
    client, profile = Client(), ProfileTable(fitted).of(few[7].user)
    assert profile is not None
    for one in few[7]:
        row = rows[one.id]
        assert row["user"] == few[7].user
        alone = client.compare(profile, one.context, one.chosen, one.rejected).probability
        assert row["probability"] == pytest.approx(alone, rel=1e-12)  # products of matrices round by their size
        assert row["chosen"] == client.score(profile, one.context, one.chosen)
        assert row["rejected"] == client.score(profile, one.context, one.rejected)
    again = run("cluster", "score", fitted, tmp_path / "pairs.jsonl", "--out", tmp_path / "scores")
    assert again.code == 4
    assert f"{SHARDS} of them finished" in again.out


def test_small_data_make_small_shards_so_that_no_core_waits_long_for_the_last(tmp_path: Path) -> None:
    def shards(megabytes: int, name: str = "in.jsonl") -> int:
        with (tmp_path / name).open("wb") as file:
            file.truncate(megabytes << 20)
        return shards_for([tmp_path / name])

    assert [shards(size) for size in (0, 1, 64, 1024)] == [1, 1, 64, 1024]
    assert shards(22, "in.jsonl.gz") == 88
    assert [shards(size) for size in (2048, 4096, 8192, 1 << 20)] == [1024, 1024, 2048, MOST_SHARDS]


def scores_of(folder: Path) -> dict[str, dict[str, Any]]:
    import pyarrow.parquet

    files = sorted(folder.glob("scores-*.parquet"))
    return {row["id"]: row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()}


def test_scores_by_another_model_than_the_profiles(
    run: Run, llm: Any, fitted: Path, few: list[History], tmp_path: Path
) -> None:
    """A reward model at a server (minus the words over ten), a language model, and a trained model in a folder."""
    pairs = tmp_path / "pairs.jsonl"
    write_choices(pairs, [*few[2], *few[7]])
    with RewardServer("chat") as server:
        model = f"vllm-classify:mine@{server.url}"
        assert run("cluster", "score", fitted, pairs, "--model", model, "--out", tmp_path / "served").code == 0
    rows = scores_of(tmp_path / "served")
    for one in few[7]:
        assert rows[one.id]["chosen"] == pytest.approx(-len(one.chosen.split()) / 10)
        gap = rows[one.id]["chosen"] - rows[one.id]["rejected"]
        assert rows[one.id]["probability"] == pytest.approx(1 / (1 + math.exp(-gap)))

    cache = tmp_path / "answers.sqlite"
    asked = ("--model", "simulated", "--base-url", llm.url, "--cache", cache)
    assert run("cluster", "score", fitted, pairs, "--out", tmp_path / "judged", *asked).code == 0
    judged = scores_of(tmp_path / "judged")
    assert set(judged) == set(rows)
    assert {row["chosen"] for row in judged.values()} == {None}
    assert all(0 <= row["probability"] <= 1 for row in judged.values())
    requests = llm.statistics.requests
    assert run("cluster", "score", fitted, pairs, "--out", tmp_path / "judged", "--force", *asked).code == 0
    assert llm.statistics.requests == requests  # every answer is known
    assert run("cluster", "score", fitted, pairs, "--out", tmp_path / "judged").code == 1  # another run's folder


def test_scores_by_a_trained_model(run: Run, fitted: Path, few: list[History], tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra train)")
    folder = Path(__file__).parent.parent / "profile" / "old" / "lore-model"
    pairs = tmp_path / "pairs.jsonl"
    write_choices(pairs, few[7])
    model = f"trained:{folder}"
    assert run("cluster", "score", fitted, pairs, "--model", model, "--out", tmp_path / "out").code == 0
    rows, profile = scores_of(tmp_path / "out"), ProfileTable(fitted).of(few[7].user)
    assert profile is not None
    client = Client(model)
    own = client.fit(profile.history)
    for one in few[7]:
        assert rows[one.id]["chosen"] == client.score(own, one.context, one.chosen)


def test_the_process_that_drives_a_run_holds_only_counts(
    few: list[History], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its memory grows by less than 2 kB a shard, however many people and faults a shard has (4 MB of choices)."""
    write_choices(tmp_path / "in.jsonl", few[0])

    def done(job: FitShard) -> ShardRecord:
        folder = ClusterFolder(job.root, job.shards)
        folder.output(job.shard).touch()
        troubles = tuple(Trouble("in.jsonl", f"user {number}", "no choice " * 50) for number in range(40))
        write_record(folder.shard_record(job.shard), ShardRecord(job.key, 80, 1360, troubles=troubles))
        return ShardRecord(job.key, 80, 1360)

    monkeypatch.setattr(FitShard, "run", done)

    def peak(shards: int) -> int:
        how = FitRun((tmp_path / "in.jsonl",), tmp_path / f"out-{shards}", FitOptions(), shards=shards)
        tracemalloc.start()
        try:
            assert run_over_people(how, InProcess()).troubles == 40 * shards
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(5)  # what is loaded once
    assert peak(100) - peak(20) < 80 * 2048
