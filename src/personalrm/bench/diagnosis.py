"""Why does a profile not help? Every known failure is checked against other choices of the same person, with a number.

    found = await diagnose(profile, later_choices, endpoint)
    found[0].name, found[0].shown, found[0].measured, found[0].advice

A symptom is shown where its number passes a stated limit, never by a model's opinion. With few choices most of them
cannot be told from chance; differences between arms are therefore given with the probability that they are real.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import gather
from personalrm.preferences import History, Preference
from personalrm.profile.merging import KnownChoices
from personalrm.profile.records import Arm, Profile
from personalrm.stats.position_bias import PositionBias
from personalrm.synthesis.arm_selection import ARMS, advantage
from personalrm.synthesis.fitting import judge_context_for
from personalrm.synthesis.reasoning import reason
from personalrm.synthesis.scoring import Scores, answered_by_all, score

FEW_TRAINING, FEW_VALIDATION = 5, 3
CONTRADICTED = 0.4
"""Share of the cited choices that speak against the claims they are cited for, from which on choices contradict."""
OVER, UNDER = 0.3, 0.3
"""Least share of reasonings that should be verified, and most of the verified ones that the other order may undo."""
MOVED = 0.05
"""Least share of the pairs in which a judge that reads a persona should answer otherwise than without it."""
SURE = 0.8


@dataclass(frozen=True, slots=True)
class Symptom:
    """One way in which a profile can fail.

    Attributes:
        name: of the failure.
        shown: whether its number passes the limit; None where it cannot be measured.
        measured: the number, in words.
        advice: what to do about it.
    """

    name: str
    shown: bool | None
    measured: str
    advice: str


async def diagnose(profile: Profile, choices: History, endpoint: Endpoint | None = None) -> list[Symptom]:
    """Check every known failure, those that are shown first.

    Args:
        profile: what was learned.
        choices: other choices of the same person; ties, and choices that the profile learned from, are left out.
        endpoint: the model that judges; None for a profile of the embedded engine, of which less can be asked.
    """
    learned = KnownChoices(profile.history)
    fresh = [one for one in choices.decided if learned.find(one) is None and one.chosen != one.rejected]
    found = [_too_few(profile), _contradictory(profile)]
    if endpoint is not None:
        arms, unsure = await _arms(endpoint, profile, fresh), await _other_order(endpoint, profile)
        found += [_over_filtered(profile), _under_filtered(*unsure), *_of_arms(profile, arms, fresh)]
    return sorted(found, key=lambda one: (one.shown is not True, one.shown is None))


def _too_few(profile: Profile) -> Symptom:
    training, validation = len(profile.training), len(profile.validation)
    measured, few = f"{training} choices to learn from (at least {FEW_TRAINING} are wanted)", training < FEW_TRAINING
    if profile.reasonings:  # the embedded engine holds nothing back
        measured += f" and {validation} held back (at least {FEW_VALIDATION})"
        few = few or validation < FEW_VALIDATION
    return Symptom(
        "too few choices",
        few,
        measured,
        "add choices with `personalrm update`; choices of several conversations teach more than of one",
    )


def _contradictory(profile: Profile) -> Symptom:
    """The same pair chosen both ways, and claims that the person's own choices contradict."""
    sides = Counter((one.context, one.chosen, one.rejected) for one in profile.history.decided)
    undone = sum((context, rejected, chosen) in sides for context, chosen, rejected in sides) // 2
    claims = profile.persona.claims if profile.persona else ()
    pro, contra = (sum(len(getattr(one, side)) for one in claims) for side in ("supporting", "opposing"))
    against = contra / (pro + contra) if pro + contra else 0.0
    return Symptom(
        "contradictory choices",
        undone > 0 or against >= CONTRADICTED,
        f"{undone} pairs chosen both ways; {against:.0%} of the choices cited for claims speak against them "
        f"(limit {CONTRADICTED:.0%})",
        "look at the opposing choices with `personalrm persona`; if the taste has changed, fit on the newest choices",
    )


def _over_filtered(profile: Profile) -> Symptom:
    verified, all_ = sum(one.verified for one in profile.reasonings), len(profile.reasonings)
    unread = sum(one.predicted is None for one in profile.reasonings)
    return Symptom(
        "over-filtering",
        verified < OVER * all_,
        f"{verified} of {all_} reasonings predicted their choice (at least {OVER:.0%} are wanted)"
        + (f"; {unread} could not be read" if unread else ""),
        "ask for several reasonings of each choice (--samples 3), or fit with a stronger model",
    )


def _under_filtered(undone: int, verified: int) -> Symptom:
    return Symptom(
        "under-filtering",
        undone > UNDER * verified if verified else None,
        f"{undone} of {verified} verified reasonings predict the other response when the two change places "
        f"(at most {UNDER:.0%} may)",
        "fit with --both-orders: a reasoning then counts only if it holds in both",
    )


async def _other_order(endpoint: Endpoint, profile: Profile) -> tuple[int, int]:
    """How many verified reasonings do not hold in both orders, and how many are verified."""
    verified = [profile.choice(one.choice) for one in profile.reasonings if one.verified]
    again = await reason(endpoint, verified, seed=profile.seed, both_orders=True)
    return sum(not one.verified for one in again), len(verified)


async def _arms(endpoint: Endpoint, profile: Profile, fresh: Sequence[Preference]) -> Mapping[Arm, Scores]:
    """How each arm that there is does on the new choices."""
    wanted: list[Arm] = [arm for arm in ARMS if "persona" not in arm or profile.persona is not None]
    verdicts = profile.options.verdicts
    scores = await gather(score(endpoint, judge_context_for(profile, arm), fresh, verdicts, 0) for arm in wanted)
    return dict(zip(wanted, scores, strict=True))


def _of_arms(profile: Profile, arms: Mapping[Arm, Scores], fresh: Sequence[Preference]) -> list[Symptom]:
    """What the arms against each other say of the persona, and of the prompt around it."""
    return [
        _by_position(arms),
        _poor_persona(profile, arms, fresh),
        _unread(arms),
        _pulling_apart(profile, arms, fresh),
    ]


def _by_position(arms: Mapping[Arm, Scores]) -> Symptom:
    """A judge that names the same place in both orders has read neither response."""
    advice = "the model judges by the place of a response: take another one, or --verdicts reasoned"
    found = sum((one.position for one in arms.values()), PositionBias())
    if not found.pairs:
        return Symptom("position bias", None, "no pair was read in both orders", advice)
    return Symptom("position bias", found.decides, str(found), advice)


def _poor_persona(profile: Profile, arms: Mapping[Arm, Scores], fresh: Sequence[Preference]) -> Symptom:
    advice = "correct the persona by hand or fit with a stronger model; the demonstrations can be used without it"
    worse = _worse(arms, "persona", "default", fresh, profile.seed)
    if worse is None:
        return Symptom("poor persona", None, "there is no persona, or no new choice to try it on", advice)
    return Symptom("poor persona", worse[0] >= SURE, worse[1], advice)


def _pulling_apart(profile: Profile, arms: Mapping[Arm, Scores], fresh: Sequence[Preference]) -> Symptom:
    advice = "use the better of the two alone; a fit with more choices decides that by itself"
    worse = _worse(arms, "persona+demonstrations", "demonstrations", fresh, profile.seed)
    if worse is None:
        return Symptom("persona and demonstrations disagree", None, "one of the two is not there", advice)
    return Symptom("persona and demonstrations disagree", worse[0] >= SURE, worse[1], advice)


def _unread(arms: Mapping[Arm, Scores]) -> Symptom:
    """A judge that answers the same with and without a persona does not go by it."""
    advice = "the model ignores the persona: take one that follows instructions better, or --verdicts reasoned"
    with_, without = arms.get("persona", Scores()).probabilities, arms["default"].probabilities
    known = [(with_[one], without[one]) for one in with_ if with_[one] is not None and without.get(one) is not None]
    if not known:
        return Symptom("persona and prompt misaligned", None, "there is no persona, or no readable verdict", advice)
    moved = sum(((one or 0.0) > 0.5) != ((other or 0.0) > 0.5) for one, other in known)
    return Symptom(
        "persona and prompt misaligned",
        moved < MOVED * len(known),
        f"the persona turns {moved} of {len(known)} verdicts (at least {MOVED:.0%} are wanted)",
        advice,
    )


def _worse(
    arms: Mapping[Arm, Scores], one: Arm, other: Arm, fresh: Sequence[Preference], seed: int
) -> tuple[float, str] | None:
    """How probable it is that an arm has the higher log loss, and the figures in words; None if not measured."""
    if one not in arms or other not in arms:
        return None
    common = answered_by_all((arms[one], arms[other]))
    ours, theirs = arms[one].only(common), arms[other].only(common)
    if not ours.scored or not theirs.scored:
        return None
    probable = advantage(theirs, ours, fresh, seed)
    return probable, (
        f"log loss {ours.log_loss:.3f} with {one}, {theirs.log_loss:.3f} with {other} on the "
        f"{ours.scored} new choices that both answered; worse with probability {probable:.0%} (limit {SURE:.0%})"
    )
