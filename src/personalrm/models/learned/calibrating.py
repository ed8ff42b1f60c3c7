"""How far everybody's reward and a person's part are to be trusted: two numbers, from people not learned from.

    trust = calibrated(everybody, personal, variance)       # of choices by people the members have not seen
    trust.margins(everybody, personal, variance)             # log-odds of which σ is the probability

A method whose personal part misleads people it has not seen gets a part of zero, and predicts as everybody would: the
fallback of the learned methods. Both numbers are drawn towards 1 as by a handful of choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from personalrm.files import NO_OTHERS

Array = NDArray[np.float64]

_EVERYBODY, _PERSON = np.linspace(0.2, 3.0, 57), np.linspace(0.0, 3.0, 61)
_STRENGTH = 20.0  # nats for being off by one; prism: 5 would do as well, and 22 people alone mislead


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Factors of everybody's part and of the person's part of a margin."""

    __pydantic_config__: ClassVar[Any] = NO_OTHERS  # a damaged factor is not taken for 1
    everybody: float = 1.0
    person: float = 1.0

    def margins(self, everybody: Array, personal: Array, variance: Array) -> Array:
        """Calibrated log-odds, moderated by what is not known of the person.

        Args:
            everybody: margins where nothing is known of the person.
            personal: what the person's choices add to them.
            variance: of that.
        """
        found: Array = (self.everybody * everybody + self.person * personal) / np.sqrt(
            1.0 + np.pi / 8.0 * self.person**2 * variance
        )
        return found


def calibrated(everybody: Array, personal: Array, variance: Array) -> Calibrator:
    """The two factors that make these choices (chosen minus rejected) most likely, on a grid of 0.05."""
    best, least = Calibrator(), np.inf
    for person in _PERSON:
        scale = np.sqrt(1.0 + np.pi / 8.0 * person**2 * variance)
        margins = (_EVERYBODY[:, None] * everybody + person * personal) / scale
        losses = np.logaddexp(0.0, -margins).sum(axis=1)
        losses += _STRENGTH * ((_EVERYBODY - 1.0) ** 2 + (person - 1.0) ** 2)
        at = int(losses.argmin())
        if losses[at] < least:
            best, least = Calibrator(round(float(_EVERYBODY[at]), 2), round(float(person), 2)), float(losses[at])
    return best
