"""The learner process: `personalrm serve` starts and supervises it, so that learning never delays an answer.

The first line of its standard input holds its settings; every further line makes it check the queue; it exits when
the input closes, so it never outlives the service. Each line of its output reports a job that ended.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

import orjson

from personalrm.service.asking import Clients
from personalrm.service.config import ServiceConfig
from personalrm.service.erasing import Eraser
from personalrm.service.learning import Learner
from personalrm.service.logs import ServiceLog
from personalrm.service.predictors import Predictors
from personalrm.service.running import JobRunner
from personalrm.service.summaries import refresh_all
from personalrm.service.workers import Workers
from personalrm.store.jobs import Work
from personalrm.store.people import PersonState
from personalrm.store.store import SpaceStore, Store

OPENED = 16
BUSY, CALM, WAKE = b"busy\n", b"calm\n", b"\n"
"""Lines that the service sends: under load, no longer under load, or a job was added."""


def main() -> None:
    """Learn until the input closes."""
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)  # the service stops this process by closing its input
    config = ServiceConfig(**orjson.loads(sys.stdin.buffer.readline()))
    log = ServiceLog(config.request_log)
    store = Store(config.database, migrate=False)
    clients = Clients(store, config)
    predictors = Predictors(clients, OPENED, as_it_is)
    learner = Learner(clients, Work.refit(config.debounce, config.debounce_most))
    eraser = Eraser(store, predictors, config, log)

    def periodic() -> None:
        eraser.finish_all()
        for space in store.spaces():
            space.idempotency.forget_old()
            space.completions.forget_old()
        refresh_all(store)

    workers = Workers(store, JobRunner(learner, log, _tell), log, config.workers, periodic)
    workers.start()
    while line := sys.stdin.buffer.readline():
        if line in (BUSY, CALM):
            workers.give_way(is_busy=line == BUSY)
        workers.wake()
    workers.stop()
    clients.close()
    store.close()


def as_it_is(space: SpaceStore, person: PersonState) -> PersonState:
    """The profile in use, without learning newer choices."""
    return person


def _tell(event: dict[str, Any]) -> None:
    with _telling:
        try:
            os.write(1, orjson.dumps(event) + b"\n")
        except OSError:
            return  # the service has ended, so the input closes as well


_telling = threading.Lock()

if __name__ == "__main__":
    main()
