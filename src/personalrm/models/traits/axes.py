"""The axes on which people differ most, with names, and the position of each of a person's choices along them.

    for axis in named_axes(prior.covariance, names):
        axis.share                          # 0.21 of all variance among people
        axis.high, axis.low                 # ("bullets", "lines"), ("answers the question's words",)
        axis.text(phrases, more=True)       # "bullet points and several lines over the question's own words"
        values, side = along(axis, evidence.t)

An axis is a principal axis of the covariance of people's weights, named after the traits whose weights correlate with
it. An axis with a single trait is omitted: the trait itself can be claimed (`claims`). Whether a person is on one side
of an axis is tested like any trait.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personalrm.formatting.texts import listed
from personalrm.models.traits.covariance import axes_of
from personalrm.models.traits.features import Array

MOST_AXES = 3
_LOADING = 0.4  # minimum correlation of a trait's weight with the axis for the trait to name it
_NAMES = 2  # maximum traits in the name of one end
_ALONG = 0.5  # minimum difference of two responses along the axis, in standard units


@dataclass(frozen=True, slots=True)
class NamedAxis:
    """One way in which people differ.

    Attributes:
        share: share of the variance between people.
        high, low: traits that the high and the low end prefer, strongest first.
        direction: unit vector towards the high end (p,), zero except for the traits in its name.
    """

    share: float
    high: tuple[str, ...]
    low: tuple[str, ...]
    direction: Array

    def text(self, phrases: Mapping[str, tuple[str, str]], *, more: bool) -> str:
        """Preference of a person at the high end (``more``) or the low end.

        ``phrases`` maps a trait to its phrases for a preference for more and for less of it.
        """
        wanted, unwanted = (self.high, self.low) if more else (self.low, self.high)
        if not wanted:
            return listed([phrases[name][1] for name in unwanted])
        said = listed([phrases[name][0] for name in wanted])
        return f"{said} over {listed([phrases[name][0] for name in unwanted])}" if unwanted else said


def named_axes(covariance: Array, names: Sequence[str]) -> list[NamedAxis]:
    """Of the three axes with the most variance, those named by at least two of the traits ``names`` (p,).

    Variances (p,) give no axes, because the weights are independent. A trait with an empty name names no axis.
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
    """Position of each choice with trait differences ``t`` (n, p) towards the high end (n,), and its sign.

    The sign (n,) is 0 if the two responses hardly differ along the axis.
    """
    values = np.asarray(t @ axis.direction, dtype=float)
    return values, np.where(np.abs(values) >= _ALONG, np.sign(values), 0.0)
