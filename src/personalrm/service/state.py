"""The service as one object: what its routes work with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from personalrm.models.worker import blocking
from personalrm.service.access import Doorkeeper
from personalrm.service.asking import Clients
from personalrm.service.config import ServiceConfig
from personalrm.service.erasing import Eraser
from personalrm.service.learning import Learner
from personalrm.service.logs import ServiceLog
from personalrm.service.metrics import Metrics
from personalrm.service.predictors import Opened, Predictors
from personalrm.service.rewards import Rewards
from personalrm.service.threads import Threads
from personalrm.service.workers import Workers
from personalrm.store.jobs import Work
from personalrm.store.people import PersonState
from personalrm.store.store import SpaceStore, Store


class Service:
    """Made once a process.

    Args:
        config: how it runs.
        store: what it works on; it is closed with the service.

    Raises:
        DataError: the model cannot be used with these settings.
    """

    def __init__(self, config: ServiceConfig, store: Store) -> None:
        self.config, self.store = config, store
        self.log, self.metrics = ServiceLog(config.log), Metrics()
        self.threads = Threads()
        self.clients = Clients(store, config)
        self.predictors = Predictors(self.clients, config.opened, self._freshened)
        afterwards = Work.refit(config.debounce, config.debounce_most)
        self._learner = Learner(self.clients, self.predictors, afterwards)
        self.eraser = Eraser(store, self.predictors, config, self.log)
        self.workers = Workers(store, self._learner, self.clients, self.log, self.metrics, config.workers, self._tidied)
        self.doorkeeper = Doorkeeper(store, self.threads, config.rate, is_open=config.open)
        self.rewards = Rewards(self.predictors, self.threads, config.opened, is_local=self.clients.is_local)
        self.is_stopping = False

    @property
    def new_choice(self) -> Work:
        """What a new choice asks for: an engine that computes here learns it at once, another one after a while."""
        if self.clients.is_local:
            return Work.update(self.config.debounce_most)
        return Work.refit(self.config.debounce, self.config.debounce_most)

    async def predicted(self, space: SpaceStore, user: str, verb: str, *asked: Any) -> tuple[Opened, Any]:
        """What a verb of the predictor says, and the predictor; one change of thread where it computes here."""
        if self.clients.is_local:
            return await self.threads.predict(self._predicted, space, user, verb, asked)
        opened = await self.threads.store(self.predictors.ready, space, user)
        return opened, await getattr(opened.predictor, verb)(*asked)

    def _predicted(self, space: SpaceStore, user: str, verb: str, asked: Sequence[Any]) -> tuple[Opened, Any]:
        opened = self.predictors.ready(space, user)
        return opened, blocking(getattr(opened.predictor, verb))(*asked)

    def start(self) -> None:
        """Start the workers."""
        self.workers.start()

    def stop(self) -> None:
        """Let what runs end, then close everything."""
        self.is_stopping = True
        self.workers.stop(self.config.grace)
        self.threads.close()
        self.clients.close()
        self.store.close()

    def _freshened(self, space: SpaceStore, person: PersonState) -> PersonState:
        return self.workers.freshened(space, person)

    def _tidied(self) -> None:
        """What a crash has left, and what has grown old."""
        self.eraser.finish_all()
        for space in self.store.spaces():
            space.idempotency.forget_old()
        for state, count in self.store.queue.counts().items():
            self.metrics.jobs.labels(state).set(count)
