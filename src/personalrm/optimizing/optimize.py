"""The whole run: sample people, prepare them once, run an optimiser, evaluate the best candidate on held-out people.

found, ledgers = optimize("prism.jsonl.gz", OptimizationConfig("gepa", people=40, …), "gpt-4o-mini", None, …)
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
from personalrm.optimizing.people import LEAST, PreparedPerson, draw, fingerprint_of, prepare
from personalrm.optimizing.prompt_file import SCHEMA, DataSummary, HoldoutScores, PromptFile
from personalrm.optimizing.trials import MIXING, Progress, Trials
from personalrm.preferences import History
from personalrm.privacy import refuse_mixing
from personalrm.profile.options import VerdictMode
from personalrm.renamed import RenamedAttribute, renamed, renamed_arguments
from personalrm.synthesis.guard import Guard

SINGLY: dict[Optimizer, int] = {"miprov2": 0, "gepa": 3}
"""Number of people that an optimiser tries a candidate on before it decides whether to try it on all."""


@dataclass(frozen=True, slots=True)
class OptimizationConfig:
    """Configuration of a run.

    Attributes:
        optimizer: proposes and searches instructions.
        people: maximum people to sample.
        holdout: share of held-out people, in (0, 1).
        candidates: number of candidate instructions.
        seed: random seed.
        verdicts: how choices are judged.
        accept_best: choose the best candidate in training even without a significant gain.
        private: refuse an optimiser that puts several people's words into one prompt (`personalrm.privacy`).
    """

    optimizer: Optimizer
    people: int = 40
    holdout: float = 0.5
    candidates: int = 8
    seed: int = 0
    verdicts: VerdictMode = "token"
    accept_best: bool = False
    private: bool = False

    held_back = RenamedAttribute("holdout")
    trials = RenamedAttribute("candidates")
    keep_anyway = RenamedAttribute("accept_best")


_accepting_old_names = renamed_arguments(held_back="holdout", trials="candidates", keep_anyway="accept_best")
OptimizationConfig.__init__ = _accepting_old_names(OptimizationConfig.__init__)  # type: ignore[method-assign]


@renamed_arguments(tell="report")
def optimize(
    data: Given,
    plan: OptimizationConfig,
    model: str,
    proposer: str | None,
    settings: EndpointOptions,
    reading: ReadOptions,
    report: Progress,
) -> tuple[PromptFile, list[Budget]]:
    """Find a better persona instruction; returns the result and the budget spent for each model.

    Args:
        data: a file of choices of several people.
        plan: the configuration.
        model: writes personas and judges, NAME or NAME@URL.
        proposer: proposes instructions; None takes ``model``.
        settings: of the endpoint; limits apply to each model.
        reading: how the file is read.
        report: called with the work in progress.

    Raises:
        PrivacyRefused: a private plan, or environment, with an optimiser of `MIXING`; before anything is read.
        MissingExtra: DSPy is not installed.
        DataError, NotEnoughChoices: the data cannot be used.
        EndpointError, BudgetSpent, StorageError: from model calls; all answers so far are in the cache.
    """
    if plan.optimizer in MIXING:
        refuse_mixing(MIXING[plan.optimizer], private=plan.private)
    names = list(dict.fromkeys([model, proposer or model]))
    if set(names) & set(TRAITS):
        raise DataError(f"'{TRAITS[0]}' is the embedded engine, which takes no prompt: name a language model")
    if not 0 < plan.holdout < 1:
        raise DataError(f"--holdout: expected a share between 0 and 1, found {plan.holdout}")
    check_installed()
    training, held = draw(source(data, reading)(), plan.people, plan.holdout, plan.seed)
    models = background_loop.run(_connected(names, settings))
    try:
        found = _run(name_of(data), plan, models[0], models[-1], training, held, report)
    finally:
        ledgers = [one.ledger for one in models]
    return found, ledgers


async def _connected(names: Sequence[str], settings: EndpointOptions) -> list[LanguageModel]:
    return shared_models(names, settings)


def _run(
    name: str,
    plan: OptimizationConfig,
    model: Endpoint,
    proposer: Endpoint,
    training: Sequence[History],
    held: Sequence[History],
    report: Progress,
) -> PromptFile:
    learned, measured = _ready(model, training, plan, report), _ready(model, held, plan, report)
    trials = Trials(model, learned, Guard.of(training), plan.verdicts, plan.seed, report, SINGLY[plan.optimizer])
    drive(plan.optimizer, trials, proposer, plan.candidates, plan.seed, private=plan.private)
    best = trials.best()
    scores = background_loop.run(_measure(model, trials.shipped, best, measured, plan, report))
    chosen = best if plan.accept_best or comparing.is_better(scores) else trials.shipped
    left_out = len(training) + len(held) - len(learned) - len(measured)
    return PromptFile(
        schema=SCHEMA,
        prompt=chosen,
        chosen=trials.number(chosen),
        best=trials.number(best),
        verdict=comparing.verdict(scores, kept_anyway=plan.accept_best),
        optimizer=plan.optimizer,
        model=model.model,
        proposer=proposer.model,
        verdicts=plan.verdicts,
        seed=plan.seed,
        trials=plan.candidates,
        versions=versions(),
        prompts=_prompt_hashes(plan),
        data=DataSummary(name, fingerprint_of([*training, *held]), len(learned), len(measured), left_out),
        scores=scores,
        lineage=trials.lineage(),
    )


def _prompt_hashes(plan: OptimizationConfig) -> dict[str, str]:
    """Hashes of the shipped prompts that are used."""
    names = ("persona", "persona_format", "past_choices", "reasoning", "system", f"verdict_{plan.verdicts}")
    return {name: prompts.hashes()[name] for name in names}


def _ready(
    model: Endpoint, people: Sequence[History], plan: OptimizationConfig, report: Progress
) -> list[PreparedPerson]:
    """The people with their reasonings; NotEnoughChoices if too few have a verified one."""
    ready = background_loop.run(prepare(model, people, plan.seed, report))
    if len(ready) < LEAST:
        raise NotEnoughChoices(
            f"for {len(people) - len(ready)} of {len(people)} people no reasoning predicted a choice, so no persona "
            "can be written for them: use more people (--people) or another model"
        )
    return ready


async def _measure(
    model: Endpoint,
    shipped: str,
    best: str,
    people: Sequence[PreparedPerson],
    plan: OptimizationConfig,
    report: Progress,
) -> HoldoutScores:
    """Scores of both prompts on the held-out people; of the shipped one only if it is the best."""
    theirs = await comparing.outcomes(model, shipped, people, plan.verdicts, plan.seed, report)
    if best == shipped:
        return comparing.compared(theirs, None, plan.seed)
    ours = await comparing.outcomes(model, best, people, plan.verdicts, plan.seed, report)
    return comparing.compared(theirs, ours, plan.seed)


__getattr__ = renamed(__name__, {"Plan": "OptimizationConfig"})
