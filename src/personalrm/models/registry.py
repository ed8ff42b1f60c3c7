"""The one place that knows what models are called.

engine = engine_named("traits")
engine = engine_named("trained:runs/pref")
engine = engine_named("gpt-4o-mini", EndpointOptions(base_url="http://localhost:8000/v1"))
"""

from __future__ import annotations

from personalrm.llm.connect import EndpointOptions, shared
from personalrm.llm.endpoint import Endpoint
from personalrm.models.base import Engine
from personalrm.models.engines import JudgeEngine, TraitsEngine
from personalrm.models.population import Population, PopulationPriors
from personalrm.profile.options import Options

DEFAULT = "traits"
"""Needs no endpoint and no training."""
TRAITS = (DEFAULT, "traits+encoder")
"""Names of the embedded engine."""
TRAINED = "trained:"
"""Begins the name of a folder that `train` wrote; any other name is a model at an endpoint."""


def is_local(name: str) -> bool:
    """Whether this model computes here and asks no endpoint."""
    return name in TRAITS or name.startswith(TRAINED)


def is_embedded(name: str) -> bool:
    """Whether this is the embedded engine, which learns its prior from a population."""
    return name in TRAITS


def engine_named(
    name: str,
    endpoint: Endpoint | EndpointOptions | None = None,
    options: Options | None = None,
    population: Population | None = None,
) -> Engine:
    """The engine of that name.

    Args:
        name: ``traits`` or ``traits+encoder``; ``trained:DIR``; any other is a model at an endpoint.
        endpoint: who is asked, whatever the name; or how to connect; None takes OPENAI_BASE_URL and OPENAI_API_KEY.
            Connecting belongs into the package's own event loop (see `background_loop`).
        options: how profiles are fitted.
        population: other people's choices, for the prior of the embedded engine.

    Raises:
        DataError: no endpoint can be asked with this.
        MissingExtra: a trained model, and the extra ``train`` is not installed.
    """
    options = options or Options()
    if endpoint is not None and not isinstance(endpoint, EndpointOptions):
        return JudgeEngine(endpoint, options)
    if is_embedded(name):
        encoder = name.endswith("+encoder")
        priors = None if population is None else PopulationPriors(population, encoder=encoder, seed=options.seed)
        return TraitsEngine(priors, encoder, options)
    if name.startswith(TRAINED):
        from personalrm.models.trained_engine import TrainedEngine  # numpy, and torch once it is opened

        return TrainedEngine(name.removeprefix(TRAINED), options)
    return JudgeEngine(shared(name, endpoint or EndpointOptions()), options)
