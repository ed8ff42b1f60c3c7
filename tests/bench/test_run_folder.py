"""The folder of a run: what is finished stays finished, however it ends, and no two runs mix in it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from facts import naming, tells
from places import SOURCE

from personalrm.bench.entries import ResultKey, labels
from personalrm.bench.plan import Design
from personalrm.bench.record import write
from personalrm.bench.results import BenchResult
from personalrm.bench.run_folder import RunFolder, read_run
from personalrm.bench.running import run
from personalrm.data.simulated import simulate_people
from personalrm.data.writing import write_choices
from personalrm.errors import DataError, StorageError
from personalrm.llm import background_loop
from personalrm.llm.connect import EndpointOptions, shared_models
from personalrm.llm.simulated import SimulatedLLM
from personalrm.llm.simulated.statistics import Statistics
from personalrm.preferences import History

METHODS = ["longer", "default", "synthesizeme"]
DESIGN = Design("context-target", data="people")
PATIENCE_S = 120.0
"""Long enough for any machine: it only keeps a broken program from hanging."""


@pytest.fixture(scope="module")
def five() -> list[History]:
    """Five simulated people with long texts."""
    return [simulate_people(1, choices=8, seed=seed)[0] for seed in range(5)]


def bench(people: list[History], llm: SimulatedLLM, folder: Path, cache: Path, **how: Any) -> BenchResult:
    async def connected() -> Any:
        return shared_models(["simulated"], EndpointOptions(llm.url, cache=cache))

    return run(people, how.pop("methods", METHODS), how.pop("design", DESIGN),
               models=background_loop.run(connected()), folder=folder, **how)  # fmt: skip


def tables(result: BenchResult, folder: Path) -> tuple[bytes, bytes]:
    write(result, folder, "longer")
    return (folder / "results.json").read_bytes(), (folder / "pairs.jsonl").read_bytes()


@pytest.fixture(scope="module")
def whole(five: list[History], server: SimulatedLLM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run from beginning to end; with its tables."""
    folder = tmp_path_factory.mktemp("whole")
    tables(bench(five, server, folder / "run", folder / "answers"), folder / "run")
    return folder / "run"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_judged_order_is_a_row_with_its_prompt_tokens_cost_and_time(whole: Path, five: list[History]) -> None:
    found = rows(whole / "judgements" / "default@simulated.jsonl")
    pairs = {one["id"] for one in found}
    assert len(found) == 2 * len(pairs)
    assert {(one["id"], one["order"]) for one in found} == {(id_, order) for id_ in pairs for order in ("ab", "ba")}
    for one in found:
        assert one["model"] == "simulated"
        assert 0 < one["probability"] < 1
        assert len(one["prompt"]) == 16
        assert one["prompt_tokens"] > 0 < one["completion_tokens"]
        assert one["seconds"] >= 0
        assert {"user", "group", "seed", "fold", "preferred", "cost", "context_pairs"} <= set(one)
    assert all(one["order"] is None for one in rows(whole / "judgements" / "longer.jsonl"))
    learned = [one["learned"] for one in rows(whole / "tasks" / "synthesizeme@simulated.jsonl")]
    assert all("arm" in one for one in learned)


def test_a_second_run_asks_nothing_and_writes_the_same(
    whole: Path, five: list[History], llm: SimulatedLLM, tmp_path: Path
) -> None:
    llm.statistics = Statistics()
    before = [path.read_bytes() for path in (whole / "results.json", whole / "pairs.jsonl")]
    assert [*tables(bench(five, llm, whole, tmp_path / "no answers"), whole)] == before
    assert llm.statistics.requests == 0


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(one, marks=pytest.mark.slow) for one in range(2, 6))])
def test_from_whatever_a_killed_run_left_the_same_tables_follow(
    seed: int, whole: Path, five: list[History], llm: SimulatedLLM, tmp_path: Path
) -> None:
    """Files cut off at any byte, judgements ahead of their tasks: as kill -9 may leave them."""
    rng, folder = random.Random(seed), tmp_path / "run"
    for path in sorted(whole.glob("*/*.jsonl")):
        left = folder / path.parent.name / path.name
        left.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_bytes()
        left.write_bytes(text[: rng.randint(0, len(text))])
    (folder / "run.json").write_bytes((whole / "run.json").read_bytes())
    again = tables(bench(five, llm, folder, whole.parent / "answers"), folder)
    assert again == ((whole / "results.json").read_bytes(), (whole / "pairs.jsonl").read_bytes())
    for path in (whole / "judgements").iterdir():
        assert judged(folder / "judgements" / path.name) == judged(path)


def judged(path: Path) -> list[str]:
    """Every judged order and what was said, without the seconds."""
    return sorted(str((one["task"], one["id"], one["order"], one["probability"])) for one in rows(path))


RUN = ("from personalrm.cli.app import main; main()",)


def command(data: Path, llm: SimulatedLLM, folder: Path, *more: str) -> list[str]:
    return [
        sys.executable, "-c", *RUN, "bench", str(data), "--methods", ",".join(METHODS), "--protocol", "context-target",
        "--model", "simulated", "--base-url", llm.url, "--cache", str(folder / "answers"), "--out", str(folder / "run"),
        "--concurrency", "8", *more,
    ]  # fmt: skip


@pytest.mark.slow
def test_kill_nine_repeats_no_finished_call_and_ends_in_the_same_bytes(five: list[History], tmp_path: Path) -> None:
    data, rng = tmp_path / "people.jsonl", random.Random(20261124)
    write_choices(data, (choice for one in five for choice in one))
    with SimulatedLLM() as calm:
        subprocess.run(command(data, calm, tmp_path / "calm"), check=True, capture_output=True, timeout=PATIENCE_S)
        needed = set(calm.statistics.finished)
    with SimulatedLLM(latency=0.02) as llm:
        for kill in range(4):
            program = subprocess.Popen(command(data, llm, tmp_path / "killed"), stdout=-1, stderr=-1)
            goal = (kill + 1) * len(needed) // 6
            while llm.statistics.finished.total() < goal and program.poll() is None:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.03))
            program.send_signal(signal.SIGKILL)
            program.communicate(timeout=PATIENCE_S)
        end = subprocess.run(
            command(data, llm, tmp_path / "killed"), capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert end.returncode == 0, end.stderr
        assert set(llm.statistics.finished) == needed
        repeated = llm.statistics.finished.total() - len(needed)
    assert repeated <= 4 * 8  # at most what was on the wire at each kill; what had arrived is never asked again
    for name in ("results.json", "pairs.jsonl"):
        assert (tmp_path / "calm/run" / name).read_bytes() == (tmp_path / "killed/run" / name).read_bytes()


@pytest.mark.slow
def test_an_interrupted_run_says_how_to_go_on_and_goes_on(five: list[History], tmp_path: Path) -> None:
    data = tmp_path / "people.jsonl"
    write_choices(data, (choice for one in five for choice in one))
    with SimulatedLLM(latency=0.05) as llm:
        program = subprocess.Popen(command(data, llm, tmp_path), stdout=-1, stderr=-1, text=True)
        while llm.statistics.finished.total() < 40:
            assert program.poll() is None
            time.sleep(0.001)
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=PATIENCE_S)
        assert program.returncode == 130
        assert tells(said, "interrupted", "kept")
        assert "Traceback" not in said
        end = subprocess.run(command(data, llm, tmp_path), capture_output=True, text=True, timeout=PATIENCE_S)
        assert end.returncode == 0, end.stderr
        assert max(llm.statistics.finished.values()) == 1


@pytest.mark.slow
def test_a_limit_stops_and_a_higher_one_goes_on(five: list[History], tmp_path: Path) -> None:
    data = tmp_path / "people.jsonl"
    write_choices(data, (choice for one in five for choice in one))
    with SimulatedLLM() as llm:
        stopped = subprocess.run(
            command(data, llm, tmp_path, "--max-calls", "60"), capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert stopped.returncode == 3
        assert "60 calls" in stopped.stderr
        assert llm.statistics.requests <= 60
        end = subprocess.run(command(data, llm, tmp_path), capture_output=True, text=True, timeout=PATIENCE_S)
        assert end.returncode == 0, end.stderr
        assert max(llm.statistics.finished.values()) == 1


# ------------------------------------------------------------------------------------------------- a model that fails


def test_a_model_that_fails_ends_its_own_methods_alone(five: list[History], llm: SimulatedLLM, tmp_path: Path) -> None:
    data = tmp_path / "people.jsonl"
    write_choices(data, (choice for one in five for choice in one))
    with SimulatedLLM(key="right", model="locked") as locked:
        models = ("--model", f"simulated@{llm.url}", "--model", f"locked@{locked.url}")
        parts = command(data, llm, tmp_path, *models)
        at = parts.index("--model")
        del parts[at : at + 2]
        end = subprocess.run(
            parts,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            env={"PYTHONPATH": str(SOURCE), "PATH": "", "COLUMNS": "200"},
        )
    assert end.returncode == 1
    assert tells(end.stderr, "default · locked")
    assert "Traceback" not in end.stderr
    record = json.loads((tmp_path / "run/results.json").read_text())
    assert {one["label"] for one in record["methods"]} == {"longer", "default · simulated", "synthesizeme · simulated"}
    assert set(record["failed"]) == {"default · locked", "synthesizeme · locked"}


def test_what_is_too_long_for_the_model_is_unscored_and_counted_pair_by_pair(
    whole: Path, five: list[History], tmp_path: Path
) -> None:
    sizes = sorted(one["prompt_tokens"] for one in rows(whole / "judgements" / "default@simulated.jsonl"))
    with SimulatedLLM() as llm:
        llm.behaviour = replace(llm.behaviour, context=sizes[len(sizes) // 2])  # the longer half does not fit
        found = bench(five, llm, tmp_path / "run", tmp_path / "answers", methods=["default", "synthesizeme"])
    for row in found.rows():
        assert 0 < row.coverage < 1
        ((reason, count),) = row.unscored.items()
        assert "maximum context length" in reason
        assert count == len(found.asked) - row.pairs


# ------------------------------------------------------------------------------------------------- folders of another


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"design": Design("context-target", seed=1, data="people")}, "other seed"),
        ({"design": Design("new-people", data="people")}, "other protocol"),
        ({"design": Design("context-target", folds=2, data="people")}, "other folds"),
        ({"design": Design("context-target", data="others")}, "other data"),
    ],
)
def test_a_folder_of_another_run_is_refused(
    changed: dict[str, Any], said: str, whole: Path, five: list[History], llm: SimulatedLLM, tmp_path: Path
) -> None:
    before = (whole / "run.json").read_bytes()
    with pytest.raises(DataError, match=said):
        bench(five, llm, whole, tmp_path / "answers", **changed)
    assert (whole / "run.json").read_bytes() == before


def test_other_choices_and_other_models_are_refused(
    whole: Path, five: list[History], llm: SimulatedLLM, tmp_path: Path
) -> None:
    flipped = [one.only(choice.flipped() for choice in one) for one in five]
    with pytest.raises(DataError, match=naming(whole)):
        bench(flipped, llm, whole, tmp_path / "answers")

    async def other() -> Any:
        return shared_models([f"another@{llm.url}"], EndpointOptions(cache=tmp_path / "answers"))

    with pytest.raises(DataError, match=naming("simulated")):
        run(five, METHODS, DESIGN, models=background_loop.run(other()), folder=whole)


def test_rows_of_another_method_in_a_file_are_named(whole: Path, five: list[History], tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps(read_run(whole) | {"models": [], "options": None, "prompts": None}))
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "longer.jsonl").write_bytes((whole / "tasks" / "default@simulated.jsonl").read_bytes())
    with pytest.raises(DataError, match=naming("longer.jsonl", "line 1")):
        run(five, ["longer"], DESIGN, folder=tmp_path)


def test_a_damaged_line_is_named(five: list[History], tmp_path: Path) -> None:
    run(five, ["longer"], DESIGN, folder=tmp_path)
    path = tmp_path / "tasks" / "longer.jsonl"
    path.write_text("{broken\n" + path.read_text())
    with pytest.raises(DataError, match=r"longer.jsonl, line 1: damaged"):
        run(five, ["longer"], DESIGN, folder=tmp_path)


def test_two_runs_do_not_write_into_one_folder(five: list[History], tmp_path: Path) -> None:
    run(five, ["longer"], DESIGN, folder=tmp_path)
    identity = {name: value for name, value in read_run(tmp_path).items() if name not in ("schema", "models")}
    with (
        RunFolder.open(tmp_path, identity, []),
        pytest.raises(DataError, match=rf"another run \(process {os.getpid()}\) is writing"),
    ):
        run(five, ["longer"], DESIGN, folder=tmp_path)
    run(five, ["longer"], DESIGN, folder=tmp_path)  # let go of


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "damaged"), ("[]", "damaged"), ('{"schema": 99}', "newer personalrm"), ("{}", "field 'schema'")],
)
def test_a_run_that_cannot_be_read(text: str, said: str, five: list[History], tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(DataError, match=said):
        run(five, ["longer"], DESIGN, folder=tmp_path)


def test_results_without_their_run_and_places_that_cannot_be_written(five: list[History], tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    with pytest.raises(DataError, match=naming("run.json")):
        run(five, ["longer"], DESIGN, folder=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=naming(tmp_path / "file")):
        run(five, ["longer"], DESIGN, folder=tmp_path / "file")


# ---------------------------------------------------------------------------------------------------------- the lines


def test_files_and_labels_tell_all_lines_apart() -> None:
    entries = [
        ResultKey("longer", "longer"),
        ResultKey("traits", "traits", 4),
        ResultKey("traits", "traits"),
        ResultKey("default", "org/small"),
        ResultKey("default", "large:latest"),
        ResultKey("judge:gpt-4o", "gpt-4o"),
    ]
    assert list(labels(entries).values()) == [
        "longer",
        "traits · 4 choices",
        "traits",
        "default · org/small",
        "default · large:latest",
        "judge:gpt-4o",
    ]
    files = [one.file for one in entries]
    assert len(set(files)) == len(files)
    assert not any(set(one) & set('/\\:*?"<>|') for one in files)


def test_methods_models_and_numbers_of_choices_multiply(five: list[History], tmp_path: Path) -> None:
    with SimulatedLLM() as one, SimulatedLLM() as two:

        async def connected() -> Any:
            return shared_models([f"small@{one.url}", f"large@{two.url}"], EndpointOptions(cache=tmp_path / "answers"))

        result = run(five, ["longer", "default", "traits", "synthesizeme"], DESIGN,
                     models=background_loop.run(connected()), context_pairs=(2, None))  # fmt: skip
    assert list(result.lines) == [
        "longer",
        "default · small",
        "default · large",
        "traits · 2 choices",
        "traits",
        "synthesizeme · small · 2 choices",
        "synthesizeme · small",
        "synthesizeme · large · 2 choices",
        "synthesizeme · large",
    ]
    assert np_equal(result, "default · small", "default · large")
    assert not np_equal(result, "traits · 2 choices", "traits")


def np_equal(result: BenchResult, one: str, other: str) -> bool:
    return bool((result.probabilities[one] == result.probabilities[other]).all())
