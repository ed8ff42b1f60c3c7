"""Coverage of the 95 % intervals, rejection rate of the test for a true null hypothesis, and speed.

    python benchmarks/statistics_simulation.py [SAMPLES]

People differ (their probability of a correct prediction is Beta with mean 0.70 and an intra-person correlation of 0.1)
and have different numbers of pairs: as in prism.jsonl.gz (4 to 15 or so), or so uneven that few people have most pairs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from common import row
from personalrm.stats.intervals import Codes, Floats, interval, paired

MEAN, CORRELATION = 0.70, 0.1
DRAWS = 1_000
Sizes = Callable[[np.random.Generator, int], NDArray[np.int64]]


def as_in_prism(rng: np.random.Generator, people: int) -> NDArray[np.int64]:
    """Numbers of pairs per person."""
    return rng.integers(4, 16, people)


def uneven(rng: np.random.Generator, people: int) -> NDArray[np.int64]:
    """Numbers of pairs per person with a long tail: mean 9, standard deviation 7.5."""
    return 1 + rng.geometric(1 / 8, people)


def sample(rng: np.random.Generator, people: int, sizes: Sizes) -> tuple[Floats, Floats, Codes]:
    """Correctness of two methods that are equally good for each person, and the person of each pair."""
    both = (1 - CORRELATION) / CORRELATION
    who = np.repeat(np.arange(people), sizes(rng, people))
    chance = rng.beta(MEAN * both, (1 - MEAN) * both, people)[who]
    one, other = rng.random((2, len(who))) < chance
    return one.astype(float), other.astype(float), who


def trial(seed: int, people: int, sizes: Sizes) -> tuple[bool, bool, bool]:
    """Whether the interval covers the truth, that of the difference covers zero, and the test rejects."""
    one, other, who = sample(np.random.default_rng([people, seed]), people, sizes)
    bounds, effect = interval(one, who, seed, DRAWS), paired(one, other, who, seed, DRAWS)
    assert bounds is not None
    assert effect is not None
    assert effect.low is not None
    assert effect.high is not None
    return bounds[0] <= MEAN <= bounds[1], effect.low <= 0.0 <= effect.high, effect.p <= 0.05


def speed() -> float:
    """Seconds for 10,000 resamples of 100,000 pairs of 1,000 people, interval and paired test."""
    rng = np.random.default_rng(0)
    values, who = (rng.random(100_000) < 0.7).astype(float), np.arange(100_000) % 1000
    began = time.perf_counter()
    interval(values, who)
    return time.perf_counter() - began


def main() -> int:
    """Print the rows; 1 if a bar is missed."""
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    missed = 0
    with ProcessPoolExecutor() as pool:
        for sizes in (as_in_prism, uneven):
            for people in (20, 100, 700):
                tried = pool.map(partial(trial, people=people, sizes=sizes), range(samples), chunksize=50)
                held, zero, rejected = np.mean(list(tried), axis=0)
                figures = (
                    ("interval", held, 0.95),
                    ("of a difference", zero, 0.95),
                    ("true null rejected", rejected, 0.05),
                )
                for what, share, wanted in figures:
                    ok = abs(share - wanted) <= 0.01
                    missed += not ok
                    where = f"{people} people, {sizes.__name__.replace('_', ' ')}: {what}"
                    row(where, f"{share:.1%}", f"{wanted:.0%} ± 1", ok)
    seconds = speed()
    missed += seconds >= 3
    row("10,000 draws over 100,000 judgements", f"{seconds:.2f} s", "< 3 s", seconds < 3)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
