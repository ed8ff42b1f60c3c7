"""The work of `personalrm curate` between its options and its table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from personalrm.curation import folder
from personalrm.curation.asking import Judge
from personalrm.curation.raw import Raw
from personalrm.curation.running import Curated, Plan, Progress, acurate
from personalrm.errors import BudgetSpent, DataError
from personalrm.llm import background_loop
from personalrm.llm.connect import EndpointOptions, shared_models
from personalrm.llm.gather import gather
from personalrm.llm.ledger import Budget
from personalrm.locks import hold
from personalrm.models.registry import TRAITS


def curate(
    plan: Plan,
    models: Sequence[str],
    out: Path,
    settings: EndpointOptions,
    *,
    skip: bool,
    warn: Callable[[str], None],
    progress: Progress,
) -> tuple[Curated, list[Budget]]:
    """Read, filter, split and write; return the result and the budget of each model.

    Args:
        models: each NAME or NAME@URL; the first one also labels whether personal preference matters.
        out: the folder to write.
        settings: endpoint options.
        skip: use no model.
        warn: receives a sentence about skipped rows and failed models.
        progress: called after each user.

    Raises:
        DataError, StorageError, EndpointError, BudgetSpent: from reading, labelling and writing.
    """
    names = _names(models, skip)
    identity = plan.identity(names)
    raw = plan.read()
    _tell(raw, warn)
    with hold(out, "curation"):
        folder.begin(out, identity)
        result, ledgers = _curate_with_models(plan, raw, models, settings, progress)
        _tell_unscored(result, warn)
        folder.write(out, result.parts, result.label_rows(), result.manifest())
    return result, ledgers


def _curate_with_models(
    plan: Plan, raw: Raw, models: Sequence[str], settings: EndpointOptions, progress: Progress
) -> tuple[Curated, list[Budget]]:
    async def work() -> tuple[Curated, list[Budget]]:
        asked = shared_models(models, settings)
        try:
            result = await acurate(plan, raw, [Judge(one) for one in asked], progress)
        except BudgetSpent:
            await gather(one.drain() for one in asked)  # requests in flight are paid for: store their answers
            raise
        return result, [one.ledger for one in asked]

    return background_loop.run(work())


def _names(models: Sequence[str], skip: bool) -> list[str]:
    if skip and models:
        raise DataError("--model and --skip-llm-filters exclude each other: no model would be used")
    if not skip and not models:
        raise DataError(
            "two of the filters ask language models: name one or more with --model (the paper took five), "
            "or leave those filters out with --skip-llm-filters"
        )
    names = [one.partition("@http")[0] for one in models]
    if len(set(names)) < len(names):
        raise DataError("name each model once: labels are identified by the model's name")
    if embedded := [one for one in names if one in TRAITS]:
        raise DataError(f"'{embedded[0]}' is the embedded engine: --model expects a language model's name")
    return names


def _tell(raw: Raw, warn: Callable[[str], None]) -> None:
    if raw.problems.summary():
        warn(raw.problems.summary())
    if raw.without_survey:
        people = "1 person" if raw.without_survey == 1 else f"{raw.without_survey:,} people"
        warn(f"The survey has no row for {people}, kept without demographics.")


def _tell_unscored(result: Curated, warn: Callable[[str], None]) -> None:
    for name, account in result.models.items():
        unscored = account["asked"] - account["scored"]
        if unscored:
            why = f"; the first failure: {account['first_error']}" if account["first_error"] else ""
            warn(f"{name}: {unscored:,} of {account['asked']:,} labels are unscored{why}")
