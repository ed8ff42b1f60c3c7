"""The whole run: draw people, prepare them once, let an optimiser try candidates, measure the best on people held back.

found, ledgers = optimize("prism.jsonl.gz", Plan("gepa", people=40, …), "gpt-4o-mini", None, EndpointOptions(), …)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from personalrm import prompts
from personalrm.data.files import name_of
from personalrm.data.inputs import Given
from personalrm.data.sources import ReadOptions, source
from personalrm.errors import DataError, NotEnoughChoices
from personalrm.llm import background_loop
from personalrm.llm.connect import EndpointOptions, shared_models
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.language_model import LanguageModel
from personalrm.llm.ledger import Budget
from personalrm.models.registry import TRAITS
from personalrm.optimizing import comparing
from personalrm.optimizing.driving import Optimizer, check_installed, drive, versions
from personalrm.optimizing.people import LEAST, Prepared, draw, fingerprint_of, prepare
from personalrm.optimizing.prompt_file import SCHEMA, Data, Held, PromptFile
from personalrm.optimizing.trials import Progress, Trials
from personalrm.preferences import History
from personalrm.profile.options import VerdictMode
from personalrm.synthesis.guard import Guard

SINGLY: dict[Optimizer, int] = {"miprov2": 0, "gepa": 3}
"""People that an optimiser tries a candidate on before it decides whether to try it on all."""

MIXING: dict[Optimizer, str] = {
    "gepa": "the optimiser 'gepa' reflects upon the personas of several people in one prompt",
}
"""Optimisers that put several people's words into one prompt, and how."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    Attributes:
        optimizer: who proposes and searches.
        people: people to draw.
        held_back: share of them to measure on, in (0, 1).
        trials: candidate instructions to propose.
        seed: of everything that is drawn.
        verdicts: how choices are judged.
        keep_anyway: choose the candidate that is best in training even if no gain is shown.
    """

    optimizer: Optimizer
    people: int = 40
    held_back: float = 0.5
    trials: int = 8
    seed: int = 0
    verdicts: VerdictMode = "token"
    keep_anyway: bool = False


def optimize(
    data: Given,
    plan: Plan,
    model: str,
    proposer: str | None,
    settings: EndpointOptions,
    reading: ReadOptions,
    tell: Progress,
) -> tuple[PromptFile, list[Budget]]:
    """Find a better persona prompt; gives what was found and what each model was asked.

    Args:
        data: a file of choices of several people.
        model: who writes personas and judges, NAME or NAME@URL.
        proposer: who proposes instructions; None takes ``model``.
        settings: how they are asked; limits count for each.

    Raises:
        MissingExtra: DSPy is not installed.
        DataError, NotEnoughChoices: the data cannot be used for this.
        EndpointError, BudgetSpent, StorageError: from asking; all answers so far are in the cache.
    """
    names = list(dict.fromkeys([model, proposer or model]))
    if set(names) & set(TRAITS):
        raise DataError(f"'{TRAITS[0]}' is the embedded engine and follows no prompt: name a language model")
    if not 0 < plan.held_back < 1:
        raise DataError(f"--holdout: expected a share between 0 and 1, found {plan.held_back}")
    check_installed()
    training, held = draw(source(data, reading)(), plan.people, plan.held_back, plan.seed)
    models = background_loop.run(_connected(names, settings))
    try:
        found = _run(name_of(data), plan, models[0], models[-1], training, held, tell)
    finally:
        ledgers = [one.ledger for one in models]
    return found, ledgers


async def _connected(names: Sequence[str], settings: EndpointOptions) -> list[LanguageModel]:
    return shared_models(names, settings)


def _run(
    name: str,
    plan: Plan,
    model: Endpoint,
    proposer: Endpoint,
    training: Sequence[History],
    held: Sequence[History],
    tell: Progress,
) -> PromptFile:
    learned, measured = _ready(model, training, plan, tell), _ready(model, held, plan, tell)
    trials = Trials(model, learned, Guard.of(training), plan.verdicts, plan.seed, tell, SINGLY[plan.optimizer])
    drive(plan.optimizer, trials, proposer, plan.trials, plan.seed)
    best = trials.best()
    scores = background_loop.run(_measure(model, trials.shipped, best, measured, plan, tell))
    chosen = best if plan.keep_anyway or comparing.is_better(scores) else trials.shipped
    left_out = len(training) + len(held) - len(learned) - len(measured)
    return PromptFile(
        schema=SCHEMA,
        prompt=chosen,
        chosen=trials.number(chosen),
        best=trials.number(best),
        verdict=comparing.verdict(scores, kept_anyway=plan.keep_anyway),
        optimizer=plan.optimizer,
        model=model.model,
        proposer=proposer.model,
        verdicts=plan.verdicts,
        seed=plan.seed,
        trials=plan.trials,
        versions=versions(),
        prompts=_asked_with(plan),
        data=Data(name, fingerprint_of([*training, *held]), len(learned), len(measured), left_out),
        scores=scores,
        lineage=trials.lineage(),
    )


def _asked_with(plan: Plan) -> dict[str, str]:
    """Hashes of the shipped prompts that take part."""
    names = ("persona", "persona_format", "past_choices", "reasoning", "system", f"verdict_{plan.verdicts}")
    return {name: prompts.hashes()[name] for name in names}


def _ready(model: Endpoint, people: Sequence[History], plan: Plan, tell: Progress) -> list[Prepared]:
    """The people with their reasonings; NotEnoughChoices if too few are left of whom a persona could be written."""
    ready = background_loop.run(prepare(model, people, plan.seed, tell))
    if len(ready) < LEAST:
        raise NotEnoughChoices(
            f"no reasoning of {len(people) - len(ready)} of {len(people)} people foresaw a choice, so no persona can "
            "be written of them: take more people (--people) or another model"
        )
    return ready


async def _measure(
    model: Endpoint, shipped: str, best: str, people: Sequence[Prepared], plan: Plan, tell: Progress
) -> Held:
    """Both prompts on the people held back; the shipped one alone where it is the best."""
    theirs = await comparing.outcomes(model, shipped, people, plan.verdicts, plan.seed, tell)
    if best == shipped:
        return comparing.compared(theirs, None, plan.seed)
    ours = await comparing.outcomes(model, best, people, plan.verdicts, plan.seed, tell)
    return comparing.compared(theirs, ours, plan.seed)
