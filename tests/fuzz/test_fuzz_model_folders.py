"""Model folders of others: loaded, or one sentence; with the checksums of today nothing damaged is ever loaded."""

from __future__ import annotations

import json
import random
import shutil
from functools import partial
from pathlib import Path

import pytest
from command_line import Run
from mutations import SEED, Faults, mutate_folder, rounds
from places import LATER, MIRA

PAIR = ("--prompt", "How long does pasta take?", "--a", "Nine minutes.", "--b", "That may depend on many things.")
NOTED = ("personalrm-model.json", "personalrm.json", "manifest.json")


def without_checksums(folder: Path) -> None:
    """As earlier versions wrote it, or as whoever wants damaged weights to be loaded would."""
    for name in NOTED:
        path = folder / name
        if path.is_file():
            try:
                record = json.loads(path.read_bytes())
                record.pop("checksums", None)
            except (ValueError, AttributeError, TypeError):
                continue
            path.write_text(json.dumps(record))


def tried(run: Run, monkeypatch: pytest.MonkeyPatch, good: Path, tmp_path: Path, few: int) -> None:
    """Mutate the folder so many times, PERSONALRM_FUZZ times in a long fuzz, and use it."""
    folder, profile, draw = tmp_path / "odd", tmp_path / "me.json", random.Random(SEED)
    shutil.copytree(good, folder)
    assert run("fit", MIRA, "--model", f"trained:{folder}", "--out", profile).code == 0
    monkeypatch.setenv("PERSONALRM_DEBUG", "1")  # what would be exit 70 is raised
    names = [one.relative_to(good).as_posix() for one in good.rglob("*") if one.is_file()]
    faults = Faults()
    for _ in rounds(few):
        shutil.rmtree(folder)
        shutil.copytree(good, folder)
        honest = draw.random() < 0.3
        changed = mutate_folder(folder, [one for one in names if one != "README.md"], draw)
        if not honest:
            without_checksums(folder)
        words = draw.choice(
            [
                ("compare", profile, *PAIR),
                ("fit", MIRA, "--model", f"trained:{folder}"),
                ("evaluate", profile, LATER),
                ("bench", MIRA, "--methods", f"trained:{folder}"),
            ]
        )
        done = faults.command(partial(run, *words), f"{words[0]} after {changed}")
        if done is not None and "nan" in done.out.lower():
            faults.found.setdefault(f"NaN after {changed}", done.out[:300] + done.err)
    assert faults.found == {}


def test_fuzz_learned_models(run: Run, monkeypatch: pytest.MonkeyPatch, few_people: Path, tmp_path: Path) -> None:
    good = tmp_path / "good"
    settings = ("--features", "traits", "--ensemble-size", 2, "--epochs", 1)
    assert run("train", "pref", few_people, *settings, "--out", good).code == 0
    tried(run, monkeypatch, good, tmp_path, 8)


@pytest.mark.slow
def test_fuzz_reward_models(
    run: Run, monkeypatch: pytest.MonkeyPatch, few_people: Path, tiny_bert: str, tmp_path: Path
) -> None:
    good = tmp_path / "good"
    settings = ("--backbone", tiny_bert, "--epochs", 1)
    done = run("train", "bt", few_people, *settings, "--out", good)
    assert done.code == 0, done
    tried(run, monkeypatch, good, tmp_path, 40)
