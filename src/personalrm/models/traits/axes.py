"""The axes on which people differ most, by name, and where one person stands on them, with the choices behind it.

    for axis in named_axes(prior.covariance, trait_names(prior)):
        axis.share                                            # 0.21 of all variance among people
        axis.text(phrases)                                    # "bullet points over the question's own words"
        place = place_on(axis, evidence, departure, spread)
        place.position, place.deviation                       # 1.3, 0.6: in standard deviations among people
        place.supporting, place.opposing                      # rows of the choices that differ along the axis

An axis is a principal axis of the covariance of people's weights. A person's place on it is a posterior: its deviation
is 1 before any choice, and a place nearer to zero than its deviation says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personalrm.models.traits.covariance import axes_of
from personalrm.models.traits.features import Array
from personalrm.models.traits.person import Evidence
from personalrm.models.traits.prior import PERSONAL, Prior

_LOADING = 0.4  # correlation of a trait's weight with the axis, from which on the trait names it
_NAMES = 3  # traits that name one end
_ALONG = 0.5  # standard deviations of the choices along the axis, from which on a choice counts as differing


@dataclass(frozen=True, slots=True)
class NamedAxis:
    """One way in which people differ.

    Attributes:
        share: of all variance among people.
        high, low: traits that the high and the low end want more of, the strongest first.
        direction: weights at one standard deviation towards the high end (p,).
    """

    share: float
    high: tuple[str, ...]
    low: tuple[str, ...]
    direction: Array

    def text(self, phrases: Mapping[str, tuple[str, str]]) -> str:
        """In words; ``phrases`` says of a trait how wanting more and wanting less of it is called."""
        high = [phrases[name][0] for name in self.high if name in phrases]
        low = [phrases[name][0] for name in self.low if name in phrases]
        if high and low:
            return f"{' and '.join(high)} over {' and '.join(low)}"
        return " and ".join(high or [phrases[name][1] for name in self.low if name in phrases])


@dataclass(frozen=True, slots=True)
class Place:
    """Where one person stands on an axis.

    Attributes:
        position, deviation: mean and standard deviation, in standard deviations among people.
        supporting, opposing: rows of the choices that differ along the axis and were decided towards the person's end,
            and away from it.
    """

    position: float
    deviation: float
    supporting: tuple[int, ...]
    opposing: tuple[int, ...]


def trait_names(prior: Prior) -> tuple[str, ...]:
    """Names of the personal weights (p), in the order of the covariance."""
    return (*PERSONAL, "similarity to the message")[: len(prior.covariance)]


def named_axes(covariance: Array, names: Sequence[str], most: int = 3) -> list[NamedAxis]:
    """The axes of most variance that have a name; fewer where no trait goes along with an axis."""
    found = []
    for axis in axes_of(covariance)[:most]:
        order = np.argsort(-np.abs(axis.loadings), kind="stable")
        strong = [at for at in order if abs(axis.loadings[at]) >= _LOADING]
        high = tuple(names[at] for at in strong if axis.loadings[at] > 0)[:_NAMES]
        low = tuple(names[at] for at in strong if axis.loadings[at] < 0)[:_NAMES]
        if high or low:
            spread = np.sqrt(float(axis.direction @ covariance @ axis.direction))
            found.append(NamedAxis(axis.share, high, low, axis.direction * spread))
    return found


def place_on(axis: NamedAxis, evidence: Evidence, departure: Array, spread: Array) -> Place:
    """Where a person stands.

    Args:
        axis: of the prior that the person was fitted with.
        evidence: their choices.
        departure, spread: mean (p,) and covariance (p, p) of their own weights.
    """
    unit = axis.direction / float(axis.direction @ axis.direction)
    position, deviation = float(unit @ departure), math.sqrt(max(float(unit @ spread @ unit), 0.0))
    along = evidence.t @ axis.direction
    least = _ALONG * max(float(along.std()), 1e-12) if len(along) else 0.0
    side = np.where(np.abs(along) >= least, np.sign(along), 0.0)
    side *= 1.0 if position >= 0 else -1.0
    supporting, opposing = (tuple(int(at) for at in np.flatnonzero(side == sign)) for sign in (1.0, -1.0))
    return Place(position, deviation, supporting, opposing)
