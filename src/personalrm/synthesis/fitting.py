"""From a history to a Profile: split, learn with the preset, record what was learned.

profile = await fit(endpoint, history, Options())
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from personalrm import __version__, prompts
from personalrm.data.splits import Split, split
from personalrm.errors import NotEnoughChoices, UnusableResponse
from personalrm.formatting.texts import counted
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import bounded_map
from personalrm.llm.language_model import UsageMeter
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.profile.provenance import fingerprint_of_history
from personalrm.profile.records import Arm, ArmSelection, Demonstration, JudgeState, Profile, Reasoning
from personalrm.profile.spend import Spend
from personalrm.synthesis import demonstrations as stage
from personalrm.synthesis import frugal, released_algorithm, successive_halving
from personalrm.synthesis.first_stages import drop_identical_pairs, reason_and_write_persona
from personalrm.synthesis.fit_result import FitResult
from personalrm.synthesis.judging import FewShotExample, JudgeContext
from personalrm.synthesis.notes import remarks
from personalrm.synthesis.persona import persona_text

AT_ONCE = 24
"""People fitted at the same time. One has 11 requests in flight on average, so 24 keep 64 places busy to the end."""


Learning = Callable[[Endpoint, Split, Options, Mapping[str, Reasoning]], Awaitable[FitResult]]


@dataclass(frozen=True, slots=True)
class Unlearnable:
    """A user whose profile could not be learned, and why."""

    user: str
    reason: str


async def fit(
    endpoint: Endpoint, history: History, options: Options, known: Mapping[str, Reasoning] | None = None
) -> Profile:
    """Learn one user's profile.

    Args:
        endpoint: the language model.
        history: the user's choices, oldest first; ties are kept in the profile but not learned from.
        options: preset and details.
        known: reasonings of an earlier fit by choice id, which are not requested again.

    Raises:
        NotEnoughChoices: every choice is a tie.
        UnusableResponse: no answer of the model can be read as a choice.
        EndpointError, BudgetSpent, StorageError: from the endpoint; all answers so far are in the cache.
    """
    learnable = drop_identical_pairs(history)
    if not learnable.decided:
        raise NotEnoughChoices(f"{history.user} has no decided choice among {len(history)}: nothing to learn from")
    began = time.perf_counter()
    meter = UsageMeter(endpoint)
    parts = split(learnable, options.validation, options.seed)
    learn = _learning(parts, options)
    learned = await learn(meter, parts, options, known or {})
    _check_readable(learned, meter)
    learned = replace(learned, notes=tuple(_of_the_host(learned, meter)))
    spend = replace(meter.spend(), seconds=round(time.perf_counter() - began, 3))
    return _profile(endpoint.model, history, parts, options, learned, spend)


async def fit_people(
    endpoint: Endpoint, people: Iterable[History], options: Options, at_once: int = AT_ONCE
) -> AsyncIterator[Profile | Unlearnable]:
    """Yield profiles of many users as they become ready, with ``at_once`` users fitted at the same time.

    No more than ``at_once`` users are held in memory. A user who cannot be learned from (no decided choice, no readable
    answer) is yielded as `Unlearnable`; errors that affect every user (wrong key, unreachable host, spent budget, full
    disk) end the run and are raised.
    """

    async def one(history: History) -> Profile | Unlearnable:
        try:
            return await fit(endpoint, history, options)
        except (NotEnoughChoices, UnusableResponse) as error:
            return Unlearnable(history.user, str(error))

    async for learned in bounded_map(one, people, at_once):
        yield learned


def judge_context_of(profile: Profile) -> JudgeContext:
    """Return the judge's context for this user, as the selected arm shows it."""
    return judge_context_for(profile, profile.fallback.chosen)


def judge_context_for(profile: Profile, arm: Arm) -> JudgeContext:
    """Return the judge's context for this user as the given arm shows it, whether or not it was selected."""
    persona = persona_text(profile.persona) if profile.persona is not None and "persona" in arm else None
    shown: tuple[FewShotExample, ...] = ()
    if "demonstrations" in arm:
        shown = tuple(FewShotExample(choice, one.reasoning) for one, choice in profile.demonstrated())
    return JudgeContext(shown, persona, profile.seed)


def _learning(parts: Split, options: Options) -> Learning:
    """The learning function for this user's split and preset."""
    if not options.selection:
        return _unselected
    if not parts.validation.choices:
        return _unvalidated
    presets = {"paper": released_algorithm.learn, "frugal": frugal.learn, "default": successive_halving.learn}
    return presets[options.preset]


async def _unselected(endpoint: Endpoint, parts: Split, options: Options, known: Mapping[str, Reasoning]) -> FitResult:
    """The ablation without stage 3: every training choice is shown."""
    reasonings, shown, persona = await reason_and_write_persona(endpoint, parts, options, known)
    order = {one.id: place for place, one in enumerate(parts.training.choices)}
    in_order = tuple(sorted(shown, key=lambda one: order[one.choice.id]))
    arm: Arm = "demonstrations" if persona is None else "persona+demonstrations"
    fallback = ArmSelection(
        arm, {}, None, None, "No selection, as requested: all choices are shown, without validation."
    )
    return FitResult(tuple(reasonings), persona, in_order, fallback)


async def _unvalidated(endpoint: Endpoint, parts: Split, options: Options, known: Mapping[str, Reasoning]) -> FitResult:
    """All choices belong to one group, so none can be held out for validation."""
    training = parts.training.decided
    reasonings, shown, persona = await reason_and_write_persona(endpoint, parts, options, known)
    why = (
        f"Not validated: {'all' if len(training) > 1 else 'the'} {_count(len(training))} "
        f"{'belong to one conversation' if len(training) > 1 else 'is the only one'}, so none could be held out. The "
        "selected choices are shown to the judge without validation; the persona is not used."
    )
    fallback = ArmSelection("demonstrations", {}, None, None, why)
    return FitResult(tuple(reasonings), persona, stage.candidate_sets(shown)[-1], fallback)


def _count(choices: int) -> str:
    return f"{choices} choices" if choices > 1 else "one choice"


def _check_readable(learned: FitResult, meter: UsageMeter) -> None:
    read = any(one.predicted for one in learned.reasonings) or any(one.scored for one in learned.fallback.arms.values())
    if not read and meter.refused and not meter.calls + meter.cached:
        why = next((one.text for one in learned.reasonings if one.text), "no reason given")
        raise UnusableResponse(f"all {counted(meter.refused, 'question')} were refused: {' '.join(why.split())[:300]}")
    if not read:
        sample = " ".join(learned.reasonings[0].text.split())[:80] if learned.reasonings else ""
        said = f" (one of them: '{sample}')" if sample else ""
        refused = f"; {meter.refused} questions were refused" if meter.refused else ""
        raise UnusableResponse(
            f"{meter.model} answers, but none of its {meter.calls + meter.cached} answers could be read as a choice"
            f"{said}{refused}; try another model"
        )


def _of_the_host(learned: FitResult, meter: UsageMeter) -> Iterator[str]:
    """Problems at the host during the fit, as notes for the reader of the profile."""
    if learned.position.decides:
        yield f"The judge answers by position, not by what the responses say: {learned.position}."
    if meter.refused:
        yield f"{counted(meter.refused, 'question')} refused by the host (too long, or its content filter): unscored."
    if meter.cut:
        yield f"{counted(meter.cut, 'answer')} stayed cut off; --max-tokens allows more."


def _in_both_orders(learned: FitResult) -> dict[Arm, dict[str, float]]:
    """P(chosen) by arm and choice id, for the validation choices that were read in both orders."""
    found = {
        arm: {one: p for one, p in scores.probabilities.items() if p is not None and one in scores.orders}
        for arm, scores in learned.arms.items()
    }
    return {arm: answers for arm, answers in found.items() if answers}


def _profile(model: str, history: History, parts: Split, options: Options, learned: FitResult, spend: Spend) -> Profile:
    notes = list(remarks(history))
    notes += learned.notes
    if learned.persona is None:
        verified = sum(one.verified for one in learned.reasonings)
        notes.append(
            f"No persona: {verified} of {len(learned.reasonings)} reasonings predicted the choice they explain."
            if learned.reasonings and not verified
            else "No persona: nothing of what the model wrote was supported by the choices."
        )
    return Profile(
        user=history.user,
        model=model,
        history=history,
        training=tuple(one.id for one in parts.training.decided),
        validation=tuple(one.id for one in parts.validation),
        persona=learned.persona,
        demonstrations=tuple(
            Demonstration(one.choice.id, one.why, learned.worth.get(one.choice.id)) for one in learned.demonstrations
        ),
        fallback=learned.fallback,
        fingerprint=fingerprint_of_history(history),
        options=options,
        engine=JudgeState(learned.reasonings, learned.candidates, prompts.hashes(), _in_both_orders(learned)),
        notes=tuple(notes),
        spend=spend,
        personalrm=__version__,
    )
