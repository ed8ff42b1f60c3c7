"""What the library logs: one logger a room, shown by the command line alone, without texts and secrets."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Run, sentence
from facts import tells
from places import MIRA

from personalrm.llm.simulated import SimulatedLLM
from personalrm.llm.simulated.behaviour import Behaviour


@pytest.fixture(autouse=True)
def _level() -> Iterator[None]:
    """The level of the package is the process's."""
    yield
    logging.getLogger("personalrm").setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalrm.llm.http_client.FIRST_WAIT_S", 0.001)


def fitted(run: Run, llm: SimulatedLLM) -> str:
    llm.behaviour = Behaviour(error_every=5)
    done = run("fit", MIRA, "--model", "simulated", "--base-url", llm.url.replace("http://", "http://maria:s3cr3t@"))
    assert done.code == 0, done.err
    return done.err


def test_tries_are_logged_where_that_is_asked_for(run: Run, llm: SimulatedLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "try 1" not in fitted(run, llm)
    monkeypatch.setenv("PERSONALRM_LOG", "debug")
    monkeypatch.setenv("PERSONALRM_CACHE", ":memory:")
    said = fitted(run, llm)
    assert tells(said, "127.0.0.1", "try 1", "error of the host")
    assert "s3cr3t" not in said
    texts = [line for line in MIRA.read_text().splitlines() if line]
    assert texts
    assert "pasta" not in said


def test_a_level_that_is_none_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONALRM_LOG", "loud")
    assert tells(sentence(run("fit", MIRA)), "PERSONALRM_LOG", "loud", "debug")


def test_the_library_alone_prints_nothing(tmp_path: Path) -> None:
    program = "import logging, personalrm; logging.getLogger('personalrm.llm').warning('a warning')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
