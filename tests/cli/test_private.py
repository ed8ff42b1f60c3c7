"""`--private` refuses what would put several people's words into one prompt, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Run, sentence
from places import MIRA

from personalrm.bench.studies.command import STUDIES

MIXING = [("study", "causal"), ("study", "stated"), ("optimize-prompt",)]


@pytest.mark.parametrize("words", MIXING)
@pytest.mark.parametrize("how", ["option", "before", "environment"])
def test_what_mixes_people_is_refused_before_anything_is_read(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...], how: str
) -> None:
    if how == "environment":
        monkeypatch.setenv("PERSONALRM_PRIVATE", "1")
    more = ("--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--out", tmp_path / "out")
    before, after = (("--private",) if how == one else () for one in ("before", "option"))
    said = sentence(run(*before, *words, tmp_path / "none.jsonl", *more, *after))
    assert "--private" in said
    assert words[-1] in said or "gepa" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words",
    [
        *(("study", one) for one in STUDIES if one not in ("causal", "stated")),
        ("optimize-prompt", "--optimizer", "miprov2"),
        ("bench",),
        ("train", "pref"),
        ("fit",),
        ("curate", "prism"),
    ],
)
def test_nothing_else_is(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...]) -> None:
    monkeypatch.setenv("PERSONALRM_PRIVATE", "1")
    out = () if words[0] == "bench" else ("--out", tmp_path / "out")
    model = ("--model", "m") if words[0] in ("study", "optimize-prompt") else ()
    done = run(words[0], *words[1:], tmp_path / "none.jsonl", *model, *out)
    assert done.code != 0
    assert "private" not in done.err


def test_without_the_switch_they_run(run: Run, tmp_path: Path) -> None:
    assert "private" not in run("study", "causal", MIRA, "--out", tmp_path / "out").err
