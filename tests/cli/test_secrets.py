"""Keys and passwords are in no file that a command writes, whatever it is, and in nothing that it says."""

from __future__ import annotations

import json
import logging
import random
import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from command_line import Run
from faulty_hosts import FaultyHost, response
from places import LATER, MIRA
from published_files import prism_folder

from personalrm.llm.simulated import SimulatedLLM

KEY, PASSWORD, PROXY = "sk-proj-Zq8vRt2LmXw9", "Gh7!pQz4Lm", "Pr0xy-Kd83hf"
BASIC = b64encode(f"maria:{PASSWORD}".encode()).decode().rstrip("=")
SECRETS = (
    *(KEY, PASSWORD, BASIC, PROXY),
    *(KEY[3:12], KEY[-7:], PASSWORD[1:8]),  # parts, as a host may echo them
)
Words = tuple[object, ...]
PAIR = ("--prompt", "How long does pasta take?", "--a", "Nine minutes.", "--b", "That may depend on many things.")
LENIENT = ("--min-pairs", 2, "--min-personalizable", 0, "--min-agreement", 0, "--max-agreement", 1)
PLAN = ("--people", 6, "--candidates", 2, "--accept-best")
SMALL = ("--features", "traits", "--ensemble-size", 1, "--epochs", 1)


@pytest.fixture(scope="module")
def host() -> Iterator[SimulatedLLM]:
    with SimulatedLLM() as llm:
        yield llm


def _told() -> str:
    return f"You sent Authorization: Bearer {KEY} / Basic {BASIC} for maria:{PASSWORD}."


def in_an_answer(draw: random.Random, good: bytes) -> bytes:
    """In the text of an answer, before what was asked for."""
    try:
        found = json.loads(good)
        message = found["choices"][0]["message"]
        message["content"] = f"{_told()}\n{message['content']}"
    except (ValueError, KeyError, TypeError):
        return response(good)
    return response(json.dumps(found).encode())


def in_an_error(draw: random.Random, good: bytes) -> bytes:
    return response(json.dumps({"error": {"message": _told()}}).encode(), draw.choice([400, 401, 404, 429, 500, 302]))


def escaped(draw: random.Random, good: bytes) -> bytes:
    """With every character of the key as a JSON escape."""
    message = "".join(f"\\u{ord(one):04x}" for one in _told())
    return response(b'{"error": {"message": "' + message.encode() + b'"}}', draw.choice([400, 403, 503]))


def cut(draw: random.Random, good: bytes) -> bytes:
    part = draw.choice([KEY[:12], KEY[-8:], PASSWORD[1:], BASIC[4:]])
    return response(f"Incorrect key {part}...".encode(), draw.choice([401, 418, 500, 200]))


def in_headers(draw: random.Random, good: bytes) -> bytes:
    """In the headers of an answer, of a redirect and of a refusal."""
    headers = (f"X-Echo: {_told()}", f"Location: http://maria:{PASSWORD}@other/?key={KEY}", f"Retry-After: {KEY}")
    return response(good, draw.choice([200, 302, 401, 429]), *headers)


def in_a_page(draw: random.Random, good: bytes) -> bytes:
    """A web page in place of an answer."""
    return response(f"<html><title>{KEY}</title><p>{_told()}</html>".encode(), draw.choice([200, 403, 502]))


def left_in(folder: Path) -> list[tuple[str, str]]:
    """Files that hold a credential, in their bytes or in a database's cells, and which."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            if content.startswith(b"SQLite format 3"):
                with closing(sqlite3.connect(path)) as database:
                    content += "\n".join(database.iterdump()).encode("utf-8", "replace")
            found += [(path.name, one) for one in SECRETS if one.encode() in content]
    return found


def everything(url: str, out: Path, few: Path, raw: Path) -> dict[str, Words]:
    """A command for every way of writing something that came from a host."""
    model = ("--model", "m", "--base-url", url, "--cache", out / "answers.sqlite")
    return {
        "fit": ("fit", MIRA, *model, "--refresh", "--out", out / "new.json"),
        "compare": ("compare", out / "me.json", *PAIR, *model[2:], "--json"),
        "evaluate": ("evaluate", out / "me.json", LATER, *model[2:], "--json"),
        "update": ("update", out / "me.json", LATER, *model[2:], "--out", out / "later.json"),
        **{
            f"export {kind}": ("export", out / "me.json", "--as", kind)
            for kind in ("judge-prompt", "promptfoo", "inspect", "mlflow-judge")
        },
        "bench": ("bench", few, "--methods", "longer,default", *model, "--out", out / "run"),
        "report": ("report", out / "run"),
        "cluster fit": ("cluster", "fit", few, "--force", *model, "--out", out / "people"),
        "cluster score": ("cluster", "score", out / "people", few, *model, "--out", out / "scores"),
        "train": ("train", "pref", few, *SMALL[2:], "--features", "endpoint:e", "--out", out / "model"),
        "curate": ("curate", "prism", raw, *LENIENT, *model, "--out", out / "curated"),
        "optimize-prompt": ("optimize-prompt", few, *PLAN, *model, "--out", out / "prompt.json"),
        "next-question": ("next-question", out / "me.json", LATER, "--json"),
        "diagnose": ("diagnose", out / "me.json", LATER, *model[2:]),
        "why": ("why", out / "me.json", "--json"),
        "study": (
            "study",
            "scaling",
            few,
            "--methods",
            "synthesizeme",
            "--context-sizes",
            "2",
            *model,
            "--out",
            out / "run",
        ),
    }


FAULTS = (in_an_answer, in_an_error, escaped, cut, in_headers, in_a_page)
ALWAYS = ("fit", "compare", "export promptfoo")


@pytest.mark.parametrize("which", [ALWAYS, pytest.param(None, marks=pytest.mark.slow)], ids=["few", "all"])
@pytest.mark.parametrize("echoes", [False, True], ids=["silent", "echoes"])
def test_no_credential_is_left_anywhere(
    which: tuple[str, ...] | None,
    echoes: bool,
    run: Run,
    host: SimulatedLLM,
    few_people: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also where the host echoes the headers in answers, in errors and in odd statuses."""
    caplog.set_level(logging.DEBUG)
    for name, value in (("FIRST_WAIT_S", 0.0005), ("LONGEST_WAIT_S", 0.01), ("TRIES", 2)):
        monkeypatch.setattr(f"personalrm.llm.http_client.{name}", value)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("PERSONALRM_LOG", "debug")
    told, raw = [], prism_folder(tmp_path / "prism", people=3)
    with FaultyHost(host.url, 0.2 if echoes else 0.0, FAULTS) as between:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("HTTPS_PROXY", f"http://corp:{PROXY}@127.0.0.1:9")
        url = between.url.replace("http://", f"http://maria:{PASSWORD}@")
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        between.share, share = 0.0, between.share
        fitted = ("--model", "m", "--cache", tmp_path / "answers.sqlite", "--out", tmp_path / "me.json")
        assert run("fit", MIRA, *fitted).code == 0
        between.share = share
        for name, words in everything(url, tmp_path, few_people, raw).items():
            if which is None or name in which:
                done = run(*words)
                assert done.code in (0, 1, 2, 4), (name, done)
                assert echoes or done.code == 0, (name, done)
                told.append(done.out + done.err)
        assert bool(between.kinds) == echoes
    said = "".join(told) + caplog.text
    assert [one for one in SECRETS if one in said] == []
    assert left_in(tmp_path) == []
    assert any(tmp_path.rglob("*.sqlite"))


def test_a_url_with_a_password_is_no_name_of_an_encoder(run: Run, few_people: Path, tmp_path: Path) -> None:
    """It would stand in run.json and in the model."""
    words = ("--features", f"endpoint:e@http://maria:{PASSWORD}@127.0.0.1:9/v1", "--out", tmp_path / "model")
    done = run("train", "pref", few_people, *words)
    assert done.code == 1
    assert "OPENAI_BASE_URL" in done.err
    assert PASSWORD not in done.err
    assert left_in(tmp_path) == []
