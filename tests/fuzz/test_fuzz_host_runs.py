"""Whole runs on a host that spoils a third of its answers: `fit`, `bench` and the encoder endpoint of `train`.

A run ends well or with one sentence; nothing that came breaks a later run on the healed host. PERSONALRM_FUZZ is the
number of runs, PERSONALRM_FUZZ_FROM the first seed, so that a long fuzz can be split.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from command_line import Run
from faulty_hosts import FaultyHost
from mutations import Faults, rounds
from places import MIRA

from personalrm.data.simulated import simulate_people
from personalrm.data.writing import write_choices
from personalrm.llm.simulated import SimulatedLLM


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyHost]:
    for name, value in (("FIRST_WAIT_S", 0.0005), ("LONGEST_WAIT_S", 0.01), ("TRIES", 2), ("STANDS_S", 0.0)):
        monkeypatch.setattr(f"personalrm.llm.http_client.{name}", value)
    monkeypatch.setattr("personalrm.llm.scheduler.FIRST_PAUSE_S", 0.001)
    with SimulatedLLM() as llm, FaultyHost(llm.url) as faulty:
        yield faulty


def test_fuzz_runs_on_a_faulty_host(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    host: FaultyHost,
    tmp_path: Path,
) -> None:
    few = tmp_path / "few.jsonl"
    people = simulate_people(24, choices=4, seed=6, groups=2, prompt_tokens=15, response_tokens=25)
    write_choices(few, (choice for one in people for choice in one))
    three = tmp_path / "three.jsonl"
    write_choices(three, (choice for one in people[:3] for choice in one))
    model, cache = ("--model", "m", "--base-url", host.url), tmp_path / "answers.sqlite"
    bench = ("bench", three, "--methods", "default,rubric,memory,synthesizeme", *model, "--json")
    settings = ("--ensemble-size", 1, "--epochs", 1, "--out", tmp_path / "model")
    train = ("train", "pref", few, "--features", f"endpoint:e@{host.url}", *settings)
    fit = ("fit", MIRA, *model, "--timeout", 1)
    monkeypatch.setenv("PERSONALRM_DEBUG", "1")  # what would be exit 70 is raised
    first = int(os.environ.get("PERSONALRM_FUZZ_FROM", "0"))
    draw, faults, runs = random.Random(20261128 + first), Faults(), 0
    codes = dict.fromkeys(("fit", "bench", "train"), frozenset[int]())
    for number in rounds(3, first):
        words = draw.choice([fit, fit, bench, train]) if number > 2 else (fit, bench, train)[number]
        host.seed, host.share, host.requests = number, draw.choice([0.02, 0.1, 0.3, 1.0]), 0
        if draw.random() < 0.5:
            cache = tmp_path / f"answers-{number}.sqlite"
        shutil.rmtree(tmp_path / "model", ignore_errors=True)
        for left in tmp_path.glob("vectors*"):
            left.unlink()
        asked = words if words[0] == "train" else (*words, "--cache", cache)
        done = faults.command(partial(run, *asked), f"{words[0]} with seed {number}")
        if done is None:
            continue
        runs += 1
        codes[str(words[0])] |= {done.code}
        if (draw.random() < 0.2 or number == first) and words[0] != "train":  # healed: what came before is in the cache
            host.heal()
            again = faults.look(partial(run, *asked, "--timeout", 60), f"{words[0]} healed, with seed {number}")
            if again is not None and again.code:
                faults.found.setdefault(f"{words[0]} healed", f"{number}: {again.err}")
    assert faults.found == {}
    assert host.faults > runs
    sys.stdout.write(f"{runs} runs, {host.faults} spoiled answers: {dict(host.kinds)}, exit codes {codes}\n")
