"""The service's side of the learner process: start it, wake it, send it the load, restart it after a crash.

process = LearnerProcess(config, log, tell)
process.start(); process.wake(); process.stop()
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict

import orjson

from personalrm.service.config import ServiceConfig
from personalrm.service.learner import BUSY, CALM, WAKE
from personalrm.service.logs import ServiceLog
from personalrm.service.running import Tell

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_HEALTHY_S = 60.0
BUSY_FROM = 50
"""Requests per second above which the learner reduces its share of the processor."""


class LearnerProcess:
    """See the module's docstring. With ``config.workers`` 0 there is no process: another service must learn."""

    def __init__(self, config: ServiceConfig, log: ServiceLog, tell: Tell) -> None:
        self._config, self._log, self._tell = config, log, tell
        self._process: subprocess.Popen[bytes] | None = None
        self._is_busy = False
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="personalrm-learner", daemon=True)

    def start(self) -> None:
        """Start the process, and restart it whenever it exits."""
        if self._config.workers:
            self._keeper.start()

    def wake(self) -> None:
        """Report that a job was added."""
        self._send(WAKE)

    def answered(self, requests: int) -> None:
        """Report the number of requests answered in the last second."""
        is_busy = requests >= BUSY_FROM
        if is_busy != self._is_busy:
            self._is_busy = is_busy
            self._send(BUSY if is_busy else CALM)

    def stop(self, patience: float) -> None:
        """Let it finish its job; after ``patience`` seconds it is killed; the job is retried when its lease ends."""
        self._stopping.set()
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._keeper.is_alive():
            self._keeper.join(5.0)

    def _send(self, line: bytes) -> None:
        process = self._process
        if process is not None and process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):  # a full pipe wakes it as well; a dead process is replaced
                os.write(process.stdin.fileno(), line)

    def _keep(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            self._run()
            if self._stopping.is_set():
                return
            pause = _FIRST_PAUSE_S if time.monotonic() - began > _HEALTHY_S else min(2 * pause, _LONGEST_PAUSE_S)
            self._log.write("learner", level="error", detail="the learner exited and is restarted", pause_s=pause)
            self._stopping.wait(pause)

    def _run(self) -> None:
        """Run one process from start to exit."""
        command = [sys.executable, "-m", "personalrm.service.learner"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            with contextlib.suppress(OSError):
                # not on the command line, which other users can read: the URL may contain a password
                os.write(process.stdin.fileno(), orjson.dumps(asdict(self._config)) + b"\n")
                os.set_blocking(process.stdin.fileno(), False)
            self._process, self._is_busy = process, False
            if self._stopping.is_set():
                process.stdin.close()
            for line in process.stdout:
                self._on_event(line)

    def _on_event(self, line: bytes) -> None:
        with contextlib.suppress(orjson.JSONDecodeError):
            self._tell(orjson.loads(line))
