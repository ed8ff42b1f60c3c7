"""Is the probability of a single prediction true? Of pairs predicted with p %, how many were predicted right.

    PERSONALRM_REAL_DATA=DIR python benchmarks/probability_reliability.py prism mt_bench
    PERSONALRM_REAL_DATA=DIR python benchmarks/probability_reliability.py crowdrag --people 150
    PERSONALRM_REAL_DATA=DIR python benchmarks/probability_reliability.py mt_bench --judged-texts

Five folds by person; the other folds are the population (protocol *new people*). Of each person, 2, 3, 5, 8 and 12
groups are drawn once; the other groups are predicted from them as a profile would: by own weights where these are used,
else by the population's. Stated is the probability of the response that is predicted. A row is of one set and number of
groups, and of that row's pairs in four parts of equal size by stated probability: ``largest`` is the largest distance
of a part, 7 points are allowed. Intervals are 95 %, by person.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common import print_table
from personalrm.data.splits import folds_by_person
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.fit import sigmoid
from personalrm.models.traits.person import Evidence, predict_group
from personalrm.models.traits.reader import TraitReader
from personalrm.stats.intervals import interval
from real_people import people_of

GROUPS = (2, 3, 5, 8, 12)
FOLDS, PARTS, ALLOWED = 5, 4, 0.07
Array = NDArray[np.float64]


class Predicted(NamedTuple):
    """One person with so many groups to learn from: probabilities of what was chosen in the other groups (n,)."""

    person: int
    groups: int
    chosen: Array


def predicted(name: str, most: int | None, new_texts: bool) -> Iterator[Predicted]:
    """Each person at each number of groups that leaves something to predict."""
    people = people_of(name, most, fewest=4)
    fold_of, reader = folds_by_person((one.user for one in people), FOLDS, 0), TraitReader(remember=100_000)
    for fold in range(FOLDS):
        others = [one for one in people if fold_of[one.user] != fold]
        model = TraitsModel.from_population(others, reader=reader, new_texts=new_texts)
        for at, one in enumerate(people):
            if fold_of[one.user] == fold:
                evidence = model.evidence(one.decided)
                order = np.random.default_rng(at).permutation(len(evidence.groups))
                for count in GROUPS:
                    if count < len(order):
                        yield Predicted(at, count, _chosen(model, evidence, order, count))


def _chosen(model: TraitsModel, evidence: Evidence, order: NDArray[np.int64], count: int) -> Array:
    """Probabilities of what was chosen in the groups after the first ``count`` of an order."""
    known, rest = [evidence.groups[at] for at in order[:count]], [evidence.groups[at] for at in order[count:]]
    rows, ends = np.concatenate(known + rest), np.cumsum([len(one) for one in known])
    groups = [np.arange(end - len(one), end) for one, end in zip(known, ends, strict=True)]
    held = np.arange(ends[-1], len(rows))
    drawn = Evidence(evidence.offset[rows], evidence.t[rows], [*groups, held])
    return sigmoid(predict_group(drawn, held, model.prior.covariance, model.prior.gain))


def reliability(some: list[Predicted]) -> tuple[bool, tuple[object, ...]]:
    """Whether every part is within the bar; people, pairs, stated, came true with its interval, largest distance."""
    chosen = np.concatenate([one.chosen for one in some])
    codes = np.repeat([one.person for one in some], [len(one.chosen) for one in some])
    stated = np.maximum(chosen, 1.0 - chosen)
    right = np.where(chosen == 0.5, 0.5, (chosen > 0.5).astype(float))
    parts = np.array_split(np.argsort(stated, kind="stable"), PARTS)
    largest = max(abs(float(stated[rows].mean() - right[rows].mean())) for rows in parts)
    low, high = interval(right, codes, draws=2_000) or (np.nan, np.nan)
    shown = (f"{stated.mean():.3f}", f"{right.mean():.3f}", f"[{low:.2f}, {high:.2f}]", f"{100 * largest:.1f}")
    return largest <= ALLOWED, (len(some), len(chosen), *shown, "yes" if largest <= ALLOWED else "NO")


def main() -> int:
    """Print the table; 1 if a part of a row is off by more than 7 points."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=["prism", "mt_bench"])
    parser.add_argument("--people", type=int, help="only so many people of each set, drawn at random")
    parser.add_argument("--judged-texts", action="store_true", help="shrinkage chosen for texts the population judged")
    given = parser.parse_args()
    rows: list[tuple[object, ...]] = []
    good = True
    for name in given.names:
        found = list(predicted(name, given.people, not given.judged_texts))
        for groups in GROUPS:
            some = [one for one in found if one.groups == groups]
            if len(some) >= 10:
                within, cells = reliability(some)
                good &= within
                rows.append((name, groups, *cells))
    heads = ("set", "groups", "people", "pairs", "stated", "came true", "95 % interval", "largest", "within 7 points")
    print_table("probability of each prediction", heads, rows)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
