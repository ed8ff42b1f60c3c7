"""Permutation test for a change point in a sequence, with a bound on the false-alarm rate over all looks.

    test = ScoreTest.of(scores, information)                  # one row per choice, its score under one unchanging fit
    found = test.change(level=0.005, rng=rng)                 # a ChangePoint, or None
    for look in looks(len(scores)): ...                       # rows and level of each test

Under the null hypothesis of no change, the blocks of a sequence are exchangeable: every order of them is as likely as
the observed one. The test's level therefore holds in finite samples for any model that the scores come from. A look is
taken each time the sequence has grown by a quarter, the k-th at level 10 α / ((k + 9) (k + 10)). These levels sum to
α, so the probability of any false alarm in the whole sequence is at most α.

So many permutations as a very low level needs are too slow in sequences of thousands of choices. Below a level of
5 / `MOST_DRAWS` (from the 23rd look on) two conditions replace the exact test: the Bayes factor is at least 1 / level,
which has at most that probability if the sums of scores are normal (Markov's inequality), and few of `LATE_DRAWS`
permutations reach it, which does not depend on normality. Of windows of more than `MOST_ROWS` rows, the sums of at most
`MOST_RUNS` runs of equally many consecutive blocks are permuted, which are exchangeable too.
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
"""α: upper bound on the share of unchanging sequences with an alarm at any look."""
FIRST_LOOK, GROWTH, LONGEST = 24, 1.25, 1000
_SPENT = 9  # higher: more equal levels of the first looks
SIDE = 5
"""Minimum number of rows on each side of a change."""
_ALL_MOVE, _ONE_MOVES = 2.0, 8.0  # prior variance of a change, in units of the variance between people
MOST_DRAWS, LATE_DRAWS = 10_000, 2_000
MOST_ROWS, MOST_RUNS = 256, 128
_BEYOND = 5  # permutations that must reach the observed statistic before sampling stops early
_CELLS = 1_000_000  # array elements of one batch of permutations: 8 MB


class Look(NamedTuple):
    """One test, of the rows ``start`` to ``end`` (excluded), at the given level."""

    start: int
    end: int
    level: float


class ChangePoint(NamedTuple):
    """The first row after the change, and the ends of its approximate 80 % credible interval."""

    at: int
    earliest: int
    latest: int


def looks(rows: int, start: int = 0, made: int = 0, false_alarms: float = FALSE_ALARMS) -> Iterator[Look]:
    """The looks at a sequence from row ``start`` on, after ``made`` earlier looks.

    A window longer than `LONGEST` rows is moved forward by half of it.
    """
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
    """Bayes factors for a change after each row, from the scores (gradients) at one fit of all rows.

    Let D be the sum of the scores of the first k of n rows minus k/n of the total. Without a change D ~ N(0, I); with a
    change of the weights by δ ~ N(0, s) after row k, D ~ N(0, I + s I²), where I is k (n - k) / n² times the
    information of all rows. The prior puts one half on changes of all weights (s = 2: an unrelated taste) and one half
    on changes of a single weight (s = 8). The statistic is the mean of the Bayes factors over all k.

    Attributes:
        scores: (n, 2 p), rotated to the eigenvectors of the information, then unrotated.
        information: Fisher information of each column (2 p,).
        block: block of each row (n,), numbered from 0; rows of one block stay together in a permutation.
    """

    scores: Floats
    information: Floats
    block: Rows

    @classmethod
    def of(cls, scores: Floats, information: Floats, block: Sequence[Hashable] | None = None) -> ScoreTest:
        """From scores (n, p), the information (p, p) of all rows and the key of each row's block (n,)."""
        values, vectors = np.linalg.eigh(information)
        codes: dict[Hashable, int] = {}
        keys = range(len(scores)) if block is None else block
        rows = np.array([codes.setdefault(one, len(codes)) for one in keys], dtype=np.intp)
        each = np.maximum(np.concatenate([values, np.diag(information)]), 0.0)
        return cls(np.hstack([scores @ vectors, scores]), each, rows)

    def change(self, level: float, rng: np.random.Generator) -> ChangePoint | None:
        """The change point if the permutation test rejects at this level, else None."""
        if len(self.scores) < 2 * SIDE or self.block.max() < 2 or not self._in_runs()._rejects(level, rng):
            return None
        return _located(self._log_factors(self.scores[None])[0])

    def _rejects(self, level: float, rng: np.random.Generator) -> bool:
        reached = _log_mean(self._log_factors(self.scores[None]))[0]
        draws = math.ceil(_BEYOND / level) - 1
        if draws >= MOST_DRAWS:
            if reached < -math.log(level):
                return False
            draws = LATE_DRAWS
        beyond, left = 0, draws
        while left and beyond < _BEYOND:  # with one more, p > level for any further draws
            batch = max(1, min(left, _CELLS // self.scores.size))
            drawn = self._log_factors(self.scores[self._orders(batch, rng)])
            beyond += int((_log_mean(drawn) >= reached - 1e-9).sum())
            left -= batch
        return beyond < _BEYOND

    def _in_runs(self) -> ScoreTest:
        """Itself or, if it has many rows, the sums of runs of consecutive blocks; the first blocks may be left out."""
        blocks = int(self.block.max()) + 1
        each = math.ceil(blocks / MOST_RUNS)
        runs, out = divmod(blocks, each)
        if len(self.scores) <= MOST_ROWS or runs < 2 * SIDE:
            return self
        kept = self.block >= out
        sums = np.zeros((runs, self.scores.shape[1]))
        np.add.at(sums, (self.block[kept] - out) // each, self.scores[kept])
        return ScoreTest(sums, self.information, np.arange(runs))

    def _orders(self, count: int, rng: np.random.Generator) -> Rows:
        """Random permutations of the rows by block (count, n)."""
        place = rng.random((count, int(self.block.max()) + 1))
        return np.argsort(place[:, self.block], axis=1, kind="stable")

    def _log_factors(self, drawn: Floats) -> Floats:
        """Log Bayes factors of a change after rows SIDE … n - SIDE (B, n - 2 SIDE + 1), for permutations (B, n, p)."""
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
    """log N(D; 0, I + s I²) / N(D; 0, I) elementwise; ``apart`` is D, ``size`` is s."""
    spread = 1.0 + size * information
    found: Floats = (0.5 * size) * (apart * apart) / spread - 0.5 * np.log(spread)
    return found


def _log_mean(logs: Floats) -> Floats:
    """log of the mean of exp over the last axis."""
    top = logs.max(axis=-1)
    found: Floats = np.log(np.exp(logs - top[..., None]).mean(axis=-1)) + top
    return found


def _located(evidence: Floats) -> ChangePoint:
    """The row with the largest Bayes factor, and the central 80 % of the normalised factors, extended to include it."""
    share = np.exp(evidence - evidence.max())
    below = np.cumsum(share) / share.sum()
    at = int(evidence.argmax())
    earliest, latest = (int(np.searchsorted(below, one)) for one in (0.1, 0.9))
    return ChangePoint(SIDE + at, SIDE + min(earliest, at), SIDE + max(latest, at))
