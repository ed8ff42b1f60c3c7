"""The names of models, judges and methods, all defined here.

    engine = engine_named("traits")
    engine = engine_named("trained:runs/pref")
    engine = engine_named("gpt-4o-mini", EndpointOptions(base_url="http://localhost:8000/v1"))

    entry_of("memory").kind                                     # "judge": it asks a language model
    await judge_named("memory")(endpoint, history, Options())   # FittedJudge
    register(Registration("mine", "my_package.judges:mine", "judge"))  # then `bench --methods mine`

An engine fits profiles. `personalrm bench` can compare more: every entry below is a method there. The implementation of
an entry is imported when it is needed.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from personalrm.errors import DataError
from personalrm.llm.connect import EndpointOptions, shared
from personalrm.llm.endpoint import Endpoint
from personalrm.models.base import Engine
from personalrm.models.engines import JudgeEngine, TraitsEngine
from personalrm.models.population import Population, PopulationPriors
from personalrm.models.served_name import is_served
from personalrm.profile.options import Options
from personalrm.profile.records import FusedState, JudgeState, Profile

if TYPE_CHECKING:
    from personalrm.models.judges import JudgeFactory

DEFAULT = "traits"
"""The embedded engine; it needs no endpoint and no training."""
TRAITS = (DEFAULT, "traits+encoder")
"""Names of the embedded engine."""
TRAINED = "trained:"
"""Prefix of the name of a folder written by `train`; any other name is a model at an endpoint."""


RECORDED = ALONE = "judge:"
"""Prefix of a judge by itself, without fusion. The meaning of the name after it depends on the context:

- ``RECORDED``, a method of `personalrm bench`: a judge whose verdicts are in the data. No model is asked.
- ``ALONE``, an engine of `fit` and all verbs on profiles: a language model at the endpoint, as ``judge:gpt-4o-mini``.
"""
SURFACE = ("longer", "shorter", "first", "random")
LEARNED = ("gpo", "vpl", "pal", "lore", "pref")
BRADLEY_TERRY = "bt"
FUSED = "fused"
"""All evidence in one reward; ``fused:…`` names the evidence besides traits."""
SCALED = "rubric:"
"""Prefix of the rubric judge with several schemes: ``rubric:m=8,neighbours=4``."""
Kind = Literal["judge", "local", "recorded", "fused"]


@dataclass(frozen=True, slots=True)
class Registration:
    """The registration of a name.

    Attributes:
        name: the name; one that ends with a colon is a prefix of names (``trained:DIR``).
        home: ``module:attribute`` of the factory, relative to ``personalrm`` or in another package.
        kind: ``judge`` asks a language model (its home is a `judges.JudgeFactory`, or for a prefix a function from the
            name to one), ``local`` is a local model (a function as in `from_population`), ``recorded`` verdicts are in
            the data and need no home, ``fused`` combines several of these.
        personal: whether it is fitted to the person's own choices.
        probabilistic: whether its probabilities are graded, not only a preferred side.
        model: name of the underlying model in results; ``features`` and ``backbone`` are replaced by those of the
            training, empty for the name itself; for a judge it is the language model.
    """

    name: str
    home: str
    kind: Kind = "local"
    personal: bool = True
    probabilistic: bool = True
    model: str = ""

    def load(self) -> Any:
        """Import the factory."""
        module, _, attribute = self.home.partition(":")
        inside = module.partition(".")[0] in ("models", "bench", "synthesis")
        return getattr(importlib.import_module(f"personalrm.{module}" if inside else module), attribute)


def _entries() -> Iterator[Registration]:
    maker, judge = "models.from_population:", "models.judges."
    for name in SURFACE:
        yield Registration(name, f"{maker}surface", personal=False, probabilistic=False)
    for name in TRAITS:
        yield Registration(name.replace("traits", "population"), f"{maker}traits", personal=False, model=name)
        yield Registration(name, f"{maker}traits", model=name)
    for name in LEARNED:
        yield Registration(name, f"{maker}learned", model="features")
        yield Registration(f"{name}:published", f"{maker}learned", model="features")
    yield Registration(BRADLEY_TERRY, f"{maker}bradley_terry", personal=False, model="backbone")
    for told in ("persona", "persona+demonstrations", "history", "demographics"):
        yield Registration(f"{BRADLEY_TERRY}:{told}", f"{maker}bradley_terry", model="backbone")
    yield Registration(TRAINED, f"{maker}saved")
    yield Registration(RECORDED, "", "recorded", personal=False, probabilistic=False)
    yield Registration(FUSED, "bench.fused:fused", "fused", model="traits")
    yield Registration(f"{FUSED}:", "bench.fused:fused", "fused", model="traits")
    yield Registration("default", f"{judge}plain:default", "judge", personal=False)
    yield Registration("demographics", f"{judge}shown:demographics", "judge", personal=False)
    yield Registration("history", f"{judge}shown:history", "judge")
    yield Registration("memalign", f"{judge}memalign:memalign", "judge")
    yield Registration("memory", f"{judge}memory:memory", "judge")
    yield Registration("rubric", f"{judge}rubric:rubric", "judge")
    yield Registration(SCALED, f"{judge}user_scaling:scaled", "judge")
    yield Registration("stated", f"{judge}stated:stated", "judge", personal=False)
    yield Registration("synthesizeme", f"{judge}synthesizeme:synthesizeme", "judge")
    for variant in ("persona", "demonstrations", "both", "unverified", "unselected"):
        yield Registration(f"synthesizeme:{variant}", f"{judge}synthesizeme:{variant}", "judge")


_BY_NAME = {one.name: one for one in _entries()}


def register(entry: Registration) -> None:
    """Register a judge or method under its name. DataError if the name is taken."""
    if _BY_NAME.setdefault(entry.name, entry) != entry:
        raise DataError(f"the name '{entry.name}' is already registered: choose another")


def entry_of(name: str) -> Registration:
    """The registration of a name. DataError lists the known ones."""
    beginning = name[: name.find(":") + 1]
    found = _BY_NAME.get(name) or (_BY_NAME.get(beginning) if name != beginning else None)
    if found is None or name.endswith(":"):
        raise DataError(f"there is no method '{name}'; methods: {', '.join(names())}")
    return found


def names(kind: Kind | None = None) -> list[str]:
    """All names of a kind; ``judge:NAME``, ``trained:DIR`` and similar are patterns for prefixes."""
    known = (one for one in _BY_NAME.values() if kind is None or one.kind == kind)
    ends = {RECORDED: "NAME", TRAINED: "DIR", f"{FUSED}:": "MEMBER+MEMBER", SCALED: "m=8,neighbours=4"}
    return [one.name + (ends.get(one.name, "…") if one.name.endswith(":") else "") for one in known]


def judge_named(name: str) -> JudgeFactory:
    """The factory of the judge with this name. DataError lists the known ones."""
    entry = _BY_NAME.get(name) or _BY_NAME.get(name[: name.find(":") + 1])
    if entry is None or entry.kind != "judge":
        raise DataError(f"there is no judge '{name}'; judges: {', '.join(names('judge'))}")
    found: JudgeFactory = entry.load()(name) if entry.name.endswith(":") else entry.load()
    return found


def is_local(name: str) -> bool:
    """Whether this is a local model, which needs no endpoint."""
    return name in TRAITS or name.startswith(TRAINED)


def is_fused(name: str) -> bool:
    """Whether this is a fusion of traits with a language model."""
    return name.startswith(f"{FUSED}:")


def asked_model(name: str) -> str:
    """The language model in this name."""
    return name.removeprefix(f"{FUSED}:").removeprefix(ALONE)


def fitting_name(name: str, known: Profile | None = None) -> str:
    """The name of the engine that fits: a language model is fused with traits, unless its name has a prefix.

    A profile fitted without fusion (``judge:MODEL``, or any model in 0.1) is updated without fusion.
    """
    if not _is_bare(name) or (known is not None and isinstance(known.engine, JudgeState)):
        return name
    return f"{FUSED}:{name}"


def predicting_name(name: str, profile: Profile) -> str:
    """The name of the engine that predicts for this profile: a fused profile is predicted with fusion."""
    return f"{FUSED}:{name}" if _is_bare(name) and isinstance(profile.engine, FusedState) else name


def judging_name(name: str) -> str:
    """The name of the engine without fusion: a language model predicts alone."""
    return f"{ALONE}{name}" if _is_bare(name) else name


def _is_bare(name: str) -> bool:
    """Whether this is the name of a language model without a prefix."""
    return not (is_local(name) or is_served(name) or is_fused(name) or name.startswith(ALONE))


def is_embedded(name: str) -> bool:
    """Whether this is the embedded engine, which learns its prior from a population."""
    return name in TRAITS


def engine_named(
    name: str,
    endpoint: Endpoint | EndpointOptions | None = None,
    options: Options | None = None,
    population: Population | None = None,
    verdicts: str | Path | None = None,
) -> Engine:
    """The engine with this name.

    Args:
        name: ``traits`` or ``traits+encoder``; ``trained:DIR``; ``vllm-classify:NAME@URL`` and the other names of
            `served`; ``fused:MODEL`` for traits with a language model; ``judge:MODEL`` or any other name for the
            language model alone (`fitting_name` defines how `Client` interprets a name without prefix).
        endpoint: an Endpoint used for any name, or endpoint options; None uses OPENAI_BASE_URL and OPENAI_API_KEY.
            Connect in the package's own event loop (see `background_loop`).
        options: options of the fits.
        population: other people's choices, for the prior of the embedded engine or a served model's temperature.
        verdicts: the table from which a fused judge's weight is learned; None is the one beside the answer cache.

    Raises:
        DataError: the endpoint options are not usable.
        MissingExtra: a trained model, and the extra ``train`` is not installed.
    """
    options = options or Options()
    if is_fused(name):
        return _fused(name, endpoint, options, population, verdicts)
    if endpoint is not None and not isinstance(endpoint, EndpointOptions):
        return JudgeEngine(endpoint, options)
    if is_embedded(name):
        encoder = name.endswith("+encoder")
        priors = None if population is None else PopulationPriors(population, encoder=encoder, seed=options.seed)
        return TraitsEngine(priors, encoder, options)
    if name.startswith(TRAINED):
        from personalrm.models.trained_engine import TrainedEngine  # numpy, and torch once it is opened

        return TrainedEngine(name.removeprefix(TRAINED), options)
    if is_served(name):
        from personalrm.models.served import ServedEngine  # numpy, 0.1 s

        return ServedEngine(name, endpoint or EndpointOptions(), options, population)
    return JudgeEngine(shared(asked_model(name), endpoint or EndpointOptions()), options)


def _fused(
    name: str,
    endpoint: Endpoint | EndpointOptions | None,
    options: Options,
    population: Population | None,
    verdicts: str | Path | None,
) -> Engine:
    from personalrm.models.fusion.engine import FusedEngine  # numpy, 0.1 s
    from personalrm.models.fusion.table import VerdictTable, table_path

    model = asked_model(name)
    if not model.strip():
        raise DataError(f"'{name}' names no model: expected {FUSED}:MODEL, such as {FUSED}:gpt-4o-mini")
    priors = None if population is None else PopulationPriors(population, encoder=False, seed=options.seed)
    how = endpoint if isinstance(endpoint, EndpointOptions) else EndpointOptions()
    asked = shared(model, how) if endpoint is None or isinstance(endpoint, EndpointOptions) else endpoint
    return FusedEngine(asked, VerdictTable(verdicts or table_path(how.cache)), priors, options)
