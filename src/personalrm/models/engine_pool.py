"""Per-process cache of connections, engines and open predictors.

pool = EnginePool(EndpointOptions(base_url="http://localhost:8000/v1"))
predictor = await pool.predictor("traits", profile, profile.options)        # opened once
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from personalrm.databases import MEMORY
from personalrm.llm import background_loop
from personalrm.llm.connect import EndpointOptions, shared
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.language_model import LanguageModel
from personalrm.models.base import Engine, Predictor
from personalrm.models.engines import ProgressEndpoint
from personalrm.models.opened import OpenedPredictors
from personalrm.models.population import Population
from personalrm.models.registry import asked_model, engine_named, fitting_name, is_fused, is_local
from personalrm.models.served_name import is_served
from personalrm.models.worker import in_worker
from personalrm.preferences import History, Verdict
from personalrm.profile.options import Options, VerdictMode
from personalrm.profile.records import Profile

_log = logging.getLogger("personalrm.models")


class EnginePool:
    """Engines by name.

    Args:
        endpoint: endpoint options, or an Endpoint that is used for every name.
        population: other people's choices for the embedded engine's prior.
        answered: called after each answer of a model.
        opened: maximum number of cached predictors.
    """

    def __init__(
        self,
        endpoint: Endpoint | EndpointOptions,
        population: Population | None = None,
        answered: Callable[[], None] | None = None,
        opened: int = 256,
    ) -> None:
        self._own = None if isinstance(endpoint, EndpointOptions) else endpoint
        self._options = endpoint if isinstance(endpoint, EndpointOptions) else EndpointOptions()
        # an iterator would be empty for the second engine
        held = population is None or isinstance(population, str | Path)
        self._population: Population | None = population if held else tuple(population)  # type: ignore[arg-type]
        self._answered = answered
        self._connections: dict[str, LanguageModel] = {}
        self._engines: dict[tuple[str, Options], Engine] = {}
        self._opened = OpenedPredictors(opened)

    def asks(self, name: str) -> bool:
        """Whether this is a language model at an endpoint."""
        return self._own is not None or not (is_local(name) or is_served(name))

    def fitting_name(self, name: str, known: Profile | None = None) -> str:
        """The engine that fits under this name; `known` is the earlier profile (see `registry.fitting_name`).

        A custom Endpoint is used without fusion, because its labelled verdicts, from which a weight is learned, are not
        stored.
        """
        return name if self._own is not None else fitting_name(name, known)

    async def engine(self, name: str, options: Options, meter: Endpoint | None = None) -> Engine:
        """One engine per name and options, because it caches what it learned of the population; a new one for each
        meter."""
        if meter is not None:
            return await in_worker(self._made, name, meter, options)
        found = self._engines.get((name, options))
        if found is None:
            asked = await self.endpoint(name) if self.asks(name) else self._options
            found = await in_worker(self._made, name, asked, options)
            self._engines[name, options] = found
        return found

    async def keep_verdicts(
        self, name: str, profile: Profile, test: History, verdicts: Mapping[str, Verdict], mode: VerdictMode
    ) -> None:
        """Store a plain judge's verdicts (by id of the choice), now that the choices are known, to learn its weight."""
        if not self.asks(name) or is_fused(name) or self._own is not None:
            return
        from personalrm.models.fusion.labels import keep_of_test  # numpy, 0.1 s

        await in_worker(keep_of_test, self.verdicts, asked_model(name), mode, profile, test, verdicts)

    def _made(self, name: str, asked: Endpoint | EndpointOptions, options: Options) -> Engine:
        verdicts = self.verdicts if is_fused(name) else None
        return engine_named(name, asked, options, self._population, verdicts)

    @property
    def verdicts(self) -> str | Path:
        """File of judges' labelled verdicts; in memory for a custom Endpoint, which has no cache file."""
        from personalrm.models.fusion.table import table_path  # numpy, 0.1 s

        return table_path(self._options.cache) if self._own is None else MEMORY

    async def predictor(self, name: str, profile: Profile, options: Options) -> Predictor:
        """The predictor of this profile."""
        found = self._opened.get(name, profile)
        if found is None:
            _log.debug("opening a profile with %s", name)
            found = await (await self.engine(name, options)).open(profile)
            self._opened.put(name, profile, found)
        return found

    async def population_predictor(self, name: str, profile: Profile, options: Options) -> Predictor:
        """The predictor of the population, with the profile's prior."""
        key = f"{name} population"
        found = self._opened.get(key, profile)
        if found is None:
            found = await (await self.engine(name, options)).open_population(profile)
            self._opened.put(key, profile, found)
        return found

    async def endpoint(self, name: str) -> Endpoint:
        """The endpoint for this model, connected at first use in the package's event loop."""

        async def connected() -> Endpoint:
            if self._own is not None:
                return self._own
            model = asked_model(name)
            if model not in self._connections:
                self._connections[model] = shared(model, self._options)
            return self._connections[model]

        if self._own is None:
            await in_worker(import_module, "personalrm.llm.openai")  # aiohttp, 0.2 s: not on an event loop
        endpoint = await background_loop.join(connected())
        return endpoint if self._answered is None else ProgressEndpoint(endpoint, self._answered)

    async def aclose(self) -> None:
        """Wait for requests in flight, then release connections and predictors; they are reopened when used again."""
        connections = list(self._connections.values())
        self._connections.clear()
        self._engines.clear()
        self._opened.clear()

        async def work() -> None:
            for one in connections:  # it may be shared with others that have the same options
                await one.drain()
            if self._own is not None:
                await self._own.aclose()

        await background_loop.join(work())
