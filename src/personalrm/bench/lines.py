"""The lines of a result table with their methods, checked before any prediction is made.

chosen = methods_of(["longer", "default"], setup, models)
lines = lines_of(chosen, context_pairs=(2, None), plan=plan, options=options)
lines[0].provenance.key                 # answers stored under another key are recomputed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from personalrm import prompts
from personalrm.bench.entries import ResultKey
from personalrm.bench.fused import members_of
from personalrm.bench.methods import Setup, asks, method_named
from personalrm.bench.origins import Origin, check_unseen, origin_of
from personalrm.bench.plan import Plan
from personalrm.bench.protocols import Method, protocol_named
from personalrm.errors import DataError
from personalrm.llm.endpoint import Endpoint
from personalrm.models.registry import RECORDED
from personalrm.profile.options import Options
from personalrm.profile.provenance import Provenance


@dataclass(frozen=True)
class Line:
    """A line of the result table: its key, its method, and everything its answers depend on."""

    entry: ResultKey
    method: Method
    provenance: Provenance


def methods_of(names: Sequence[str | Method], setup: Setup, models: Sequence[Endpoint]) -> list[Method]:
    """Create the methods by name; those that ask a language model once for each model.

    Raises:
        DataError: an unknown name, or a method that needs a model and has none.
    """
    chosen: list[Method] = []
    for one in names:
        if not isinstance(one, str):
            chosen.append(one)
        elif asks(one) and models:
            chosen += [method_named(one, replace(setup, endpoint=model)) for model in models]
        else:
            chosen.append(method_named(one, setup))
    return chosen


def lines_of(
    methods: Sequence[Method], context_pairs: Sequence[int | None], plan: Plan, options: Options
) -> list[Line]:
    """All combinations of methods and ``context_pairs``; methods that are not personalized get one line.

    Raises:
        DataError: no method, one given twice, a judge without cached verdicts in the data, or a model that was trained
            on users who are predicted.
    """
    keys = [
        (ResultKey(one.name, one.model, limit), one)
        for one in methods
        for limit in (context_pairs if one.personal else (None,))
    ]
    if not keys or len({entry for entry, _ in keys}) < len(keys):
        raise DataError("expected at least one method, and each method, model and number of choices only once")
    _check_judges([entry for entry, _ in keys], plan)
    origins = {one.name: origin_of(one, alone=plan.alone) for one in methods}
    _check_unseen(origins, plan)
    return [Line(entry, one, _provenance(entry, one, origins[one.name], plan, options)) for entry, one in keys]


def identity_of(plan: Plan, options: Options, asking: bool) -> dict[str, Any]:
    """The values that must be equal for a run to be resumed; ``asking``: whether a language model is used."""
    return {
        **asdict(plan.design),
        "fingerprint": plan.data.total,
        "fields": dict(plan.data.fields),
        "population_fingerprint": plan.population_fingerprint,
        "options": asdict(options) if asking else None,
        "prompts": prompts.hashes() if asking else None,
    }


def _check_judges(entries: Sequence[ResultKey], plan: Plan) -> None:
    """Raise DataError if the data has no cached verdict of a judge that a method names."""
    named = {name for one in entries for name in members_of(one.method) or (one.method,)}
    wanted = {one.removeprefix(RECORDED) for one in named if one.startswith(RECORDED)}
    if missing := sorted(wanted - plan.judges):
        known = f"it has verdicts of {', '.join(sorted(plan.judges))}" if plan.judges else "it has no cached verdicts"
        raise DataError(f"the data has no cached verdicts of {', '.join(missing)}; {known}")


def _check_unseen(origins: dict[str, Origin], plan: Plan) -> None:
    """Raise DataError if a model was trained on users who are predicted, unless the design allows it."""
    if plan.design.people == "unseen":
        if protocol_named(plan.design.protocol).new_texts:
            _check_new_texts(origins, plan.design.protocol)
        users = frozenset(one.user for one in plan.asked)
        for name, origin in origins.items():
            check_unseen(name, origin, plan.people(), users)


def _check_new_texts(origins: dict[str, Origin], protocol: str) -> None:
    """Raise DataError for a pretrained model: it is not recorded which texts it was trained on."""
    for name, origin in origins.items():
        if origin.learned_from:
            raise DataError(
                f"{origin.what or name} is already trained, and the texts it was trained on are not recorded: use "
                f"--protocol new-people, or a method that is trained in each fold of {protocol}"
            )


def _provenance(entry: ResultKey, method: Method, origin: Origin, plan: Plan, options: Options) -> Provenance:
    design = plan.design
    chosen = {
        "method": entry.method,
        "context_pairs": entry.context_pairs,
        "protocol": design.protocol,
        "folds": plan.folds,
        "people": design.people,
        "population": plan.population_fingerprint,
        **(asdict(options) if method.asks else {}),
    }
    return Provenance(plan.data.total, entry.model, origin.stamp, dict(method.prompts), chosen, design.seed)
