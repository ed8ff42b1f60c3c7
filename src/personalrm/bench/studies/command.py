"""Run the command `personalrm study` from its parsed options."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from personalrm.bench.methods import asks
from personalrm.bench.studies import causal, stated
from personalrm.bench.studies.lab import Record, StudyContext, keep
from personalrm.errors import DataError
from personalrm.llm import background_loop
from personalrm.llm.connect import EndpointOptions, shared_models
from personalrm.llm.ledger import Budget
from personalrm.models.registry import TRAITS

STUDIES: Mapping[str, str] = {
    "transfer": "transfer",
    "scaling": "scaling",
    "cross-context": "cross_context",
    "longitudinal": "longitudinal",
    "stated": "stated",
    "causal": "causal",
}
"""Module in this folder by command-line name."""
OWN_METHODS = ("transfer", "stated")
"""Studies with a fixed list of methods; all of these ask a language model."""

MIXING: Mapping[str, str] = {
    "causal": causal.MIXING,
    "stated": stated.MIXING,
}
"""Studies that put several people's words into one prompt, with the text that says how."""


def run_study(name: str, lab: StudyContext, models: list[str], settings: EndpointOptions) -> tuple[Path, list[Budget]]:
    """Run one study and write its record; returns the file and the usage of each model.

    Raises:
        DataError: an unknown study, or data that the study cannot use; and everything that running methods raises.
    """
    study = _study_named(name)
    wanted = name in OWN_METHODS or any(map(asks, lab.methods))

    async def work() -> tuple[Record, list[Budget]]:
        asked = shared_models([one for one in models if one not in TRAITS], settings) if wanted else []
        return await study(replace(lab, models=asked)), [one.ledger for one in asked]

    record, ledgers = background_loop.run(work())
    return keep(record, lab.folder), ledgers


def _study_named(name: str) -> Callable[[StudyContext], Awaitable[Record]]:
    if name not in STUDIES:
        raise DataError(f"unknown study '{name}'; known studies: {', '.join(STUDIES)}, human")
    study: Callable[[StudyContext], Awaitable[Record]] = import_module(
        f"personalrm.bench.studies.{STUDIES[name]}"
    ).study
    return study
