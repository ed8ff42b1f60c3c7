"""Being here, it lets every test import the helpers of this folder (`published_files`, `command_line`).

Property tests run without a clock and on the same examples everywhere: a slow machine is no error, and what passes here
passes there. Ctrl-C works whoever started the tests: a shell's background jobs ignore it, and so would their children.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from command_line import Done, Run
from personalrm import cli

settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")
signal.signal(signal.SIGINT, signal.default_int_handler)


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
