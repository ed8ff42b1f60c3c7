"""Fallback: does what was learned help this person, and how sure is that with so few choices?

Four arms, simplest first (default, persona, demonstrations, both), are compared by log loss on the same validation
choices: those that all of them answered, so that silence on hard ones wins nothing; what each left unanswered is
counted. Of the arms that beat the plain judge with `SURE` probability the lowest log loss wins, of ties the one that
answered more, then the simplest; if there is none, the plain judge stays: a persona that does not help is not used.
(SynthesizeMe's own ablation, 2506.05598: persona alone 53.70 against 56.69 for the default judge.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from personalrm.preferences import Preference
from personalrm.profile.records import Arm, ArmScore, ArmSelection
from personalrm.synthesis.scoring import Scores, answered_by_all

ARMS: tuple[Arm, ...] = ("default", "persona", "demonstrations", "persona+demonstrations")
SURE = 0.8
"""How probable an arm's advantage over the plain judge must be; one validation choice alone (0.75) is never enough.

On 150 simulated people each (5 validation choices): with tastes of their own 0.8 gives accuracy .662 (plain judge .598,
the paper's rule .659), without any .679 (plain judge .685, the paper's rule .650). 0.7 gives .669 and .667. With 8
training and 4 validation choices it gains 6.1 points on people with tastes and loses 1.9 on people without; 0.95 would
gain 2.8 and lose 1.0.
"""
TIE = 0.01
"""Log losses nearer than this, in nats a choice, are a tie."""
DRAWS = 4000


def choose(arms: Mapping[Arm, Scores], validation: Sequence[Preference], seed: int) -> ArmSelection:
    """The arm to use.

    Args:
        arms: validation scores of every arm that could be measured.
        validation: the validation choices; choices of one group count together when uncertainty is drawn.
        seed: of the draws.
    """
    answered: dict[Arm, Scores] = {arm: arms[arm] for arm in ARMS if arm in arms and arms[arm].scored}
    common = answered_by_all(answered.values())
    measured = {arm: one.only(common) for arm, one in answered.items()}
    records = arm_scores(arms)
    if not measured:
        return ArmSelection("default", records, None, None, "No arm could be scored on validation.")
    if not common:
        reason = (
            "No validation choice was answered by every arm, so none can be compared: nothing is shown to the judge."
        )
        return ArmSelection("default", records, None, None, reason)
    best = min(measured, key=lambda arm: (measured[arm].sort_key(), ARMS.index(arm)))
    plain = measured.get("default")
    # Every arm must beat the plain judge by itself: two noisy arms must not carry each other past it.
    better = (
        [] if plain is None else [one for one in measured if advantage(measured[one], plain, validation, seed) >= SURE]
    )
    if not better:
        return _explained(next(iter(measured)), best, measured, records, validation, seed)
    lowest = min(measured[one].sort_key() for one in better)
    tied = [one for one in better if measured[one].sort_key() <= lowest + TIE]
    arm = min(tied, key=lambda one: (answered[one].unanswered, ARMS.index(one)))
    return _explained(arm, best, measured, records, validation, seed)


def arm_scores(arms: Mapping[Arm, Scores]) -> dict[Arm, ArmScore]:
    """Every arm as the profile keeps it, on the choices that all of them answered."""
    common = answered_by_all(arms.values())
    found = {arm: (one.only(common), one.unanswered) for arm, one in arms.items()}
    return {arm: ArmScore(one.log_loss, one.accuracy, one.scored, left) for arm, (one, left) in found.items()}


def advantage(ours: Scores, theirs: Scores, validation: Sequence[Preference], seed: int) -> float:
    """Probability that ``ours`` has the lower expected log loss.

    Bayesian bootstrap over groups. Two pseudo-groups, one for and one against, each as large as the mean difference,
    stand for what is known beforehand: five choices that all agree are then worth 98 %, not 100 %.
    """
    mine, other = ours.losses, theirs.losses
    groups: dict[str, list[float]] = {}
    for choice in validation:
        if choice.id in mine and choice.id in other:
            groups.setdefault(choice.group, []).append(other[choice.id] - mine[choice.id])
    if not groups:
        return 0.5
    totals = np.array([sum(differences) for differences in groups.values()])
    size = float(np.mean(np.abs(totals)))
    if size == 0.0:
        return 0.5
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(totals) + 2), DRAWS)
    return float(np.mean(weights @ np.append(totals, [size, -size]) > 0))


def _explained(
    chosen: Arm,
    best: Arm,
    measured: Mapping[Arm, Scores],
    records: Mapping[Arm, ArmScore],
    validation: Sequence[Preference],
    seed: int,
) -> ArmSelection:
    """The choice with its gain and a sentence on why."""
    count = measured[chosen].scored
    if "default" not in measured:
        return ArmSelection(
            chosen, records, None, None, f"The plain judge is unscored; {_name(chosen).lower()} could be read."
        )
    gain = measured[chosen].gain_over(measured["default"])
    if chosen == "default":
        sure = advantage(measured[best], measured["default"], validation, seed)
        why = "no personalised arm had a lower log loss"
        if best != "default":
            why = f"{_name(best).lower()} had the lowest log loss, but with {count} choices only {percent(sure)} surely"
        return ArmSelection(
            chosen, records, 0.0, None if best == "default" else 1.0 - sure, f"Not personalised: {why}."
        )
    sure = advantage(measured[chosen], measured["default"], validation, seed)
    reason = (
        f"{_name(chosen)} lowered the validation log loss by {gain or 0.0:.3f} against the plain judge; "
        f"with {count} validation choices it is {percent(sure)} sure that this is a real gain."
    )
    return ArmSelection(chosen, records, gain, sure, reason)


def percent(probability: float) -> str:
    """A probability in words that never claim certainty."""
    return "over 99%" if probability > 0.99 else f"{probability:.0%}"


def _name(arm: Arm) -> str:
    return {
        "default": "The plain judge",
        "persona": "The persona",
        "demonstrations": "The demonstrations",
        "persona+demonstrations": "Persona and demonstrations",
    }[arm]
