"""Runs that are ended by every signal at any moment: no kept answer is lost, none that had come is asked for again.

The server counts what it finished, the cache holds what had come. After SIGINT, SIGTERM and SIGHUP the two are equal;
after SIGKILL what was on the wire is missing, and only that may be asked for twice. 12 kills, PERSONALRM_KILLS of them
when it is set; PERSONALRM_KILLED names the commands, PERSONALRM_KILLS_SEED the seed.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from answers_kept import settled
from published_files import prism_folder

from personalrm.data.simulated import simulate_people
from personalrm.data.writing import write_choices
from personalrm.llm.simulated import SimulatedLLM

COMMAND = (sys.executable, "-c", "from personalrm.cli.app import main; main()")
SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
KILLS = int(os.environ.get("PERSONALRM_KILLS", "12"))
SEED = int(os.environ.get("PERSONALRM_KILLS_SEED", "20261128"))
LENIENT = ("--min-pairs", "2", "--min-personalizable", "0", "--min-agreement", "0", "--max-agreement", "1")
MORE = {
    "bench": ["--methods", "default,synthesizeme"],
    "cluster bench": ["--methods", "longer,default,synthesizeme"],
    "cluster fit": [],
    "optimize-prompt": ["--people", "6", "--candidates", "2", "--accept-best"],
}
"""What the commands are given besides."""
COMMANDS = tuple(
    os.environ.get("PERSONALRM_KILLED", "fit,curate,bench,cluster bench,cluster fit,optimize-prompt").split(",")
)
PATIENCE_S = 120.0
"""Long enough for any machine: it only keeps a broken program from hanging."""


@dataclass
class Tally:
    """What was seen over all kills."""

    signals: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    arrived: int = 0
    on_the_wire: int = 0
    repeated: int = 0


def kept(cache: Path) -> set[bytes]:
    """Keys of the answers that the cache holds."""
    if not cache.exists():
        return set()
    with closing(sqlite3.connect(cache)) as connection:
        return {key for (key,) in connection.execute("SELECT key FROM answers")}


def command(name: str, folder: Path, number: int) -> list[str]:
    """The words of a run that asks the model a few dozen times."""
    if name == "fit":
        write_choices(folder / "me.jsonl", simulate_people(1, choices=30, seed=number)[0])
        return ["fit", str(folder / "me.jsonl")]
    if name != "curate":
        people = simulate_people(6 if name == "optimize-prompt" else 3, choices=8, seed=number)
        write_choices(folder / "all.jsonl", (choice for one in people for choice in one))
        out = ["--out", str(folder / ("prompt.json" if name == "optimize-prompt" else "out"))]
        return [*name.split(), str(folder / "all.jsonl"), *MORE[name], *out]
    raw = prism_folder(folder / "prism", people=3)
    return ["curate", "prism", str(raw), "--out", str(folder / "out"), *LENIENT]


def ended(words: list[str], llm: SimulatedLLM, number: signal.Signals, draw: random.Random, log: Path) -> int | None:
    """Start the command and send the signal somewhere on its way; the exit code, None if it was done before."""
    before, wanted = llm.statistics.finished.total(), draw.randrange(1, 25)
    with log.open("wb") as said:
        run = subprocess.Popen([*COMMAND, *words], stdout=said, stderr=said)
        while run.poll() is None and llm.statistics.finished.total() < before + wanted:
            time.sleep(0.002)
        time.sleep(draw.uniform(0.0, 0.08))
        done = run.poll() is not None
        if not done:
            run.send_signal(number)
        code = run.wait(PATIENCE_S)
    return None if done else code


@dataclass
class Account:
    """Of one cache: answers that the server gave and the cache lacks, and how many were asked for again."""

    tally: Tally
    held: set[bytes] = field(default_factory=set)
    missing: int = 0
    repeated: int = 0

    def look(self, cache: Path, llm: SimulatedLLM, sent: str) -> None:
        """After a run: nothing is gone, only what was missing was asked for again, only SIGKILL loses anything."""
        finished, now = settled(llm), kept(cache)
        assert self.held <= now, f"an answer that was kept is gone after {sent}"
        repeated = llm.statistics.finished.total() - finished
        again, missing = repeated - self.repeated, finished - len(now)
        assert again <= self.missing, f"{again} were asked for again, {self.missing} had been on the wire"
        lost = missing - (self.missing - again)
        assert sent == "SIGKILL" or lost <= 0, f"{lost} answers that had come were lost at {sent}"
        self.held, self.missing, self.repeated = now, missing, repeated
        self.tally.on_the_wire += lost
        self.tally.repeated += again


def killed_until_done(name: str, folder: Path, number: int, draw: random.Random, tally: Tally) -> None:
    """Kill one command again and again, until it is done or KILLS are over; then let it end."""
    cache, log, account = folder / "answers.sqlite", folder / "said", Account(tally)
    with SimulatedLLM(latency=0.03) as llm:
        model = ["--model", "m", "--base-url", llm.url, "--cache", str(cache), "--concurrency", "6"]
        words = [*command(name, folder, number), *model]
        while tally.signals.total() < KILLS:
            sent = draw.choice(SIGNALS)
            code = ended(words, llm, sent, draw, log)
            account.look(cache, llm, sent.name if code is not None else "the end")
            if code is None:
                break
            tally.signals[sent.name] += 1
            tally.commands[name] += 1
            said = log.read_text()
            assert code in ((-sent,) if sent is signal.SIGKILL else (128 + sent, 0)), said  # 0 on its last lines
            assert "Traceback" not in said
        last = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert last.returncode == 0, last.stderr
        account.look(cache, llm, "the end")
        tally.arrived += len(account.held)


@pytest.mark.slow
def test_no_answer_is_lost_or_asked_for_again_by_any_signal(tmp_path: Path) -> None:
    draw, tally, number = random.Random(SEED), Tally(), 0
    while tally.signals.total() < KILLS:
        name = COMMANDS[number % len(COMMANDS)]
        folder = tmp_path / str(number)
        folder.mkdir()
        killed_until_done(name, folder, number, draw, tally)
        number += 1
    sys.stdout.write(f"{tally}\n")
    assert tally.signals.total() == KILLS
