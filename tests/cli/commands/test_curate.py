"""`personalrm curate` as a stranger uses it: from files as they are published to a folder that the benchmark reads."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from command_line import Run
from facts import tells
from published_files import arena_rows, conversation, prism_folder, turn, write_rows

from personalrm.data.reading import read_people
from personalrm.llm.simulated import SimulatedLLM
from personalrm.llm.simulated.behaviour import Behaviour

OUTPUTS = ["labels.jsonl", "manifest.json", "test.jsonl", "train.jsonl", "validation.jsonl"]
LENIENT = ("--min-pairs", 2, "--min-personalizable", 0, "--min-agreement", 0, "--max-agreement", 1)
"""The simulated model knows nothing of taste: with these, enough is left whatever it says."""


@pytest.fixture
def prism(tmp_path: Path) -> Path:
    return prism_folder(tmp_path / "prism", people=6)


def manifest(out: Path) -> dict[str, Any]:
    record = orjson.loads((out / "manifest.json").read_bytes())
    assert isinstance(record, dict)
    return record


def contents(out: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in sorted(out.iterdir())}


def test_prism_without_a_model(run: Run, prism: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("curate", "prism", prism, "--out", out, "--skip-llm-filters")
    assert done.code == 0, done.err
    assert "as published" in done.out
    assert "1,396 users" in done.out
    assert sorted(contents(out)) == [name for name in OUTPUTS if name != "labels.jsonl"]
    people = [
        one for name in ("train", "validation", "test") for one in read_people(out / f"{name}.jsonl", strict=True)
    ]
    assert len({one.user for one in people}) == len(people) == 6
    for one in people:
        assert {choice.split for choice in one} == {"context", "target"}
        sides = [{choice.group for choice in one if choice.split == side} for side in ("context", "target")]
        assert sides[0].isdisjoint(sides[1])
        assert one.choices[0].stated["system_string"] == "Be brief and honest."
        assert one.choices[0].domain == "unguided"
    found = manifest(out)
    assert [one["name"] for one in found["inputs"]] == ["conversations.jsonl.gz", "survey.jsonl"]
    assert found["options"]["min_gap"] == 10
    assert found["steps"][1]["removed"] == {"scores nearer than 10": 36}
    assert str(tmp_path) not in str(found)


def test_prism_with_judges_one_of_which_fails(run: Run, prism: Path, llm: SimulatedLLM, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with SimulatedLLM(logprobs=False) as plain, SimulatedLLM(model="another") as failing:
        judges = ("--model", f"one@{llm.url}", "--model", f"two@{plain.url}", "--model", f"three@{failing.url}")
        words = ("curate", "prism", prism, "--out", out, *judges, *LENIENT)
        done = run(*words)
        assert done.code == 0, done.err
        assert "labels are unscored; the first failure: " in done.err
        first, asked = contents(out), (llm.statistics.requests, plain.statistics.requests)
        assert run(*words).code == 0
        assert contents(out) == first
        assert (llm.statistics.requests, plain.statistics.requests) == asked
        assert llm.statistics.finished.total() == len(llm.statistics.finished)
    found = manifest(out)
    assert sorted(first) == OUTPUTS
    assert found["models"] == ["one", "two", "three"]
    assert found["labels"]["two"] == {"asked": 216, "scored": 216, "first_error": None}
    assert (found["labels"]["three"]["asked"], found["labels"]["three"]["scored"]) == (216, 0)
    assert "another" not in found["labels"]["one"]
    assert [one["name"] for one in found["steps"]][3:] == [
        "personalizable query",
        "personalizable responses",
        "contested",
        "user filter again",
    ]
    assert found["published_not_measured"]["user filter again"] == "723 users"
    assert set(found["prompts"]) >= {"system", "verdict_token", "personalizable_query"}
    labels = [orjson.loads(line) for line in first["labels.jsonl"].splitlines()]
    assert len(labels) == 2 * 108 + 3 * 216
    assert {one["first"] for one in labels if one["step"] == "consensus"} == {"chosen", "rejected"}
    assert all(("probability" in one) != ("unscored" in one) for one in labels)
    people = [one for name in ("train", "validation", "test") for one in read_people(out / f"{name}.jsonl")]
    assert {name for one in people for choice in one for name in choice.judges} == {"one", "two"}


def test_arena_with_its_options(run: Run, llm: SimulatedLLM, tmp_path: Path) -> None:
    rows = arena_rows(people=6, choices=10)
    rows[0]["language"], rows[1]["anony"] = "German", False
    rows[2]["toxic_chat_tag"]["t5-large"]["flagged"] = True
    raw, out = write_rows(tmp_path / "arena" / "data" / "train.jsonl", rows).parents[1], tmp_path / "out"
    wishes = ("--language", "English", "--anonymous-only", "--leave-out-toxic")
    done = run("curate", "arena", raw, "--out", out, "--model", "one", "--base-url", llm.url, *LENIENT, *wishes)
    assert done.code == 0, done.err
    found = manifest(out)
    assert found["steps"][0]["removed"] == {"not selected": 3}
    assert found["steps"][1]["removed"] == {"ties": 12}
    assert found["options"]["languages"] == ["English"]
    assert "305 pairs" in done.out


def test_the_limit_stops_and_a_higher_one_goes_on(run: Run, prism: Path, llm: SimulatedLLM, tmp_path: Path) -> None:
    words = ("curate", "prism", prism, "--model", f"one@{llm.url}", *LENIENT)
    limited = [*words, "--out", tmp_path / "out", "--max-calls", 100]
    stopped = subprocess.run(  # a process of its own: what is on its way at the limit is kept before it ends
        [sys.executable, "-m", "personalrm", *map(str, limited)], capture_output=True, text=True, timeout=120
    )
    assert stopped.returncode == 3
    assert tells(stopped.stderr, "kept")
    left = set(contents(tmp_path / "out"))
    assert ".unfinished.json" in left
    assert left <= {".unfinished.json", ".lock"}  # the lock of the killed process, which the next run takes over
    assert run(*words, "--out", tmp_path / "out").code == 0
    assert llm.statistics.finished.total() == len(llm.statistics.finished)
    assert run(*words, "--out", tmp_path / "whole").code == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.slow
def test_kill_nine_and_again(run: Run, prism: Path, llm: SimulatedLLM, tmp_path: Path) -> None:
    """Every 50th request hangs, so the run to be killed never ends by itself."""
    llm.behaviour = Behaviour(hang_every=50)
    words = ["curate", "prism", prism, "--out", tmp_path / "out", "--model", f"one@{llm.url}", *LENIENT]
    limits = ["--concurrency", 4, "--cache", tmp_path / "cache.sqlite"]
    program = subprocess.Popen(
        [sys.executable, "-m", "personalrm", *map(str, [*words, *limits])], stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 120
    while llm.statistics.requests < 120 and program.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=120)
    assert program.returncode == -signal.SIGKILL
    left = set(contents(tmp_path / "out"))
    assert ".unfinished.json" in left
    assert left <= {".unfinished.json", ".lock"}  # the lock of the killed process, which the next run takes over
    llm.behaviour = Behaviour()
    again = run(*words, *limits)
    assert again.code == 0, again.err
    assert llm.statistics.finished.total() - len(llm.statistics.finished) <= 4  # those on the wire at the kill
    assert run(*words[:3], "--out", tmp_path / "whole", *words[5:]).code == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_the_result_is_read_by_the_other_verbs(run: Run, prism: Path, tmp_path: Path) -> None:
    assert run("curate", "prism", prism, "--out", tmp_path / "out", "--skip-llm-filters", "--train", 0).code == 0
    done = run("bench", tmp_path / "out" / "test.jsonl", "--methods", "longer,random", "--json")
    assert done.code == 0, done.err
    assert orjson.loads(done.out)["methods"][0]["people"] > 1
    raw = prism / "conversations.jsonl.gz"
    assert run("bench", raw, "--methods", "longer", "--min-gap", 10).code == 0


def test_a_missing_survey_row_is_told(run: Run, prism: Path, tmp_path: Path) -> None:
    survey = (prism / "survey.jsonl").read_bytes().splitlines(keepends=True)
    (prism / "survey.jsonl").write_bytes(b"".join(survey[1:]))
    done = run("curate", "prism", prism, "--out", tmp_path / "out", "--skip-llm-filters")
    assert done.code == 0
    assert tells(done.err, "1 person")
    assert manifest(tmp_path / "out")["people_without_survey"] == 1
    done = run("curate", "prism", prism, "--out", tmp_path / "strict", "--skip-llm-filters", "--strict")
    assert done.code == 1
    assert tells(done.err, "survey")


def test_a_survey_in_another_place(run: Run, prism: Path, tmp_path: Path) -> None:
    (prism / "survey.jsonl").rename(tmp_path / "asked.jsonl")
    words = ("curate", "prism", prism / "conversations.jsonl.gz", "--skip-llm-filters")
    assert run(*words, "--out", tmp_path / "with", "--survey", tmp_path / "asked.jsonl").code == 0
    assert run(*words, "--out", tmp_path / "without").code == 0
    assert b"Be brief and honest." in contents(tmp_path / "with")["test.jsonl"]
    assert b"Be brief and honest." not in contents(tmp_path / "without")["test.jsonl"]


def test_bad_rows_are_counted_and_named(run: Run, prism: Path, tmp_path: Path) -> None:
    import gzip

    rows = gzip.decompress((prism / "conversations.jsonl.gz").read_bytes()).decode().splitlines()
    rows[3] = "{broken"
    lonely: Any = conversation("lonely", "c0", turn(0, "Hi", [("only", 50)]))
    write_rows(prism / "conversations.jsonl.gz", [*rows, lonely])
    done = run("curate", "prism", prism, "--out", tmp_path / "out", "--skip-llm-filters")
    assert done.code == 0
    assert "1 of 37 rows skipped: line 4: expected a JSON object" in done.err.replace("line 4, ", "line 4: ")
    assert sum(manifest(tmp_path / "out")["skipped"].values()) == 1
    assert manifest(tmp_path / "out")["steps"][0]["left"]["users"] == 7


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("prism", "{prism}"), "--model"),
        (("prism", "{prism}", "--model", "m", "--skip-llm-filters"), "--skip-llm-filters"),
        (("prism", "{prism}", "--model", "traits"), "'traits'"),
        (("prism", "{prism}", "--model", "m@http://x/v1,m@http://y/v1"), "once"),
        (("prism", "{prism}/nowhere", "--skip-llm-filters"), "nowhere"),
        (("prism", "{prism}/survey.jsonl", "--skip-llm-filters"), "conversation_history"),
        (
            ("arena", "{prism}/conversations.jsonl.gz", "--skip-llm-filters"),
            "conversation_a",
        ),
        (("arena", "{prism}", "--skip-llm-filters", "--survey", "s"), "survey"),
        (("prism", "{prism}", "--skip-llm-filters", "--min-pairs", "99"), "99 pairs"),
        (("prism", "{prism}", "--skip-llm-filters", "--target", "1"), "--target"),
    ],
)
def test_bad_input_is_one_sentence(run: Run, prism: Path, tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    done = run("curate", *(one.replace("{prism}", str(prism)) for one in words), "--out", tmp_path / "out")
    assert done.code == 1
    assert says in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_the_folder_of_another_seed_is_left_alone(run: Run, prism: Path, tmp_path: Path) -> None:
    words = ("curate", "prism", prism, "--out", tmp_path / "out", "--skip-llm-filters")
    assert run(*words).code == 0
    before = contents(tmp_path / "out")
    done = run(*words, "--seed", 1)
    assert done.code == 1
    assert tells(done.err, tmp_path / "out", "options")
    assert contents(tmp_path / "out") == before


def test_a_first_judge_that_does_not_exist(run: Run, prism: Path, tmp_path: Path) -> None:
    with SimulatedLLM(model="another") as failing:
        done = run("curate", "prism", prism, "--out", tmp_path / "out", "--model", f"one@{failing.url}", *LENIENT)
    assert done.code == 1
    assert tells(done.err, "'one'")
    assert "does not exist" in done.err


def test_prism_from_the_hub(run: Run, prism: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package takes a folder named owner/name for a set of the hub, so no network is needed."""
    pytest.importorskip("datasets")
    (tmp_path / "owner").mkdir()
    hub = prism.rename(tmp_path / "owner" / "prism-alignment")
    configs = ["- config_name: survey\n  data_files: survey.jsonl"]
    configs.append("- config_name: conversations\n  data_files: conversations.jsonl.gz")
    (hub / "README.md").write_text("\n".join(["---", "configs:", *configs, "---", ""]))
    monkeypatch.chdir(tmp_path)
    done = run("curate", "prism", "hub:owner/prism-alignment", "--out", "hub", "--skip-llm-filters")
    assert done.code == 0, done.err
    assert run("curate", "prism", hub, "--out", "files", "--skip-llm-filters").code == 0
    from_hub, from_files = contents(tmp_path / "hub"), contents(tmp_path / "files")
    assert [orjson.loads(one) for one in from_hub["test.jsonl"].splitlines()] == [
        orjson.loads(one) for one in from_files["test.jsonl"].splitlines()
    ]
    found = manifest(tmp_path / "hub")
    assert found["inputs"] == [
        {"name": "hub:owner/prism-alignment/conversations", "sha256": None},
        {"name": "hub:owner/prism-alignment/survey", "sha256": None},
    ]
    assert len(found["read_sha256"]) == 64
