"""Standard streams that are full, closed, or read by a program that has ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from facts import tells
from places import MIRA

COMMAND = "from personalrm.cli.app import main; main()"


def ended(redirected: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The command under a shell that redirects its streams."""
    command = ["sh", "-c", f'"$@" {redirected}', "sh", sys.executable, "-W", "error", "-c", COMMAND, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("option", ["--version", "--help"])
def test_a_full_standard_output_is_one_sentence(option: str) -> None:
    done = ended(">/dev/full", option)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert tells(done.stderr, "standard output", "free some space")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("stream", ["2>/dev/full", "2>&1 >/dev/null | true"], ids=["full", "its reader has ended"])
def test_notes_that_cannot_be_written_change_nothing_else(stream: str, tmp_path: Path) -> None:
    """The profile is written, its summary printed, and an error keeps its exit code."""
    words, out = ("fit", str(MIRA), "--model", "traits"), tmp_path / "me.json"
    done = ended(f"{stream}; echo $? >&2", *words, "--out", str(out))
    assert out.exists()
    if "full" in stream:
        assert (done.stderr, "prefers" in done.stdout.lower()) == ("0\n", True)
        assert ended(stream, "fit", "none.jsonl").returncode == 1


def test_a_line_break_in_a_name_is_shown_as_an_escape(tmp_path: Path) -> None:
    done = ended("", "fit", str(tmp_path / "no\nsuch\udcff.jsonl"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert tells(done.stderr, "no\\nsuch\\udcff.jsonl")


def test_a_reader_that_has_ended_is_no_error() -> None:
    done = ended("| true; exit 0", "--help")
    assert (done.returncode, done.stderr) == (0, "")


def test_closed_streams_are_empty_and_no_other_file_takes_their_number(tmp_path: Path) -> None:
    out = tmp_path / "prompt.txt"
    done = ended("<&- >&-", "fit", "-", "--out", str(out))
    assert done.returncode == 1
    assert tells(done.stderr, "no choices")
    assert not out.exists()
    done = ended(">&- 2>&-", "persona", str(tmp_path / "missing.json"))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
