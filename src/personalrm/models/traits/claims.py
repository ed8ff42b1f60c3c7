"""Claims about one user's preferences: traits that the user weights differently than the population, with evidence.

Besides single traits, the axes on which people differ most are tested ("bullet points over short sentences", `axes`). A
trait is claimed if two null hypotheses are rejected: that the user's choices follow the population's weights, and that
the choices are coin flips with respect to this trait. A trait's p-value is the larger of the two, so it is valid for
either. Over the traits tested, the claims have a false-discovery rate of at most `FDR` (Benjamini & Hochberg 1995).

    found = claims(choices, evidence, covariance)
    found.claims[0].text     # "Prefers answers under 80 words, more than people in general: 11 of 12 choices"
    found.tried              # 19 traits
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from personalrm.formatting.texts import listed
from personalrm.models.traits.axes import along, named_axes
from personalrm.models.traits.features import Array, split_words
from personalrm.models.traits.fit import sigmoid
from personalrm.models.traits.person import Evidence, alone
from personalrm.models.traits.prior import PERSONAL
from personalrm.models.traits.wording import PREFERENCES
from personalrm.preferences import Preference
from personalrm.profile.records import Claim
from personalrm.stats.intervals import benjamini_hochberg

FDR = 0.1
"""Expected share of false claims among a user's claims."""
_DRAWS = 2000  # simulated label vectors per hypothesis; the smallest p-value is 1/2001
_DRAWN = 256  # maximum choices for which the distribution is simulated
_LEAST = 6  # minimum pairs that differ in a trait: with fewer, even unanimous choices give no p-value below 1/32
_MOST = 5  # maximum claims of a persona
_THRESHOLDS = (20, 30, 50, 80, 120, 200, 300, 500, 800)  # words; round numbers for "under 80 words"
_MORE = ", more than people in general"
_SAME = 0.9  # if the choices of two claims agree more than this, only the stronger claim is kept


@dataclass(frozen=True, slots=True)
class Found:
    """Claims of one user, strongest first, and the number of traits tested."""

    claims: tuple[Claim, ...]
    tried: int

    @property
    def summary(self) -> str:
        """All claims in one sentence."""
        said = [one.text.split(f"{_MORE}:")[0].removeprefix("Prefers ") for one in self.claims]
        return f"More than people in general, this person prefers {listed(said)}."


@dataclass(frozen=True, slots=True)
class _Trait:
    """A trait that can be claimed.

    ``values`` (n,): how much more of it the chosen response has; ``side`` (n,): its sign, as shown to readers.
    """

    said: tuple[str, str]
    values: Array
    side: Array


def claims(choices: Sequence[Preference], evidence: Evidence, covariance: Array) -> Found:
    """The claims about a user.

    Args:
        choices: the n decided choices of ``evidence``.
        evidence: log-odds by the population's weights, and trait differences.
        covariance: of the weights between users, variances (p,) or a matrix (p, p).
    """
    tried = [*_traits(choices, evidence), *_axes(evidence, covariance)]
    traits = [one for one in tried if int(np.count_nonzero(one.side)) >= _LEAST]
    if not traits:
        return Found((), 0)
    values = np.column_stack([one.values for one in traits])
    own, own_z = _tested(values, sigmoid(alone(evidence, covariance)))
    coin, coin_z = _tested(values, np.full(len(values), 0.5))
    q = benjamini_hochberg([float(one) for one in np.where(own_z * coin_z > 0, np.maximum(own, coin), 1.0)])
    strength = np.minimum(np.abs(own_z), np.abs(coin_z))
    kept: list[tuple[Claim, Array]] = []
    for at in np.argsort(-strength, kind="stable"):
        if q[at] > FDR or any(_alike(traits[at].side, other) >= _SAME for _, other in kept):
            continue
        claim = _claim(traits[at], bool(own_z[at] > 0), q[at], choices)
        if len(claim.supporting) > len(claim.opposing):
            kept.append((claim, traits[at].side))
    return Found(tuple(claim for claim, _ in kept[:_MOST]), len(traits))


def _tested(values: Array, chance: Array) -> tuple[Array, Array]:
    """Two-sided p of each trait (k,), and the z-score of its statistic (k,), positive for a preference for more of it.

    Null hypothesis: choice i has its outcome with probability ``chance[i]``, independently. The statistic is the score
    of the trait's weight, Σ (1 − pᵢ) tᵢ; its distribution is simulated, with the same draws for everyone, and normal
    above `_DRAWN` choices.
    """
    observed = (1.0 - chance) @ values
    z: Array = observed / np.sqrt(np.maximum((chance * (1.0 - chance)) @ (values * values), 1e-12))
    if len(values) > _DRAWN:
        return np.array([math.erfc(abs(one) / math.sqrt(2.0)) for one in z]), z
    came_out = _uniform()[:, : len(values)] < chance.astype(np.float32)
    drawn = came_out.astype(np.float32) @ values.astype(np.float32) - (chance @ values).astype(np.float32)
    beyond = (np.abs(drawn) >= np.abs(observed).astype(np.float32) * (1 - 1e-5)).sum(axis=0)
    return (1.0 + beyond) / (1.0 + _DRAWS), z


@cache
def _uniform() -> NDArray[np.float32]:
    return np.random.default_rng(0).random((_DRAWS, _DRAWN), dtype=np.float32)


def _traits(choices: Sequence[Preference], evidence: Evidence) -> list[_Trait]:
    names = (*PERSONAL, "similarity to the message")
    columns = [
        _Trait(PREFERENCES[name], evidence.t[:, at], np.sign(evidence.t[:, at].round(9)))
        for at, name in enumerate(names[: evidence.t.shape[1]])
        if name in PREFERENCES
    ]
    return [_length(choices), *columns]


def _axes(evidence: Evidence, covariance: Array) -> list[_Trait]:
    """Axes along which these choices differ in at least two traits; with one trait, the trait itself is tested."""
    names = [name if name in PREFERENCES else "" for name in (*PERSONAL, "similarity to the message")]
    differ = np.count_nonzero(evidence.t.round(9), axis=0) >= _LEAST
    return [
        _Trait((axis.text(PREFERENCES, more=True), axis.text(PREFERENCES, more=False)), *along(axis, evidence.t))
        for axis in named_axes(covariance, names[: evidence.t.shape[1]])
        if np.count_nonzero(differ & (axis.direction != 0.0)) > 1
    ]


def _length(choices: Sequence[Preference]) -> _Trait:
    """Under or over a round number of words.

    The number separates the responses of most pairs, whatever was chosen; of several such numbers, the middle one.
    """
    sizes = np.array([(len(split_words(one.chosen)), len(split_words(one.rejected))) for one in choices])
    parted = [int(((sizes < limit).sum(axis=1) == 1).sum()) for limit in _THRESHOLDS]
    best = [limit for limit, pairs in zip(_THRESHOLDS, parted, strict=True) if pairs == max(parted)]
    limit = best[len(best) // 2]
    side = (sizes[:, 0] >= limit).astype(float) - (sizes[:, 1] >= limit)
    return _Trait((f"answers of at least {limit} words", f"answers under {limit} words"), side, side)


def _claim(trait: _Trait, more: bool, q: float, choices: Sequence[Preference]) -> Claim:
    signed = trait.side if more else -trait.side
    supporting = tuple(one.id for one, value in zip(choices, signed, strict=True) if value > 0)
    opposing = tuple(one.id for one, value in zip(choices, signed, strict=True) if value < 0)
    counted = f"{len(supporting)} of {len(supporting) + len(opposing)} choices"
    said = trait.said[0 if more else 1]
    return Claim(f"Prefers {said}{_MORE}: {counted}", supporting, opposing, q)


def _alike(one: Array, other: Array) -> float:
    return float(abs(one @ other) / math.sqrt((one @ one) * (other @ other)))
