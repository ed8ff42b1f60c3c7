"""One loop for plain calls, await and notebooks; Ctrl-C and the end of the program lose nothing that is paid for."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from answers_kept import kept
from stopping import await_rest

from personalrm.errors import PersonalrmError
from personalrm.llm import background_loop
from personalrm.llm.simulated import SimulatedLLM

MANY = 2000
"""Questions of which a program that is interrupted has asked the smaller part, however late the signal comes."""

PROGRAM = """
import asyncio, atexit, sys
from personalrm.errors import BudgetSpent
from personalrm.llm import background_loop
from personalrm.llm.connect import EndpointOptions, shared
from personalrm.llm.endpoint import SamplingParams
from personalrm.llm.gather import gather
from personalrm.preferences import Message

url, cache, count, how = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]

async def work():
    options = EndpointOptions(base_url=url, cache=cache, concurrency=16, max_calls=20 if how == "budget" else None)
    llm = shared("m", options)
    await llm.complete([Message("user", "first")], SamplingParams(5))
    atexit.register(print, "ends", flush=True)  # right before the portal waits for what is on its way
    print("running", flush=True)
    try:
        asked = ([Message("user", f"question {at}")] for at in range(count))
        return len(await gather(llm.complete(one, SamplingParams(5)) for one in asked))
    finally:
        await asyncio.sleep(0.05)
        print("tidied up", flush=True)

try:
    print(background_loop.run(work()), flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
except BudgetSpent as spent:
    print(spent, flush=True)
    sys.exit(3)
"""


async def _double(value: int) -> int:
    await asyncio.sleep(0.001)
    return 2 * value


def start(url: str, cache: Path, count: int, how: str = "") -> subprocess.Popen[str]:
    """The program in a process of its own, with every warning shown."""
    command = [sys.executable, "-W", "always", "-c", PROGRAM, url, str(cache), str(count), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_from_plain_code() -> None:
    assert background_loop.run(_double(2)) == 4


async def test_inside_a_running_loop_as_in_a_notebook() -> None:
    assert background_loop.run(_double(2)) == 4
    assert await background_loop.join(_double(3)) == 6


def test_join_from_another_loop_and_from_many_threads() -> None:
    async def several() -> list[int]:
        return await asyncio.gather(*(background_loop.join(_double(at)) for at in range(20)))

    found: list[list[int]] = []
    threads = [threading.Thread(target=lambda: found.append(asyncio.run(several()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[2 * at for at in range(20)]] * 4


def test_all_work_runs_in_one_loop() -> None:
    async def loop() -> int:
        return id(asyncio.get_running_loop())

    assert background_loop.run(loop()) == asyncio.run(background_loop.join(loop()))


def test_errors_come_through_as_they_are() -> None:
    async def fail() -> None:
        raise PersonalrmError("one clear sentence")

    with pytest.raises(PersonalrmError, match=r"^one clear sentence$"):
        background_loop.run(fail())


async def test_cancelling_the_caller_cancels_the_work() -> None:
    begun, ended = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()

    caller = asyncio.create_task(background_loop.join(work()))
    assert await asyncio.to_thread(begun.wait, 60)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await asyncio.to_thread(ended.wait, 60)


def test_a_call_that_would_wait_for_itself_is_refused() -> None:
    async def outer() -> int:
        return background_loop.run(_double(1))

    with pytest.raises(PersonalrmError, match="would wait for itself"):
        background_loop.run(outer())
    gc.collect()


def test_a_forked_child_has_its_own_loop() -> None:
    assert background_loop.run(_double(1)) == 2
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=lambda: answers.put(background_loop.run(_double(21))))
    child.start()
    child.join(120)
    assert child.exitcode == 0
    assert answers.get() == 42


FORKED = """
import gc, os, sys
from personalrm.llm import background_loop

class Held: pass

async def nothing(): pass
async def close(): print("closed", flush=True)

first, second = Held(), Held()
background_loop.run(nothing())
background_loop.close_after(first, close)
background_loop.close_after(second, close)
if os.fork() == 0:
    del first
    gc.collect()
    sys.exit(0)
os.wait()
print("the child is gone", flush=True)
"""


def test_a_forked_child_ends_at_once_and_leaves_the_closing_to_its_parent() -> None:
    ended = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=120, check=True)
    assert (ended.stdout, ended.stderr) == ("the child is gone\nclosed\nclosed\n", "")


def test_work_of_another_thread_does_not_delay_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waited for the other's work would wait for a minute."""
    monkeypatch.setattr("personalrm.llm.background_loop.TIDY_UP_S", 60.0)
    begun, may_end = threading.Event(), threading.Event()

    async def works_on() -> None:
        begun.set()
        await asyncio.to_thread(may_end.wait, 600)

    async def is_interrupted() -> None:
        await asyncio.sleep(0.2)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        await asyncio.sleep(600)

    other = threading.Thread(target=lambda: background_loop.run(works_on()))
    other.start()
    assert begun.wait(60)
    started = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        background_loop.run(is_interrupted())
    assert time.perf_counter() - started < 30
    assert other.is_alive()
    may_end.set()
    other.join()


@pytest.mark.parametrize("moment", [*(pytest.param(one, marks=pytest.mark.slow) for one in (0.02, 0.17)), 0.4])
def test_ctrl_c_keeps_what_is_paid_for_and_says_nothing(tmp_path: Path, moment: float) -> None:
    cache = tmp_path / "answers.sqlite"
    with SimulatedLLM(latency=0.15) as llm:
        program = start(llm.url, cache, MANY)
        assert program.stdout is not None
        assert program.stdout.readline() == "running\n"
        time.sleep(moment)
        program.send_signal(signal.SIGINT)
        said, complained = program.communicate(timeout=120)
        assert llm.statistics.statuses == {"200": llm.statistics.requests}
        assert kept(cache) == llm.statistics.requests < MANY
    assert (program.returncode, said, complained) == (130, "tidied up\ninterrupted\nends\n", "")


def test_a_second_ctrl_c_gives_up_what_is_on_its_way(tmp_path: Path) -> None:
    """Every other request is never answered, so that soon all sixteen places are taken by such."""
    with SimulatedLLM(hang_every=2) as llm:
        program = start(llm.url, tmp_path / "answers.sqlite", MANY)
        assert program.stdout is not None
        assert program.stdout.readline() == "running\n"
        while llm.statistics.active < 16:
            assert program.poll() is None
            time.sleep(0.01)
        program.send_signal(signal.SIGINT)
        assert [program.stdout.readline() for _ in range(3)] == ["tidied up\n", "interrupted\n", "ends\n"]
        await_rest(program.pid)
        assert program.poll() is None  # waits for the answers
        program.send_signal(signal.SIGINT)
        _, complained = program.communicate(timeout=120)
    assert (program.returncode, complained) == (130, "")


def test_spent_budget_ends_the_program_with_everything_kept(tmp_path: Path) -> None:
    cache = tmp_path / "answers.sqlite"
    with SimulatedLLM(latency=0.15) as llm:
        program = start(llm.url, cache, 100, "budget")
        said, complained = program.communicate(timeout=120)
        assert llm.statistics.statuses == {"200": 20}
    assert kept(cache) == 20
    assert (program.returncode, complained) == (3, "")
    assert said.endswith("the limit of 20 calls (--max-calls) is used up\nends\n")


def test_the_end_of_a_program_leaves_nothing_open(tmp_path: Path) -> None:
    with SimulatedLLM() as llm:
        program = start(llm.url, tmp_path / "answers.sqlite", 30)
        said, complained = program.communicate(timeout=120)
    assert (program.returncode, said, complained) == (0, "running\ntidied up\n30\nends\n", "")
    assert not (tmp_path / "answers.sqlite-wal").exists()
