"""Every file that a command reads, exchanged for something odd: a result or one sentence, within seconds.

The files are choices, profiles, populations, prompts, run folders, model folders, caches of answers and vectors. What
takes their place is in `odd_files`: other types and encodings, damaged archives, folders, devices, pipes, links.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TypeVar

import pytest
from command_line import Run
from mutations import SEED, Faults, rounds
from odd_files import make_odd
from places import LATER, MIRA

from personalrm.llm.simulated import SimulatedLLM

PATIENCE_S = int(os.environ.get("PERSONALRM_PATIENCE", "60"))
"""Seconds of CPU time after which a command hangs; it also does if it waits for ten times as long."""
PAIR = ("--prompt", "How long does pasta take?", "--a", "Nine minutes.", "--b", "That may depend on many things.")
SMALL = ("--features", "traits", "--ensemble-size", 1, "--epochs", 1)
Words = tuple[object, ...]
T = TypeVar("T")


class Hangs(Exception):
    """A command took too long."""


@pytest.fixture(scope="module")
def host() -> Iterator[SimulatedLLM]:
    with SimulatedLLM() as llm:
        yield llm


@pytest.fixture
def good(run: Run, few_people: Path, host: SimulatedLLM, tmp_path: Path) -> Path:
    """A folder with one of each kind of file."""
    folder = tmp_path / "good"
    folder.mkdir()
    shutil.copy(MIRA, folder / "mira.jsonl")
    shutil.copy(LATER, folder / "later.jsonl")
    shutil.copy(few_people, folder / "few.jsonl")
    (folder / "prompt.json").write_text('{"schema": 1, "prompt": "Write a persona.", "lineage": []}')
    (folder / "question.txt").write_text("How long does pasta take?")
    rows = ["user,prompt,chosen,rejected", 'ada,Hi,"Hello, ""Ada""!",?', 'ada,Bye,See you,"No\nway"']
    (folder / "mira.csv").write_text("\n".join(rows))
    model = ("--model", "m", "--base-url", host.url, "--cache", folder / "answers.sqlite")
    for words in (
        ("fit", MIRA, "--model", "traits", "--out", folder / "traits.json"),
        ("fit", MIRA, *model, "--out", folder / "judge.json"),
        ("train", "pref", few_people, *SMALL, "--out", folder / "model"),
        ("bench", few_people, "--methods", "longer,traits", "--out", folder / "run"),
        ("study", "scaling", few_people, "--methods", "traits", "--context-sizes", "2,all", "--out", folder / "run"),
    ):
        done = run(*words)
        assert done.code == 0, done
    with sqlite3.connect(folder / "answers.sqlite") as cache:
        cache.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    cache.close()
    return folder


def uses(at: Path, url: str, draw: random.Random) -> tuple[str, Words]:
    """A file, and a command that reads it."""
    model = ("--model", "m", "--base-url", url)
    bench = ("bench", at / "few.jsonl", "--methods", "longer,traits", "--out", at / "run")
    traits, mira, later, few = (at / name for name in ("traits.json", "mira.jsonl", "later.jsonl", "few.jsonl"))
    every: dict[str, list[Words]] = {
        "mira.jsonl": [("fit", mira, "--model", "traits"), ("bench", mira, "--methods", "longer")],
        "mira.csv": [("fit", at / "mira.csv", "--model", "traits"), ("bench", at / "mira.csv", "--methods", "longer")],
        "later.jsonl": [
            *((verb, traits, later) for verb in ("evaluate", "diagnose", "next-question")),
            ("update", traits, later, "--out", at / "new.json"),
        ],
        "few.jsonl": [bench, ("train", "pref", few, *SMALL, "--out", at / "other")],
        "traits.json": [
            *((verb, traits) for verb in ("persona", "why")),
            ("compare", traits, *PAIR),
            ("export", traits, "--as", "judge-prompt"),
            ("fit", mira, "--out", traits),
            ("update", traits, later),
        ],
        "judge.json": [("persona", at / "judge.json"), ("compare", at / "judge.json", *PAIR, "--base-url", url)],
        "prompt.json": [("fit", mira, *model, "--persona-prompt", at / "prompt.json")],
        "question.txt": [("compare", traits, "--prompt", f"@{at / 'question.txt'}", *PAIR[2:])],
        "answers.sqlite": [("fit", mira, *model, "--cache", at / "answers.sqlite")],
        "model/": [("fit", mira, "--model", f"trained:{at / 'model'}"), ("fit", mira, "--population", at / "model")],
        "run/": [bench, ("report", at / "run")],
    }
    name = draw.choice(list(every))
    words = draw.choice(every[name])
    inside = [one for one in (at / name).rglob("*") if one.is_file()] if name.endswith("/") else [at / name]
    return draw.choice(sorted(inside)).relative_to(at).as_posix(), words


def within(call: Callable[[], T]) -> T:
    """The call, unless it takes too long."""

    began, ends = time.process_time(), time.monotonic() + 10 * PATIENCE_S

    def stop(number: int, frame: FrameType | None) -> None:
        if time.process_time() - began > PATIENCE_S or time.monotonic() > ends:
            raise Hangs
        signal.alarm(PATIENCE_S)  # the machine is busy with something else

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE_S)
    try:
        return call()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
def test_fuzz_odd_files(
    run: Run, monkeypatch: pytest.MonkeyPatch, good: Path, host: SimulatedLLM, tmp_path: Path
) -> None:
    monkeypatch.setenv("PERSONALRM_DEBUG", "1")  # what would be exit 70 is raised
    draw, faults, codes = random.Random(SEED), Faults(), set[int]()
    for number in rounds(12):
        folder = tmp_path / str(number)
        shutil.copytree(good, folder)
        name, words = uses(folder, host.url, draw)
        said = f"{words[0]} after {name}: {make_odd(folder / name, draw)}"
        done = faults.command(partial(within, partial(run, *words)), said)
        shutil.rmtree(folder, ignore_errors=True)
        if done is not None:
            codes.add(done.code)
    assert faults.found == {}
    assert codes <= {0, 1}
