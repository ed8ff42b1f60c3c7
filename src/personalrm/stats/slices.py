"""Subsets of the pairs: length-matched pairs, domains, deciles of unusual preferences, and per-user accuracy.

matched = equally_long(lengths)          # mask of shape (pairs,)
own = own_accuracies(correct, users)     # one accuracy per user
rare = dict(by_rarity(distance, users))[10]      # pairs of the decile with the most unusual preferences
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from personalrm.stats.intervals import Codes, Floats, by_person

LENGTH_RATIO = 0.1
"""Responses are length-matched if their lengths differ by at most this share of the longer one."""
LENGTH_MATCHING = (
    f"Pairs whose responses differ in length by at most {LENGTH_RATIO:.0%} of the longer one, counted in characters."
)
Mask = NDArray[np.bool_]


def equally_long(lengths: Sequence[tuple[int, int]]) -> Mask:
    """Mask of the length-matched pairs, shape (pairs,); ``lengths`` in characters."""
    both = np.array(lengths, dtype=np.float64).reshape(-1, 2)
    return np.asarray(np.abs(both[:, 0] - both[:, 1]) <= LENGTH_RATIO * both.max(axis=1, initial=0.0))


def by_domain(domains: Sequence[str | None]) -> Iterator[tuple[str, Mask]]:
    """Each domain with the mask of its pairs, in alphabetical order; nothing if the data has no domains."""
    held = np.array([one or "" for one in domains], dtype=object)
    for domain in sorted({one for one in domains if one}):
        yield domain, held == domain


DECILES, FEWEST_PEOPLE = 10, 50


def by_rarity(distance: Floats, people: Codes) -> Iterator[tuple[int, Mask]]:
    """Deciles of the people by the distance of their preferences from the population's, nearest first.

    Parameters
    ----------
    distance : ndarray of float, shape (pairs,)
        Distance of each pair's person; the mean over a person's pairs is used. NaN if not measured.
    people : ndarray of int, shape (pairs,)
        Integer code of each pair's person.

    Yields
    ------
    (int, ndarray of bool, shape (pairs,))
        Decile from 1 to 10 and the mask of its pairs; nothing with fewer than ``FEWEST_PEOPLE`` people.
    """
    measured = ~np.isnan(distance)
    codes = np.unique(people[measured])
    if len(codes) < FEWEST_PEOPLE:
        return
    sums, counts = by_person(distance, people)
    order = codes[np.argsort(sums / counts, kind="stable")]
    for number, some in enumerate(np.array_split(order, DECILES), 1):
        yield number, np.isin(people, some)


def own_accuracies(correct: Floats, people: Codes, weight: Floats | None = None) -> Floats:
    """Accuracy of each person, shape (people with a scored pair,)."""
    sums, counts = by_person(correct, people, weight)
    return sums / counts
