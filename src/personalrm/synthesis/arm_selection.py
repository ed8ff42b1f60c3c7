"""Arm selection: whether personalisation helps one user, measured on few validation choices.

Four arms, simplest first (default, persona, demonstrations, both), are compared by log loss on the validation choices
that all of them answered, so that an arm gains nothing by leaving hard choices unanswered; unanswered choices are
counted per arm. Among the arms whose `advantage` over the plain judge is at least `SURE`, the lowest log loss wins; on
a tie the arm with more answers, then the simpler one. If there is none, the plain judge is kept: a persona that does
not help is not used. (SynthesizeMe's own ablation, arXiv 2506.05598: persona alone 53.70 against 56.69 for the default
judge.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from personalrm.formatting.texts import counted
from personalrm.preferences import Preference
from personalrm.profile.records import Arm, ArmScore, ArmSelection
from personalrm.synthesis.scoring import Scores, answered_by_all

ARMS: tuple[Arm, ...] = ("default", "persona", "demonstrations", "persona+demonstrations")
SURE = 0.8
"""Minimum `advantage` over the plain judge; a single validation choice (0.75) is never enough.

It is a threshold, not a probability to report: gains of language models have not been calibrated on people.

On 150 simulated people each (5 validation choices): with personal tastes 0.8 gives accuracy .662 (plain judge .598,
the paper's rule .659), without any .679 (plain judge .685, the paper's rule .650). 0.7 gives .669 and .667. With 8
training and 4 validation choices it gains 6.1 points on people with tastes and loses 1.9 on people without; 0.95 would
gain 2.8 and lose 1.0.
"""
TIE = 0.01
"""Log losses that differ by less than this, in nats per choice, are a tie."""
DRAWS = 4000


def choose(arms: Mapping[Arm, Scores], validation: Sequence[Preference], seed: int) -> ArmSelection:
    """Return the selected arm with its gain and the reason.

    Args:
        arms: validation scores of every arm that could be measured.
        validation: the validation choices; choices of one group are resampled together.
        seed: seed of the bootstrap.
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
        return _explained(next(iter(measured)), best, measured, records)
    lowest = min(measured[one].sort_key() for one in better)
    tied = [one for one in better if measured[one].sort_key() <= lowest + TIE]
    arm = min(tied, key=lambda one: (answered[one].unanswered, ARMS.index(one)))
    return _explained(arm, best, measured, records)


def arm_scores(arms: Mapping[Arm, Scores]) -> dict[Arm, ArmScore]:
    """Return every arm's scores as stored in the profile, on the choices that all arms answered."""
    common = answered_by_all(arms.values())
    found = {arm: (one.only(common), one.unanswered) for arm, one in arms.items()}
    return {arm: ArmScore(one.log_loss, one.accuracy, one.scored, left) for arm, (one, left) in found.items()}


def advantage(ours: Scores, theirs: Scores, validation: Sequence[Preference], seed: int) -> float:
    """Return the share of bootstrap draws in which ``ours`` has the lower mean log loss, in [0, 1].

    Bayesian bootstrap over groups. Two pseudo-groups, one in favour and one against, each with the size of the mean
    difference, act as the prior: five choices that all agree then give 98 %, not 100 %.
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
    return float(np.mean(_weights(seed, len(totals) + 2) @ np.append(totals, [size, -size]) > 0))


@lru_cache(maxsize=8)  # the people of one run share the seed, and many of them the number of groups
def _weights(seed: int, groups: int) -> np.ndarray:
    weights = np.random.default_rng(seed).dirichlet(np.ones(groups), DRAWS)
    weights.setflags(write=False)
    return weights


def _explained(
    chosen: Arm,
    best: Arm,
    measured: Mapping[Arm, Scores],
    records: Mapping[Arm, ArmScore],
) -> ArmSelection:
    """The selection with its gain and one sentence of explanation."""
    if "default" not in measured:
        return ArmSelection(
            chosen, records, None, None, f"The plain judge is unscored; {_name(chosen).lower()} could be read."
        )
    plain, gain = measured["default"], measured[chosen].gain_over(measured["default"])
    if chosen == "default":
        why = "no personalised arm had a lower log loss"
        if best != "default":
            why = (
                f"{_name(best).lower()} had the lowest log loss and was better on {_wins(measured[best], plain)}, too "
                "few to rely on"
            )
        return ArmSelection(chosen, records, 0.0, None, f"Not personalised: {why}.")
    reason = (
        f"{_name(chosen)} lowered the validation log loss by {gain or 0.0:.3f} per choice against the plain judge "
        f"and was better on {_wins(measured[chosen], plain)}. How often such a gain holds for later choices has not "
        "been measured on people: test it with `personalrm evaluate`."
    )
    return ArmSelection(chosen, records, gain, None, reason)


def _wins(ours: Scores, theirs: Scores) -> str:
    """ "3 of 5 …": the choices scored by both on which ``ours`` has the lower log loss."""
    both = [(loss, theirs.losses[choice]) for choice, loss in ours.losses.items() if choice in theirs.losses]
    return f"{sum(mine < other for mine, other in both)} of {counted(len(both), 'held-out choice')}"


def _name(arm: Arm) -> str:
    return {
        "default": "The plain judge",
        "persona": "The persona",
        "demonstrations": "The demonstrations",
        "persona+demonstrations": "Persona and demonstrations",
    }[arm]
