"""Has a sequence changed? A permutation test for a change point, with the false-alarm rate over a whole life stated.

    test = ScoreTest.of(scores, information)                  # one row a choice, its score under one unchanging fit
    found = test.change(level=0.005, rng=rng)                 # None, or where it changed
    for look in looks(len(scores)): ...                       # when to test, and at which level

Under the hypothesis that nothing changes, the blocks of a sequence are exchangeable, so every order of them is as
likely as the one that was seen; the test's level therefore holds in finite samples, whatever the model that the scores
come from. Looks are taken when the sequence has grown by a quarter; the k-th is made at the level
10 α / ((k + 9) (k + 10)). These sum to α, so that the chance of ever raising a false alarm is at most α.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

FALSE_ALARMS = 0.05
"""Of so many unchanging sequences at most this share ever raises an alarm."""
FIRST_LOOK, GROWTH, LONGEST = 24, 1.25, 1000
_SPENT = 9  # the higher, the more even the levels of the first looks
SIDE = 5
"""Rows on each side of a change, at least."""
_ALL_MOVE, _ONE_MOVES = 2.0, 8.0  # variance of a change, in units of how people differ
_BEYOND = 5  # of the drawn orders that may reach the statistic of the one that was seen
_CELLS = 1_000_000  # numbers of one batch of orders: 8 MB


class Look(NamedTuple):
    """A test of the rows ``start`` to ``end``, at this level."""

    start: int
    end: int
    level: float


class ChangePoint(NamedTuple):
    """The first row after the change, and rows between which it lies with a probability of some 80 %."""

    at: int
    earliest: int
    latest: int


def looks(rows: int, start: int = 0, made: int = 0, false_alarms: float = FALSE_ALARMS) -> Iterator[Look]:
    """The looks at a sequence from row ``start`` on, after ``made`` earlier looks; above `LONGEST` rows it is cut."""
    size, count = FIRST_LOOK, made
    while start + size <= rows:
        count += 1
        level = false_alarms * (_SPENT + 1) / ((count + _SPENT) * (count + _SPENT + 1))
        yield Look(start, start + size, level)
        size = math.ceil(size * GROWTH)
        if size > LONGEST:
            start, size = start + LONGEST // 2, LONGEST // 2


@dataclass(frozen=True, slots=True)
class ScoreTest:
    """Bayes factors of a change after each row, from the scores at one fit of all rows.

    Before a change of the weights by δ ~ N(0, s), the sum of the scores of the first k of n rows departs from its share
    of the total by D ~ N(0, I + s I²), without one by N(0, I), with I = k (n - k) / n² times the information of all
    rows. Half of the changes that are expected move all weights (s = 2: an unrelated taste), half only one of them
    (s = 8). The statistic is the mean of the Bayes factors over all k.

    Attributes:
        scores: (n, 2 p), in the eigenvectors of the information and as they are.
        information: of each column (2 p,).
        block: of each row (n,), numbered from 0; rows of one block stay together when the order is drawn.
    """

    scores: Floats
    information: Floats
    block: Rows

    @classmethod
    def of(cls, scores: Floats, information: Floats, block: Sequence[Hashable] | None = None) -> ScoreTest:
        """From scores (n, p), the information (p, p) of all rows and a key of each row's block (n,)."""
        values, vectors = np.linalg.eigh(information)
        codes: dict[Hashable, int] = {}
        keys = range(len(scores)) if block is None else block
        rows = np.array([codes.setdefault(one, len(codes)) for one in keys], dtype=np.intp)
        each = np.maximum(np.concatenate([values, np.diag(information)]), 0.0)
        return cls(np.hstack([scores @ vectors, scores]), each, rows)

    def change(self, level: float, rng: np.random.Generator) -> ChangePoint | None:
        """Where it changed; None where that is not shown at this level."""
        if len(self.scores) < 2 * SIDE or self.block.max() < 2:
            return None
        evidence = self._log_factors(self.scores[None])
        reached = _log_mean(evidence)[0]
        draws = math.ceil(_BEYOND / level) - 1
        beyond, left = 0, draws
        while left and beyond < _BEYOND:  # one more and p > level whatever else is drawn
            batch = max(1, min(left, _CELLS // self.scores.size))
            drawn = self._log_factors(self.scores[self._orders(batch, rng)])
            beyond += int((_log_mean(drawn) >= reached - 1e-9).sum())
            left -= batch
        return None if (beyond + 1) / (draws + 1) > level else _located(evidence[0])

    def _orders(self, count: int, rng: np.random.Generator) -> Rows:
        """Rows in orders that are drawn (count, n)."""
        place = rng.random((count, int(self.block.max()) + 1))
        return np.argsort(place[:, self.block], axis=1, kind="stable")

    def _log_factors(self, drawn: Floats) -> Floats:
        """Of a change after each of the rows SIDE … n - SIDE (B, n - 2 SIDE + 1), for orders (B, n, p)."""
        n = drawn.shape[1]
        after = np.arange(SIDE, n - SIDE + 1)
        sums = drawn.cumsum(axis=1)
        apart = sums[:, after - 1] - (after / n)[None, :, None] * sums[:, -1:]
        information = (after * (n - after) / n**2)[:, None] * self.information
        width = self.scores.shape[1] // 2
        dense, sparse = (slice(width), _ALL_MOVE), (slice(width, None), _ONE_MOVES)
        logs = [_log_factors(apart[..., part], information[:, part], size) for part, size in (dense, sparse)]
        found: Floats = np.logaddexp(logs[0].sum(axis=2), _log_mean(logs[1])) + math.log(0.5)
        return found


def _log_factors(apart: Floats, information: Floats, size: float) -> Floats:
    """log N(D; 0, I + s I²) / N(D; 0, I) of each number, where s is the size."""
    spread = 1.0 + size * information
    found: Floats = (0.5 * size) * (apart * apart) / spread - 0.5 * np.log(spread)
    return found


def _log_mean(logs: Floats) -> Floats:
    """Of the last axis."""
    top = logs.max(axis=-1)
    found: Floats = np.log(np.exp(logs - top[..., None]).mean(axis=-1)) + top
    return found


def _located(evidence: Floats) -> ChangePoint:
    """The likeliest place, and the middle 80 % of the places' weights, stretched to hold it."""
    share = np.exp(evidence - evidence.max())
    below = np.cumsum(share) / share.sum()
    at = int(evidence.argmax())
    earliest, latest = (int(np.searchsorted(below, one)) for one in (0.1, 0.9))
    return ChangePoint(SIDE + at, SIDE + min(earliest, at), SIDE + max(latest, at))
