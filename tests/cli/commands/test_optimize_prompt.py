"""`personalrm optimize-prompt` as a stranger uses it, against the simulated model over real HTTP."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from command_line import Run
from facts import tells

from personalrm import prompts
from personalrm.data.simulated import simulate_people
from personalrm.llm.simulated import SimulatedLLM
from personalrm.llm.simulated.behaviour import Behaviour
from personalrm.llm.simulated.writing import INSTRUCTIONS
from personalrm.optimizing.prompt_file import read_prompt

OPTIMIZERS = ("miprov2", "gepa")


@pytest.fixture
def own_llm() -> Iterator[SimulatedLLM]:
    """A server that no other test has asked: DSPy keeps answers by their address."""
    with SimulatedLLM() as server:
        yield server


@pytest.fixture(scope="module")
def lines() -> bytes:
    """The file of ten people."""
    rows = [
        {
            "user": one.user,
            "id": one.id,
            "group": one.group,
            "context": [{"role": turn.role, "content": turn.content} for turn in one.context],
            "chosen": one.chosen,
            "rejected": one.rejected,
            "time": one.time,
        }
        for history in simulate_people(10, choices=10, prompt_tokens=20, response_tokens=50)
        for one in history
    ]
    return b"\n".join(map(orjson.dumps, rows))


@pytest.fixture
def data(lines: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "people.jsonl"
    path.write_bytes(lines)
    return path


@pytest.fixture
def words(data: Path, own_llm: SimulatedLLM, tmp_path: Path) -> list[object]:
    return ["optimize-prompt", data, "--model", f"m@{own_llm.url}", "--candidates", 3, "--out", tmp_path / "new.json"]


def record(path: Path) -> dict[str, Any]:
    found = orjson.loads(path.read_bytes())
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_both_optimisers_run_and_a_second_run_asks_nothing(
    run: Run, words: list[object], own_llm: SimulatedLLM, tmp_path: Path, optimizer: str
) -> None:
    done = run(*words, "--optimizer", optimizer)
    assert done.code == 0, done.err
    assert "INFO" not in done.err
    assert "%|" not in done.err
    found = record(tmp_path / "new.json")
    assert found["lineage"][0] | {"score": 0} == {
        "number": 0, "origin": "shipped", "parent": None, "prompt": prompts.load("persona"), "score": 0,
        "people": found["data"]["training"], "refused": None,
    }  # fmt: skip
    assert len(found["lineage"]) > 1
    assert {one["prompt"] for one in found["lineage"][1:]} <= set(INSTRUCTIONS)
    assert all(one["origin"] == optimizer and one["parent"] is not None for one in found["lineage"][1:])
    assert found["scores"]["shipped"]["people"] == found["data"]["held_back"] == 5
    assert found["prompt"] == next(one["prompt"] for one in found["lineage"] if one["number"] == found["chosen"])
    assert done.out.splitlines()[-1] == found["verdict"]
    before, first = own_llm.statistics.requests, (tmp_path / "new.json").read_bytes()
    assert run(*words, "--optimizer", optimizer).code == 0
    assert own_llm.statistics.requests == before
    assert (tmp_path / "new.json").read_bytes() == first
    assert not (tmp_path / "dspy").exists()


def test_nothing_of_host_or_people_is_in_the_file(
    run: Run, words: list[object], own_llm: SimulatedLLM, data: Path, tmp_path: Path
) -> None:
    own_llm.behaviour = Behaviour(key="sk-secret")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "sk-secret")
        assert run(*words).code == 0
    text = (tmp_path / "new.json").read_text("utf-8")
    assert "sk-secret" not in text
    assert "127.0.0.1" not in text
    assert "simulated-" not in text
    assert not any(orjson.loads(row)["chosen"] in text for row in data.read_bytes().splitlines())


def test_no_person_is_on_both_sides(run: Run, words: list[object], tmp_path: Path) -> None:
    assert run(*words, "--people", 7, "--holdout", 0.3).code == 0
    assert record(tmp_path / "new.json")["data"] | {"fingerprint": ""} == {
        "name": "people.jsonl", "fingerprint": "", "training": 5, "held_back": 2, "left_out": 0,
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("optimizer", "calls"), [("miprov2", 15), ("gepa", 60)])
def test_a_spent_budget_stops_and_the_next_run_goes_on(
    run: Run, words: list[object], own_llm: SimulatedLLM, tmp_path: Path, optimizer: str, calls: int
) -> None:
    command = [*words, "--optimizer", optimizer, "--cache", tmp_path / "cache.sqlite"]
    stopped = subprocess.run(  # a process of its own ends only when what it has sent is answered and kept
        [sys.executable, "-m", "personalrm", *map(str, command), "--max-calls", str(calls)],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert stopped.returncode == 3
    assert tells(stopped.stderr, "kept", "higher limit")
    assert len(stopped.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "new.json").exists()
    assert own_llm.statistics.requests == calls
    assert run(*command).code == 0
    with SimulatedLLM() as other:
        whole = [*words[:2], "--model", f"m@{other.url}", *words[4:-1], tmp_path / "whole.json"]
        assert run(*whole, "--optimizer", optimizer, "--cache", tmp_path / "fresh.sqlite").code == 0
        assert other.statistics.requests == own_llm.statistics.requests
    assert (tmp_path / "new.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(words: list[object], own_llm: SimulatedLLM, tmp_path: Path) -> None:
    own_llm.behaviour = Behaviour(latency=0.05)
    limits = ["--concurrency", 2, "--cache", tmp_path / "cache.sqlite"]
    program = subprocess.Popen(
        [sys.executable, "-m", "personalrm", *map(str, [*words, *limits])], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while own_llm.statistics.requests < 40 and program.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    program.send_signal(signal.SIGINT)
    _, said = program.communicate(timeout=60)
    assert program.returncode == 130
    assert tells(said, "interrupted", "kept")
    assert "Traceback" not in said


def test_another_model_proposes(run: Run, words: list[object], own_llm: SimulatedLLM, tmp_path: Path) -> None:
    with SimulatedLLM(seed=3) as other:
        assert run(*words, "--proposer", f"wise@{other.url}").code == 0
        assert other.statistics.requests == 3
    assert record(tmp_path / "new.json")["proposer"] == "wise"


def test_a_proposer_that_writes_nothing_leaves_what_ships(run: Run, words: list[object], tmp_path: Path) -> None:
    for optimizer in OPTIMIZERS:
        with SimulatedLLM(empty_every=1) as other:
            done = run(*words, "--optimizer", optimizer, "--proposer", f"mute@{other.url}")
        assert done.code == 0, done.err
        assert read_prompt(tmp_path / "new.json") == prompts.load("persona")
        assert len(record(tmp_path / "new.json")["lineage"]) == 1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_carries_the_people_is_refused_unasked_and_not_kept(
    run: Run, words: list[object], data: Path, tmp_path: Path, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {orjson.loads(row)["context"][-1]["content"] for row in data.read_bytes().splitlines()}
    quoting = tuple(f"Write a persona. They ask things such as: {one}" for one in sorted(asked))
    monkeypatch.setattr("personalrm.llm.simulated.writing.INSTRUCTIONS", quoting)
    done = run(*words, "--optimizer", optimizer, "--people", 10, "--holdout", 0.2)
    assert done.code == 0, done.err
    refused = record(tmp_path / "new.json")["lineage"][1:]
    assert refused
    assert all(one["refused"].startswith(("quotes", "names")) for one in refused)
    assert {(one["prompt"], one["score"], one["people"]) for one in refused} == {(None, None, 0)}
    assert not any(one in (tmp_path / "new.json").read_text("utf-8") for one in asked)
    assert read_prompt(tmp_path / "new.json") == prompts.load("persona")


def test_keep_anyway(run: Run, words: list[object], tmp_path: Path) -> None:
    assert run(*words, "--accept-best").code == 0
    found = record(tmp_path / "new.json")
    assert found["chosen"] == found["best"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--model", "traits"), "'traits'"),
        (("--holdout", "1"), "--holdout"),
        (("--out", "{here}"), "--out"),
        (("--max-cost", "1"), "--prices"),
    ],
)
def test_bad_input_is_one_sentence(
    run: Run, words: list[object], own_llm: SimulatedLLM, tmp_path: Path, more: tuple[str, ...], says: str
) -> None:
    done = run(*words, *(one.replace("{here}", str(tmp_path)) for one in more))
    assert done.code == 1
    assert says in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert own_llm.statistics.requests == 0


def test_too_few_people(run: Run, words: list[object], data: Path) -> None:
    data.write_bytes(b"\n".join(data.read_bytes().splitlines()[:17]))
    done = run(*words)
    assert done.code == 1
    assert tells(done.err, "4 people")


def test_without_the_extra(run: Run, words: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gepa", None)
    done = run(*words)
    assert done.code == 1
    assert tells(done.err, "pip install 'personalrm[optimize]'")


def test_the_command_line_starts_without_dspy() -> None:
    program = "import sys; import personalrm.cli.app, personalrm.optimizing.optimize; print('dspy' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "False"


def test_fit_and_bench_ask_with_the_prompt(run: Run, data: Path, own_llm: SimulatedLLM, tmp_path: Path) -> None:
    told = tmp_path / "told.txt"
    told.write_text(INSTRUCTIONS[1], "utf-8")
    words = ("--user", "simulated-0", "--base-url", own_llm.url, "--model", "m")
    user = orjson.loads(data.read_bytes().splitlines()[0])["user"]
    words = ("--user", user, *words[2:])
    assert run("fit", data, *words, "--out", tmp_path / "plain.json").code == 0
    done = run("fit", data, *words, "--persona-prompt", told, "--out", tmp_path / "told.json")
    assert done.code == 0, done.err
    plain, other = record(tmp_path / "plain.json"), record(tmp_path / "told.json")
    assert len(plain["persona"]["claims"]) > 1
    assert len(other["persona"]["claims"]) == 1  # the instruction wants one claim at most
    assert other["options"]["persona_prompt"] == INSTRUCTIONS[1]
    asked = ("--methods", "synthesizeme", "--model", "m", "--base-url", own_llm.url, "--protocol", "context-target")
    done = run("bench", data, *asked, "--persona-prompt", told, "--out", tmp_path / "bench", "--json")
    assert done.code == 0, done.err
    again = run("bench", data, *asked, "--out", tmp_path / "bench", "--json")
    assert again.code == 1
    assert tells(again.err, "options")
    idle = run("fit", data, "--user", user, "--persona-prompt", told)
    assert tells(idle.err, "--model", "--persona-prompt")


def test_a_file_that_is_no_prompt_file_is_not_replaced(run: Run, words: list[object], tmp_path: Path) -> None:
    """Fault: `--out` replaced any file, the data too. Nothing is asked before that is known."""
    for name, content in (("new.json", b'{"mine": 1}'), ("new.txt", b"Dear diary"), ("odd.json", b"\xff\x00")):
        out = tmp_path / name
        out.write_bytes(content)
        done = run(*words[:-1], out)
        assert done.code == 1
        assert name in done.err
        assert out.read_bytes() == content
