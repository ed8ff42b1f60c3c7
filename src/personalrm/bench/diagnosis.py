"""Diagnoses why a profile does not help: checks known failures on other choices of the same person.

    found = await diagnose(profile, later_choices, endpoint)
    found[0].name, found[0].shown, found[0].measured, found[0].advice

A symptom is shown if its measured value passes a fixed limit; no model's opinion is used. With few choices most
symptoms cannot be distinguished from chance, so differences are tested by conversation, and only significant ones are
shown. If no choice is new, that is the first symptom, because most others then cannot be measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personalrm.bench.answers import nothing_scored
from personalrm.formatting.texts import counted
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import gather
from personalrm.preferences import History, Preference
from personalrm.profile.merging import KnownChoices
from personalrm.profile.records import Arm, Profile, Reasoning
from personalrm.stats.intervals import paired
from personalrm.stats.position_bias import PositionBias
from personalrm.synthesis.arm_selection import ARMS
from personalrm.synthesis.fitting import judge_context_for
from personalrm.synthesis.reasoning import reason
from personalrm.synthesis.scoring import Scores, score

FEW_TRAINING, FEW_VALIDATION = 5, 3
CONTRADICTED = 0.4
"""Share of cited choices that contradict their claim, from which on the choices count as contradictory."""
OVER, UNDER = 0.3, 0.3
"""Minimum share of verified reasonings, and maximum share of verified ones that fail in the other order."""
MOVED = 0.05
"""Minimum share of pairs in which a persona should change the judge's verdict."""
_REASON = 300
NO_ANSWERS = "no usable answers"
"""Name of the symptom that a model's answers could all not be used."""
CHANCE = 0.05
"""Significance level of a difference on the new choices (paired, by conversation); it needs six conversations."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """A possible failure of a profile.

    Attributes:
        name: name of the failure.
        shown: whether its value passes the limit; None if it cannot be measured.
        measured: the value, as text.
        advice: what to do.
    """

    name: str
    shown: bool | None
    measured: str
    advice: str


async def diagnose(profile: Profile, choices: History, endpoint: Endpoint | None = None) -> list[Symptom]:
    """Check every known failure; those found come first.

    Args:
        profile: the profile.
        choices: other choices of the same person; ties, and choices that the profile was fitted to, are ignored.
        endpoint: the model that judges; None for the embedded engine, for which fewer checks exist.
    """
    learned = KnownChoices(profile.history)
    fresh = [one for one in choices.decided if learned.find(one) is None and one.chosen != one.rejected]
    found = [_nothing_new(fresh, len(choices)), _too_few(profile), _contradictory(profile)]
    if endpoint is None:
        found += [_changed(_of_weights(profile, fresh))] if profile.traits is not None else []
    else:
        arms, again = await _arms(endpoint, profile, fresh), await _other_order(endpoint, profile)
        found += [_unanswered(arms, again), _over_filtered(profile), _under_filtered(again)]
        found += _of_arms(profile, arms, fresh)
    return sorted(found, key=lambda one: (one.shown is not True, one.shown is None))


def _nothing_new(fresh: Sequence[Preference], given: int) -> Symptom:
    return Symptom(
        "no new choices",
        not fresh,
        f"{counted(len(fresh), 'new choice')} among {given} given (ties and learned choices do not count)",
        "give choices that the profile was not fitted to: only those show whether it helps",
    )


def _too_few(profile: Profile) -> Symptom:
    training, validation = len(profile.training), len(profile.validation)
    measured, few = f"{training} choices to learn from (at least {FEW_TRAINING} are needed)", training < FEW_TRAINING
    if profile.reasonings:  # the embedded engine has no validation split
        measured += f" and {validation} held out (at least {FEW_VALIDATION})"
        few = few or validation < FEW_VALIDATION
    return Symptom(
        "too few choices",
        few,
        measured,
        "add choices with `personalrm update`; choices from several conversations are more informative than from one",
    )


def _contradictory(profile: Profile) -> Symptom:
    """Pairs chosen both ways, and claims that the person's own choices contradict."""
    sides = Counter((one.context, one.chosen, one.rejected) for one in profile.history.decided)
    undone = sum((context, rejected, chosen) in sides for context, chosen, rejected in sides) // 2
    claims = profile.persona.claims if profile.persona else ()
    pro, contra = (sum(len(getattr(one, side)) for one in claims) for side in ("supporting", "opposing"))
    against = contra / (pro + contra) if pro + contra else 0.0
    return Symptom(
        "contradictory choices",
        undone > 0 or against >= CONTRADICTED,
        f"{undone} pairs chosen both ways; {contra} of the {pro + contra} choices cited for claims speak against them "
        f"(limit: a share of {CONTRADICTED:g})",
        "see the opposing choices with `personalrm persona`; if the taste has changed, fit on the newest choices",
    )


def _of_weights(profile: Profile, fresh: Sequence[Preference]) -> _Difference | None:
    """The person's weights against the population's, if they are in use."""
    from personalrm.models.traits import TraitsModel

    if not fresh or profile.fallback.chosen == "default":
        return None
    pairs = [(one.context, one.chosen, one.rejected) for one in fresh]
    own, common = (
        dict(zip((one.id for one in fresh), -np.log(np.maximum(model.compare_many(pairs), 1e-9)), strict=True))
        for model in (TraitsModel.from_profile(profile), TraitsModel.behind_profile(profile))
    )
    return _Difference.of(own, common, fresh, "with the person's own weights", "with the population's")


def _changed(found: _Difference | None) -> Symptom:
    """The person's weights helped when they were fitted, and predict worse now."""
    advice = "fit on the newest choices alone, and compare the two profiles with `personalrm evaluate`"
    if found is None:
        why = "no personal weights are in use, or there is no new choice"
        return Symptom("changed taste", None, why, advice)
    return Symptom("changed taste", found.shown, str(found), advice)


def _over_filtered(profile: Profile) -> Symptom:
    verified, all_ = sum(one.verified for one in profile.reasonings), len(profile.reasonings)
    unread = sum(one.predicted is None for one in profile.reasonings)
    return Symptom(
        "over-filtering",
        verified < OVER * all_,
        f"{verified} of {all_} reasonings predicted their choice (at least a share of {OVER:g} is needed)"
        + (f"; {unread} could not be read" if unread else ""),
        "request several reasonings per choice (--samples 3), or fit with a stronger model",
    )


def _under_filtered(again: Sequence[Reasoning]) -> Symptom:
    undone, verified = sum(not one.verified for one in again), len(again)
    return Symptom(
        "under-filtering",
        undone > UNDER * verified if verified else None,
        f"{undone} of {verified} verified reasonings predict the other response when the two are swapped "
        f"(limit: a share of {UNDER:g})",
        "fit with --both-orders: a reasoning then counts only if it holds in both orders",
    )


async def _other_order(endpoint: Endpoint, profile: Profile) -> list[Reasoning]:
    """The verified reasonings, verified only if they hold in both orders."""
    known = {one.id: one for one in profile.history}
    verified = [known[one.choice] for one in profile.reasonings if one.verified]
    return await reason(endpoint, verified, seed=profile.seed, both_orders=True)


async def _arms(endpoint: Endpoint, profile: Profile, fresh: Sequence[Preference]) -> Mapping[Arm, Scores]:
    """Scores of each available arm on the new choices."""
    wanted: list[Arm] = [arm for arm in ARMS if "persona" not in arm or profile.persona is not None]
    verdicts = profile.options.verdicts
    scores = await gather(score(endpoint, judge_context_for(profile, arm), fresh, verdicts, 0) for arm in wanted)
    return dict(zip(wanted, scores, strict=True))


def _of_arms(profile: Profile, arms: Mapping[Arm, Scores], fresh: Sequence[Preference]) -> list[Symptom]:
    """Symptoms of the persona and of the prompt, from comparing the arms."""
    return [
        _by_position(arms),
        _changed(_of_chosen(profile, arms, fresh)),
        _poor_persona(arms, fresh),
        _unread(arms),
        _pulling_apart(arms, fresh),
    ]


def _unanswered(arms: Mapping[Arm, Scores], again: Sequence[Reasoning]) -> Symptom:
    """A model whose answers cannot be read says nothing about the profile."""
    advice = "use another model or check the host: nothing that needs its verdicts was measured"
    reasons = [why for one in arms.values() for why in one.reasons.values()]
    reasons += [one.text or "no verdict found" for one in again if one.predicted is None]
    asked = sum(one.asked for one in arms.values()) + len(again)
    if not asked:
        return Symptom(NO_ANSWERS, None, "no choice to ask about", advice)
    if len(reasons) == asked:
        return Symptom(NO_ANSWERS, True, nothing_scored((why[:_REASON] for why in reasons), asked), advice)
    return Symptom(NO_ANSWERS, False, f"{asked - len(reasons)} of {counted(asked, 'answer')} could be read", advice)


def _by_position(arms: Mapping[Arm, Scores]) -> Symptom:
    """A judge that prefers the same position in both orders does not depend on the responses."""
    advice = "the model judges by the position of a response: use another model, or --verdicts reasoned"
    found = sum((one.position for one in arms.values()), PositionBias())
    if not found.pairs:
        return Symptom("position bias", None, "no pair has a verdict in both orders", advice)
    return Symptom("position bias", found.decides, str(found), advice)


def _poor_persona(arms: Mapping[Arm, Scores], fresh: Sequence[Preference]) -> Symptom:
    advice = "correct the persona by hand or fit with a stronger model; the demonstrations can be used without it"
    worse = _between(arms, "persona", "default", fresh)
    return _symptom_of("poor persona", worse, "there is no persona, or no new choice", advice)


def _pulling_apart(arms: Mapping[Arm, Scores], fresh: Sequence[Preference]) -> Symptom:
    advice = "use the better of the two alone; a fit with more choices selects it automatically"
    worse = _between(arms, "persona+demonstrations", "demonstrations", fresh)
    return _symptom_of("persona and demonstrations disagree", worse, "there is no persona or no demonstrations", advice)


def _unread(arms: Mapping[Arm, Scores]) -> Symptom:
    """A judge that gives the same verdicts with and without a persona ignores it."""
    advice = "the model ignores the persona: use one that follows instructions better, or --verdicts reasoned"
    with_, without = arms.get("persona", Scores()).probabilities, arms["default"].probabilities
    known = [(with_[one], without[one]) for one in with_ if with_[one] is not None and without.get(one) is not None]
    if not known:
        return Symptom("persona and prompt misaligned", None, "there is no persona or no readable verdict", advice)
    moved = sum(((one or 0.0) > 0.5) != ((other or 0.0) > 0.5) for one, other in known)
    return Symptom(
        "persona and prompt misaligned",
        moved < MOVED * len(known),
        f"the persona changes {moved} of {len(known)} verdicts (at least a share of {MOVED:g} is expected)",
        advice,
    )


def _of_chosen(profile: Profile, arms: Mapping[Arm, Scores], fresh: Sequence[Preference]) -> _Difference | None:
    """The selected arm against the plain judge."""
    chosen = profile.fallback.chosen
    return None if chosen == "default" else _between(arms, chosen, "default", fresh)


def _between(arms: Mapping[Arm, Scores], one: Arm, other: Arm, fresh: Sequence[Preference]) -> _Difference | None:
    """Two arms on the new choices that both answered; None if not measured."""
    if one not in arms or other not in arms:
        return None
    return _Difference.of(arms[one].losses, arms[other].losses, fresh, f"with {one}", f"with {other}")


def _symptom_of(name: str, worse: _Difference | None, missing: str, advice: str) -> Symptom:
    """The symptom that a difference shows; ``missing`` says why it was not measured."""
    if worse is None:
        return Symptom(name, None, missing, advice)
    return Symptom(name, worse.shown, str(worse), advice)


@dataclass(frozen=True, slots=True)
class _Difference:
    """Log loss of two predictors on the new choices; ``p`` is from the paired test by conversation."""

    ours: float
    theirs: float
    names: tuple[str, str]
    p: float
    choices: int
    groups: int

    @classmethod
    def of(
        cls, ours: Mapping[str, float], theirs: Mapping[str, float], fresh: Sequence[Preference], *names: str
    ) -> _Difference | None:
        both = [one for one in fresh if one.id in ours and one.id in theirs]
        if not both:
            return None
        mine, other = (np.array([losses[one.id] for one in both]) for losses in (ours, theirs))
        codes: dict[str, int] = {}
        groups = np.array([codes.setdefault(one.group, len(codes)) for one in both])
        effect = paired(mine, other, groups)
        assert effect is not None
        return cls(float(mine.mean()), float(other.mean()), (names[0], names[1]), effect.p, len(both), len(codes))

    @property
    def shown(self) -> bool:
        """Whether the first one is significantly worse."""
        return self.ours > self.theirs and self.p <= CHANCE

    def __str__(self) -> str:
        return (
            f"log loss {self.ours:.3f} {self.names[0]}, {self.theirs:.3f} {self.names[1]} on "
            f"{counted(self.choices, 'new choice')} of {counted(self.groups, 'conversation')}; p = {self.p:.3f} "
            f"(limit {CHANCE})"
        )
