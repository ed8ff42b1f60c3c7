"""The service object, which the routes share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from personalrm.models.worker import blocking
from personalrm.preferences import Message, Verdict
from personalrm.service.access import Authenticator
from personalrm.service.asking import Clients
from personalrm.service.batching import Comparer
from personalrm.service.config import ServiceConfig
from personalrm.service.erasing import Eraser
from personalrm.service.freshening import LearnedEvents, ProfileUpdater
from personalrm.service.learner_process import LearnerProcess
from personalrm.service.learning import Learner
from personalrm.service.logs import ServiceLog
from personalrm.service.metrics import Metrics
from personalrm.service.predictors import Opened, Predictors
from personalrm.service.rewards import Rewards
from personalrm.service.running import JobRunner
from personalrm.service.studies import OpenStudies
from personalrm.service.taste import Tastes
from personalrm.service.threads import Threads
from personalrm.store.incoming import Added
from personalrm.store.jobs import Work
from personalrm.store.store import SpaceStore, Store

P = ParamSpec("P")
T = TypeVar("T")


class Service:
    """One instance per process.

    Args:
        config: settings.
        store: the database; closed with the service.

    Raises:
        DataError: the model cannot be used with these settings.
    """

    def __init__(self, config: ServiceConfig, store: Store) -> None:
        self.config, self.store = config, store
        self.log, self.metrics = ServiceLog(config.request_log), Metrics()
        self.threads = Threads()
        self.clients = Clients(store, config)
        self.predictors = Predictors(self.clients, config.opened, lambda space, person: self._freshen(space, person))
        afterwards = Work.refit(config.debounce, config.debounce_most)
        runner = JobRunner(Learner(self.clients, afterwards), self.log, self.metrics.told)
        self._news = LearnedEvents()
        self._freshen = ProfileUpdater(self.clients, runner, self._news if config.workers else None)
        self.eraser = Eraser(store, self.predictors, config, self.log)
        self.learner = LearnerProcess(config, self.log, self._on_event)
        self.authenticator = Authenticator(store, self.threads, config.rate, is_open=config.open)
        self._comparer = Comparer(self.predictors, self.predicted)
        self.tastes = Tastes(self.predictors)
        self.rewards = Rewards(self.predictors, self.threads, config.opened)
        self.studies = OpenStudies()
        self.is_stopping = False

    @property
    def new_choice(self) -> Work:
        """The job that a new choice adds: a local engine learns it at once, a model at an endpoint after a delay."""
        if self.clients.is_local:
            return Work.update(self.config.debounce_most)
        return Work.refit(self.config.debounce, self.config.debounce_most)

    async def teach(self, store: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Store something that is learned from, then wake the learner."""
        found = await self.threads.store(store, *args, **kwargs)
        self.learner.wake()
        return found

    async def take(self, store: Callable[P, Added], /, *args: P.args, **kwargs: P.kwargs) -> Added:
        """Store feedback, count the choices that it made, then wake the learner."""
        added = await self.teach(store, *args, **kwargs)
        self.metrics.choices.inc(added.choices)
        return added

    async def forget(self, space: SpaceStore, user: str, source: str, choice_id: str, *, forgotten: bool) -> bool:
        """Exclude a choice from learning, or include it again; returns whether that changed anything."""
        change = space.history.forget
        return await self.teach(change, user, source, choice_id, forgotten=forgotten, work=self.new_choice)

    async def explain(self, space: SpaceStore, user: str, source: str, choice_id: str, reason: str | None) -> bool:
        """Store the person's reason for a choice, or remove it; returns whether that changed anything."""
        return await self.teach(space.history.explain, user, source, choice_id, reason, self.new_choice)

    async def compared(
        self, space: SpaceStore, user: str, turns: Sequence[Message], a: str, b: str
    ) -> tuple[Opened, Verdict]:
        """The person's preferred response, and the predictor used."""
        if self.clients.is_local:
            return await self._comparer.compare(space, user, turns, a, b)
        opened, verdict = await self.predicted(space, user, "compare", (turns, a, b))
        return opened, verdict

    async def predicted(self, space: SpaceStore, user: str, verb: str, asked: Sequence[Any]) -> tuple[Opened, Any]:
        """The predictor, and the result of one of its methods; a local engine needs one thread switch for both."""
        if self.clients.is_local:
            return await self.threads.store(self._predicted, space, user, verb, asked)
        opened = await self.threads.store(self.predictors.ready, space, user)
        return opened, await getattr(opened.predictor, verb)(*asked)

    def _predicted(self, space: SpaceStore, user: str, verb: str, asked: Sequence[Any]) -> tuple[Opened, Any]:
        opened = self.predictors.ready(space, user)
        return opened, blocking(getattr(opened.predictor, verb))(*asked)

    def forget_erased(self) -> None:
        """Drop what is cached for people whom another process has erased."""
        for person_id in self.store.erased(self.predictors.people()):
            self.predictors.forget(person_id)

    def start(self) -> None:
        """Start the learner."""
        self.learner.start()

    def stop(self) -> None:
        """Wait for running work, then close everything."""
        self.is_stopping = True
        self.learner.stop(self.config.grace)
        self._comparer.close()
        self.threads.close()
        self.clients.close()
        self.store.close()

    def _on_event(self, event: dict[str, Any]) -> None:
        """Handle the learner's report of a job that ended."""
        self.metrics.told(event)
        if "person" in event:
            self._news.tell(event["person"])
