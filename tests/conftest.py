"""Fixtures that several folders share. Modules that tests import are in tests/helpers.

Property tests run without a clock and on the same examples everywhere: a slow machine is no error, and what passes here
passes there. Signals end a process whoever started the tests: a shell's background jobs ignore Ctrl-C, what runs under
nohup ignores a hang-up, and so would their children.
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

pytest_plugins = ("requirements", "by_module")  # the fixture real_data; which process runs what
settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_finish() -> None:
    """Every whole garbage collection from here on passes over the packages and the tests, which all stay."""
    gc.collect()
    gc.freeze()


# people ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def people() -> list[History]:
    """Fifty simulated people with twenty choices each; the texts are short."""
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
    """Simulated people and, where their data is, as many real ones; nine choices or more each."""
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
    """The running simulated language model with its counts at zero; its behaviour is restored afterwards."""
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
    """The command line in this process, with caches of its own and no key in the environment."""
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
