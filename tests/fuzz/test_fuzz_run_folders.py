"""Run folders with odd rows: `bench`, `study` and `report` go on, or say one sentence."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from command_line import Run
from mutations import SEED, Faults, mutate_folder, rounds

from personalrm.llm.simulated import SimulatedLLM

METHODS = ("--methods", "longer,traits,default", "--model", "simulated")


@pytest.fixture(scope="module")
def host() -> Iterator[SimulatedLLM]:
    with SimulatedLLM() as llm:
        yield llm


def test_fuzz_run_folders(
    run: Run, monkeypatch: pytest.MonkeyPatch, few_people: Path, host: SimulatedLLM, tmp_path: Path
) -> None:
    good, folder = tmp_path / "good", tmp_path / "odd"
    words = (few_people, *METHODS, "--base-url", host.url)
    assert run("bench", *words, "--out", good).code == 0
    study = ("study", "scaling", few_people, "--methods", "traits", "--context-sizes", "2,all")
    assert run(*study, "--out", good).code == 0
    assert run("report", good).code == 0
    names = [one.relative_to(good).as_posix() for one in good.rglob("*") if one.suffix in (".json", ".jsonl")]
    monkeypatch.setenv("PERSONALRM_DEBUG", "1")  # what would be exit 70 is raised
    draw, faults, codes = random.Random(SEED), Faults(), set[int]()
    for _ in rounds(2):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(good, folder)
        changed = mutate_folder(folder, names, draw)
        if draw.random() < 0.7:
            done = faults.command(partial(run, "report", folder), f"report after {changed}")
        elif draw.random() < 0.7:
            done = faults.command(partial(run, "bench", *words, "--out", folder), f"bench after {changed}")
        else:
            done = faults.command(partial(run, *study, "--out", folder), f"study after {changed}")
        if done is not None:
            codes.add(done.code)
    assert faults.found == {}
    assert codes <= {0, 1}
