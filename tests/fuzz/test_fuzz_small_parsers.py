"""Small parsers on anything: what the command line takes as text, JSON files of ours, and what a model may answer."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hash_encoders import Hashes
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mutations import SEED, Faults, count, database_bytes, mutated_bytes, mutated_text, rounds

from personalrm.curation.folder import IDENTITY, begin
from personalrm.data.limits import Limits
from personalrm.data.mapping import Columns
from personalrm.errors import PersonalrmError
from personalrm.llm.answers import parse_choice, parse_json, why_unparsed
from personalrm.llm.ledger import Prices
from personalrm.llm.retry_after import wait_asked
from personalrm.models.encoders import Cached
from personalrm.models.judges.memory import read_facts
from personalrm.models.judges.rubric import margin, read_criteria
from personalrm.optimizing.prompt_file import read_prompt
from personalrm.training.folder import state_of

ANSWERS = (
    '{"reasoning": "short", "preference": "B"}',
    '{"criteria": [{"criterion": "Is brief.", "weight": 3}, {"criterion": "Is kind.", "weight": 1}]}',
    '{"scores": [{"criterion": 1, "a": 9, "b": 3}]}',
    '{"facts": ["likes tea", "is brief"]}',
    "<think>\nWell.</think> Final answer: **A**",
    '```json\n{"preference": "A", "reasoning": "b"}\n```',
)


@pytest.mark.parametrize("parse", [Prices.parse, Limits.parse, Columns.parse])
@given(text=st.one_of(st.text(max_size=60), st.from_regex(r"[a-z.]{0,8}=?[-0-9.,eEnaifKMB=]{0,30}", fullmatch=True)))
@example(text="9" * 5_000)
@example(text="1e999,nan")
@example(text="row=" + "9" * 400 + "GB")
@example(text="²,³")
@settings(max_examples=count(50))
def test_fuzz_options(parse: Callable[[str], Any], text: str) -> None:
    with contextlib.suppress(PersonalrmError):
        parse(text)


@given(value=st.one_of(st.text(max_size=40), st.from_regex(r"[A-Za-z]{3}, [0-9]{1,9} [A-Za-z]{3} [0-9: ]{1,40}GMT?")))
@example(value="9" * 5_000)
@example(value="Wed, 21 Oct 100000000000000000000 07:28:00 GMT")
@settings(max_examples=count(50))
def test_fuzz_retry_after(value: str) -> None:
    for name in ("Retry-After", "retry-after-ms", "x-ratelimit-reset-requests"):
        waited = wait_asked({name: value})
        assert 0.0 <= waited < 32 * 86_400


def test_fuzz_answers_of_models() -> None:
    draw, faults = random.Random(SEED), Faults()
    criteria = read_criteria(ANSWERS[1])
    readers: tuple[Callable[[str], Any], ...] = (
        parse_choice, parse_json, why_unparsed, read_criteria, read_facts, lambda text: margin(text, criteria),
    )  # fmt: skip
    for _ in rounds(150):
        text = mutated_text(draw.choice(ANSWERS).encode(), draw).decode("utf-8", "replace")
        for read in readers:
            faults.look(lambda read=read, text=text: read(text), repr(text[:200]))
    assert faults.found == {}


def _prompt(folder: Path, text: bytes) -> None:
    (folder / "prompt.json").write_bytes(text)
    read_prompt(folder / "prompt.json")


def _curation(folder: Path, text: bytes) -> None:
    (folder / "manifest.json").write_bytes(text)
    begin(folder, dict.fromkeys(IDENTITY, "prism"))


def _run_mark(folder: Path, text: bytes) -> None:
    (folder / "run.json").write_bytes(text)
    (folder / "checkpoint.pt").touch()
    state_of(folder, {}, resume=True)


FILES: dict[str, tuple[Callable[[Path, bytes], None], Any]] = {
    "prompt file": (_prompt, {"schema": 1, "prompt": "Write a persona.", "lineage": [{"number": 0, "prompt": "x"}]}),
    "curation": (_curation, {**dict.fromkeys(IDENTITY, "prism"), "schema": 1, "personalrm": "0.2.0"}),
    "run of train": (_run_mark, {"method": {"value": "pref", "said": "pref"}, "part": {"value": "all", "said": "all"}}),
}


@pytest.mark.parametrize("name", FILES)
def test_fuzz_json_files(tmp_path: Path, name: str) -> None:
    draw, faults = random.Random(SEED), Faults()
    read, good = FILES[name]
    for number in rounds(50):
        folder = tmp_path / str(number)
        folder.mkdir()
        text = mutated_text(json.dumps(good).encode(), draw)

        def attempt(folder: Path = folder, text: bytes = text) -> None:
            with contextlib.suppress(PersonalrmError):
                read(folder, text)

        faults.look(attempt, repr(text[:300]))
    assert faults.found == {}


def test_fuzz_cached_vectors(tmp_path: Path) -> None:
    """A damaged cache of embeddings gives unit vectors (damaged rows are computed again) or one of our errors."""
    draw, faults, texts = random.Random(SEED), Faults(), [f"text {at}" for at in range(30)]
    whole = tmp_path / "whole.sqlite"
    first = Cached(Hashes(), whole)
    expected = first.embed(texts)
    first.close()
    good = database_bytes(whole)
    for number in rounds(24):
        path = tmp_path / f"{number}.sqlite"
        path.write_bytes(mutated_bytes(good, draw) if number % 2 else good)
        if number % 2 == 0:
            value = draw.choice((b"", b"abc", "text", 7, None, 1.5, bytes(4 * expected.shape[1]), b"\xff" * 400))
            with contextlib.closing(sqlite3.connect(path)) as db, contextlib.suppress(sqlite3.IntegrityError):
                db.execute("UPDATE vectors SET vector = ? WHERE rowid % ? = 0", (value, draw.randrange(1, 4)))
                db.commit()

        def attempt(path: Path = path) -> None:
            with contextlib.suppress(PersonalrmError):
                cache = Cached(Hashes(), path)
                try:
                    for _ in range(2):
                        found = cache.embed(texts)
                        assert np.allclose(found, expected, atol=0.1)
                finally:
                    cache.close()

        faults.look(attempt, f"{number}")
        path.unlink()
    assert faults.found == {}
