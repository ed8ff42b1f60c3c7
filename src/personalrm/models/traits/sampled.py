"""The people of a population from whom the differences between people are learned: a sample, with choices in parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from personalrm.models.traits.calibrating import WeightedPairs
from personalrm.models.traits.features import Array
from personalrm.models.traits.posterior import Person

Codes = NDArray[np.intp]

_PARTS = 5
_MOST_OWN, _MOST_PEOPLE = 40, 250  # maximum choices per person, and people


@dataclass(frozen=True, slots=True)
class SampledPerson:
    """One person: rows of their choices, and the positions among them that are predicted together."""

    rows: Codes
    parts: list[Codes]

    def person(self, outside: Array, t: Array) -> Person:
        """The person with groups combined into parts."""
        return Person(outside[self.rows], t[self.rows], self.parts)

    def whole(self, outside: Array, t: Array, group: Codes) -> Person:
        """The person with each group separate."""
        own = group[self.rows]
        return Person(outside[self.rows], t[self.rows], [np.flatnonzero(own == each) for each in np.unique(own)])


class AllPairs(NamedTuple):
    """All pairs of a population with rankings, of shape (n,) each, but traits (n, p).

    Attributes:
        person, group: of each pair, numbered.
        offset: its log-odds by the population's weights.
        t: its personal traits.
        weight: how much it counts, so that a ranking counts once.
    """

    person: Codes
    group: Codes
    offset: Array
    t: Array
    weight: Array

    def of_each(
        self, people: Sequence[SampledPerson], person: Codes, group: Codes, inverse_temperature: float
    ) -> list[WeightedPairs]:
        """All pairs of each sampled person, in the same parts; ``person`` and ``group`` are those of the sample."""
        return [self._of(one, int(person[one.rows[0]]), group[one.rows], inverse_temperature) for one in people]

    def _of(self, one: SampledPerson, code: int, group: Codes, inverse_temperature: float) -> WeightedPairs:
        part_of = {int(group[at]): number for number, part in enumerate(one.parts) for at in part}
        rows = np.flatnonzero(self.person == code)
        part = np.array([part_of.get(int(each), -1) for each in self.group[rows]])
        rows, part = rows[part >= 0], part[part >= 0]
        parts = [np.flatnonzero(part == each) for each in range(len(one.parts))]
        return WeightedPairs(inverse_temperature * self.offset[rows], self.t[rows], self.weight[rows], parts)


def sampled(person: Codes, group: Codes, rng: np.random.Generator) -> list[SampledPerson]:
    """A sample of people with choices in several groups: rows of each, with the groups combined into up to five
    parts."""
    chosen = []
    for one in rng.permutation(person.max() + 1):
        rows = np.flatnonzero(person == one)[:_MOST_OWN]
        names, first, number = np.unique(group[rows], return_index=True, return_inverse=True)
        part = np.argsort(np.argsort(first))[number.reshape(-1)] % _PARTS
        if len(names) > 1:
            chosen.append(SampledPerson(rows, [np.flatnonzero(part == each) for each in np.unique(part)]))
        if len(chosen) == _MOST_PEOPLE:
            break
    return chosen
