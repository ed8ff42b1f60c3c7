"""Fixtures shared by several folders. Modules that tests import are in tests/helpers.

Property tests have no deadline and use the same examples everywhere, so they do not fail on a slow machine only. Signal
handlers are reset, because a shell's background jobs ignore Ctrl-C and nohup ignores SIGHUP, and child processes
inherit this.
"""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Done, Run
from hypothesis import HealthCheck, settings

from personalrm.cli import app as cli
from personalrm.data.reading import read_people
from personalrm.data.simulated import simulate_people
from personalrm.data.writing import write_choices
from personalrm.llm.simulated import SimulatedLLM
from personalrm.llm.simulated.behaviour import Behaviour
from personalrm.llm.simulated.statistics import Statistics
from personalrm.preferences import History

pytest_plugins = ("requirements", "by_module")  # the fixture real_data; the distribution of tests over processes
settings.register_profile(
    "same", deadline=None, derandomize=True, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_finish() -> None:
    """Exempt the objects of imported packages and tests from later garbage collections."""
    gc.collect()
    gc.freeze()


# people ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def people() -> list[History]:
    """Fifty simulated people with twenty choices each, with short texts."""
    return simulate_people(50, choices=20, seed=4, prompt_tokens=30, response_tokens=60)


@pytest.fixture(scope="session")
def few() -> list[History]:
    """Twenty-four simulated people with eight choices each; two choices share a conversation."""
    return simulate_people(24, choices=8, seed=6, groups=2, prompt_tokens=30, response_tokens=60)


@pytest.fixture(scope="session")
def few_people(few: list[History], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file few.jsonl of these people."""
    path = tmp_path_factory.mktemp("people") / "few.jsonl"
    write_choices(path, (choice for one in few for choice in one))
    return path


@pytest.fixture(scope="session")
def prism(real_data: Path) -> list[History]:
    """The real people of PRISM."""
    return list(read_people(real_data / "prism.jsonl.gz"))


@pytest.fixture(scope="session", params=["simulated", pytest.param("prism", marks=pytest.mark.real_people)])
def seventy_people(request: pytest.FixtureRequest) -> list[History]:
    """Simulated people and, if the data exists, as many real ones; at least nine choices each."""
    if request.param == "simulated":
        return simulate_people(
            70, choices=10, seed=8, noise=0.4, strength=0.5, groups=2, prompt_tokens=60, response_tokens=150
        )
    found: list[History] = request.getfixturevalue("prism")[:70]
    return found


# models ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatedLLM]:
    """A running simulated language model."""
    with SimulatedLLM() as running:
        yield running


@pytest.fixture
def llm(server: SimulatedLLM) -> Iterator[SimulatedLLM]:
    """The running simulated language model with its counts reset; its behaviour is restored afterwards."""
    server.statistics = Statistics()
    yield server
    server.behaviour = Behaviour()


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a BERT of two layers with random weights."""
    from tiny_backbones import make_bert

    return make_bert(tmp_path_factory.mktemp("tiny-bert"))


# the command line -----------------------------------------------------------------------------------------------------


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command line in this process, with separate caches and no key in the environment."""
    monkeypatch.setenv("PERSONALRM_CACHE", str(tmp_path / "cache.sqlite"))
    monkeypatch.setenv("DSPY_CACHEDIR", str(tmp_path / "dspy"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    def call(*words: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["personalrm", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return call
