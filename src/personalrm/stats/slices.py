"""Which pairs a number is about: those of equal length, those of one domain, each person's own.

matched = equally_long(lengths)          # mask of shape (pairs,)
own = own_accuracies(correct, users)     # one number a person
rare = dict(by_rarity(distance, users))[10]      # pairs of the tenth whose taste is rarest
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from personalrm.stats.intervals import Codes, Floats, by_person

LENGTH_RATIO = 0.1
"""Responses count as equally long where the shorter one lacks at most this share of the longer one."""
LENGTH_MATCHING = (
    f"Pairs whose responses differ in length by at most {LENGTH_RATIO:.0%} of the longer one, counted in characters."
)
Mask = NDArray[np.bool_]


def equally_long(lengths: Sequence[tuple[int, int]]) -> Mask:
    """The pairs whose responses have nearly as many characters each, shape (pairs,)."""
    both = np.array(lengths, dtype=np.float64).reshape(-1, 2)
    return np.asarray(np.abs(both[:, 0] - both[:, 1]) <= LENGTH_RATIO * both.max(axis=1, initial=0.0))


def by_domain(domains: Sequence[str | None]) -> Iterator[tuple[str, Mask]]:
    """Each domain with its pairs, in alphabetical order; none where the data names none."""
    held = np.array([one or "" for one in domains], dtype=object)
    for domain in sorted({one for one in domains if one}):
        yield domain, held == domain


DECILES, FEWEST_PEOPLE = 10, 50


def by_rarity(distance: Floats, people: Codes) -> Iterator[tuple[int, Mask]]:
    """Each tenth of the people by how far their taste is from the usual one, nearest first, with its pairs.

    Parameters
    ----------
    distance : ndarray of float, shape (pairs,)
        Of the person behind each pair, as measured for it; a person counts with the mean. NaN where not measured.
    people : ndarray of int, shape (pairs,)
        Code of the person behind each pair.

    Yields
    ------
    (int, ndarray of bool, shape (pairs,))
        Decile from 1 on, and its pairs; nothing with fewer than ``FEWEST_PEOPLE`` people.
    """
    measured = ~np.isnan(distance)
    codes = np.unique(people[measured])
    if len(codes) < FEWEST_PEOPLE:
        return
    sums, counts = by_person(distance, people)
    order = codes[np.argsort(sums / counts, kind="stable")]
    for number, some in enumerate(np.array_split(order, DECILES), 1):
        yield number, np.isin(people, some)


def own_accuracies(correct: Floats, people: Codes) -> Floats:
    """Each person's own accuracy, shape (people with a scored pair,)."""
    sums, counts = by_person(correct, people)
    return sums / counts
