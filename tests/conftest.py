"""Being here, it lets every test import the helpers of this folder (`published_files`, `command_line`).

Property tests run without a clock and on the same examples everywhere: a slow machine is no error, and what passes here
passes there. Ctrl-C works whoever started the tests: a shell's background jobs ignore it, and so would their children.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from command_line import Done, Run
from hypothesis import HealthCheck, settings
from places import REAL_DATA

from personalrm.cli import app as cli
from personalrm.data.reading import read_people
from personalrm.data.writing import write_choices

PRISM = REAL_DATA / "prism.jsonl.gz"
settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a BERT of two layers with random weights."""
    from tiny_backbones import make_bert

    return make_bert(tmp_path_factory.mktemp("tiny-bert"))


@pytest.fixture(scope="session")
def few_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 people of PRISM with at most eight choices each."""
    path = tmp_path_factory.mktemp("people") / "few.jsonl"
    known = [one for one in read_people(PRISM) if len(one.decided) >= 6][:24]
    write_choices(path, (choice for one in known for choice in one.choices[:8]))
    return path


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
