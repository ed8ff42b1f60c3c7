"""The learner as the service sees it: started, woken, told of, started again when it dies.

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
"""Requests a second from which on the learner gives way."""


class LearnerProcess:
    """See the module's docstring. With ``config.workers`` 0 there is none: another service on the database learns."""

    def __init__(self, config: ServiceConfig, log: ServiceLog, tell: Tell) -> None:
        self._config, self._log, self._tell = config, log, tell
        self._process: subprocess.Popen[bytes] | None = None
        self._is_busy = False
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="personalrm-learner", daemon=True)

    def start(self) -> None:
        """Start it, and start it again whenever it dies."""
        if self._config.workers:
            self._keeper.start()

    def wake(self) -> None:
        """Something was asked for."""
        self._send(WAKE)

    def answered(self, requests: int) -> None:
        """How many requests were answered in the last second."""
        is_busy = requests >= BUSY_FROM
        if is_busy != self._is_busy:
            self._is_busy = is_busy
            self._send(BUSY if is_busy else CALM)

    def stop(self, patience: float) -> None:
        """Let it end its job; what takes longer is killed, and is another's when its lease ends."""
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
            with contextlib.suppress(OSError, ValueError):  # a full pipe has woken it already; a dead one is replaced
                os.write(process.stdin.fileno(), line)

    def _keep(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            self._run()
            if self._stopping.is_set():
                return
            pause = _FIRST_PAUSE_S if time.monotonic() - began > _HEALTHY_S else min(2 * pause, _LONGEST_PAUSE_S)
            self._log.write("learner", level="error", detail="the learner has died and is started again", pause_s=pause)
            self._stopping.wait(pause)

    def _run(self) -> None:
        """One process, from its start to its end."""
        command = [sys.executable, "-m", "personalrm.service.learner"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            with contextlib.suppress(OSError):
                # not on the command line, which everybody on the machine can read: the URL may hold a password
                os.write(process.stdin.fileno(), orjson.dumps(asdict(self._config)) + b"\n")
                os.set_blocking(process.stdin.fileno(), False)
            self._process, self._is_busy = process, False
            if self._stopping.is_set():
                process.stdin.close()
            for line in process.stdout:
                self._told(line)

    def _told(self, line: bytes) -> None:
        with contextlib.suppress(orjson.JSONDecodeError):
            self._tell(orjson.loads(line))
