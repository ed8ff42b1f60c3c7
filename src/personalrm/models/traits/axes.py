"""The axes on which people differ most, by name, and how far each choice of one person goes along them.

    for axis in named_axes(prior.covariance, names):
        axis.share                          # 0.21 of all variance among people
        axis.high, axis.low                 # ("bullets", "lines"), ("answers the question's words",)
        axis.text(phrases, more=True)       # "bullet points and several lines over the question's own words"
        values, side = along(axis, evidence.t)

An axis is a principal axis of the covariance of people's weights, named by the traits whose weights go along with it.
An axis of a single trait is left out: the trait itself is claimed (`claims`). Whether a person stands on one side of an
axis is tested like any trait.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personalrm.formatting.texts import listed
from personalrm.models.traits.covariance import axes_of
from personalrm.models.traits.features import Array

MOST_AXES = 3
_LOADING = 0.4  # correlation of a trait's weight with the axis, from which on the trait names it
_NAMES = 2  # traits that name one end
_ALONG = 0.5  # standard units along the axis, from which on the two responses of a choice count as differing


@dataclass(frozen=True, slots=True)
class NamedAxis:
    """One way in which people differ.

    Attributes:
        share: of all variance among people.
        high, low: traits that the high and the low end want more of, the strongest first.
        direction: unit vector towards the high end (p,), zero but for the traits that name it.
    """

    share: float
    high: tuple[str, ...]
    low: tuple[str, ...]
    direction: Array

    def text(self, phrases: Mapping[str, tuple[str, str]], *, more: bool) -> str:
        """What a person at the high end (``more``) or the low end prefers.

        ``phrases`` says of a trait how wanting more and wanting less of it is called.
        """
        wanted, unwanted = (self.high, self.low) if more else (self.low, self.high)
        if not wanted:
            return listed([phrases[name][1] for name in unwanted])
        said = listed([phrases[name][0] for name in wanted])
        return f"{said} over {listed([phrases[name][0] for name in unwanted])}" if unwanted else said


def named_axes(covariance: Array, names: Sequence[str]) -> list[NamedAxis]:
    """Of the three axes of most variance those that at least two of the traits ``names`` (p,) go along with.

    Variances (p,) have none: then people's weights vary independently. A name may be empty: that trait names no axis.
    """
    found: list[NamedAxis] = []
    for axis in axes_of(covariance)[:MOST_AXES] if covariance.ndim == 2 else ():
        order = np.argsort(-np.abs(axis.loadings), kind="stable")
        strong = [at for at in order if abs(axis.loadings[at]) >= _LOADING and names[at]]
        high = [at for at in strong if axis.loadings[at] > 0][:_NAMES]
        low = [at for at in strong if axis.loadings[at] < 0][:_NAMES]
        if len(high + low) > 1:
            direction = np.zeros(len(names))
            direction[high + low] = axis.direction[high + low] / np.linalg.norm(axis.direction[high + low])
            more, less = (tuple(names[at] for at in end) for end in (high, low))
            found.append(NamedAxis(axis.share, more, less, direction))
    return found


def along(axis: NamedAxis, t: Array) -> tuple[Array, Array]:
    """How far each choice with trait differences ``t`` (n, p) goes towards the high end (n,), and its sign.

    The sign (n,) is 0 where the two responses hardly differ along the axis.
    """
    values = np.asarray(t @ axis.direction, dtype=float)
    return values, np.where(np.abs(values) >= _ALONG, np.sign(values), 0.0)
