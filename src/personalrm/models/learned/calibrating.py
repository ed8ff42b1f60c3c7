"""Calibration of the two parts of a margin, the population-level and the personal one, by one scale each.

    calibrator = fit_calibrator(population, personal, variance)   # margins of people the members were not trained on
    calibrator.margins(population, personal, variance)            # calibrated log-odds

A method whose personal part misleads on new people gets a personal scale of zero and predicts with the population-level
reward. Both scales are shrunk towards 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from personalrm.files import NO_OTHERS
from personalrm.renamed import RenamedAttribute, renamed, renamed_arguments

Array = NDArray[np.float64]

_POPULATION_SCALES, _PERSON_SCALES = np.linspace(0.2, 3.0, 57), np.linspace(0.0, 3.0, 61)
_PENALTY = 20.0  # nats for a scale off by one; on PRISM 5 is as good, and without a penalty 22 people overfit


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Scales of the population-level and of the personal part of a margin."""

    __pydantic_config__: ClassVar[Any] = NO_OTHERS  # an unknown field is an error, not a default of 1
    population: float = 1.0
    person: float = 1.0
    everybody = RenamedAttribute("population")

    def margins(self, population: Array, personal: Array, variance: Array) -> Array:
        """Calibrated log-odds, moderated by the posterior variance (MacKay's approximation).

        Args:
            population: margins of the population-level reward (n,).
            personal: what the user's choices add to them (n,).
            variance: posterior variance of that addition (n,).
        """
        found: Array = (self.population * population + self.person * personal) / np.sqrt(
            1.0 + np.pi / 8.0 * self.person**2 * variance
        )
        return found


Calibrator.__init__ = renamed_arguments(everybody="population")(Calibrator.__init__)  # type: ignore[method-assign]


def fit_calibrator(population: Array, personal: Array, variance: Array, weight: Array | None = None) -> Calibrator:
    """The scales that minimise the penalised log loss of these choices (chosen minus rejected), on a grid of 0.05.

    ``weight`` (n,): weight of each choice; None: equal weights.
    """
    counted = np.ones(len(population)) if weight is None else weight
    best, least = Calibrator(), np.inf
    for person in _PERSON_SCALES:
        scale = np.sqrt(1.0 + np.pi / 8.0 * person**2 * variance)
        margins = (_POPULATION_SCALES[:, None] * population + person * personal) / scale
        losses = (np.logaddexp(0.0, -margins) * counted).sum(axis=1)
        losses += _PENALTY * ((_POPULATION_SCALES - 1.0) ** 2 + (person - 1.0) ** 2)
        at = int(losses.argmin())
        if losses[at] < least:
            best, least = (
                Calibrator(round(float(_POPULATION_SCALES[at]), 2), round(float(person), 2)),
                float(losses[at]),
            )
    return best


__getattr__ = renamed(__name__, {"calibrated": "fit_calibrator", "Trust": "Calibrator"})
