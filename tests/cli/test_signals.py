"""SIGTERM and SIGHUP end a run like Ctrl-C: one sentence, the signal's code, and everything that was paid for kept."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from answers_kept import kept
from facts import tells

from personalrm.data.simulated import simulate_people
from personalrm.data.writing import write_choices
from personalrm.llm.simulated import SimulatedLLM

COMMAND = "from personalrm.cli.app import main; main()"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        *(pytest.param(*one, marks=pytest.mark.slow) for one in ((signal.SIGHUP, 129), (signal.SIGINT, 130))),
    ],
    ids=str,
)
def test_a_signal_in_the_midst_of_a_fit(number: signal.Signals, code: int, tmp_path: Path) -> None:
    choices, cache = tmp_path / "me.jsonl", tmp_path / "answers.sqlite"
    write_choices(choices, simulate_people(1, choices=60, seed=3)[0])
    with SimulatedLLM(latency=0.3) as llm:
        command = [sys.executable, "-c", COMMAND, "fit", choices, "--model", "m", "--base-url", llm.url]
        command += ["--cache", cache, "--concurrency", "8"]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while llm.statistics.finished.total() < 10:
            assert run.poll() is None
            time.sleep(0.01)
        run.send_signal(number)
        out, said = run.communicate(timeout=60)
        assert llm.statistics.statuses == {"200": llm.statistics.requests}  # nothing was cancelled
        assert kept(cache) == llm.statistics.requests
    assert (run.returncode, out) == (code, "")
    assert said.count("\n") == 1
    assert tells(said, "kept")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=str)
def test_a_signal_in_an_import_is_no_fault_of_ours(number: int, code: int) -> None:
    """Python's lock of a module forgets itself then, and raises a KeyError."""
    program = f"""
import os, signal, sys
from personalrm.cli import app
def interrupted(*words):
    try:
        os.kill(os.getpid(), {int(number)})
        signal.sigtimedwait([], 5)
    finally:
        raise KeyError(1)
app.modern = interrupted
app.main()
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr.count("\n")) == (code, 1)
    assert tells(run.stderr, "kept")


def test_a_host_that_hangs_holds_up_the_end_for_the_grace_period_only(tmp_path: Path) -> None:
    choices = tmp_path / "me.jsonl"
    write_choices(choices, simulate_people(1, choices=20, seed=3)[0])
    code = f"from personalrm.cli import signals; signals.GRACE_S = 0.5; {COMMAND}"
    with SimulatedLLM(hang_every=1) as llm:
        command = [sys.executable, "-c", code, "fit", choices, "--model", "m", "--base-url", llm.url]
        command += ["--cache", tmp_path / "answers.sqlite"]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while not llm.statistics.requests:
            time.sleep(0.01)
        began = time.perf_counter()
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)
        assert time.perf_counter() - began < 50  # the end waits a minute after Ctrl-C
    assert run.returncode == 143
