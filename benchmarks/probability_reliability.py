"""Is the probability of a single prediction true? Of pairs predicted with p %, how many were predicted right.

    PERSONALRM_REAL_DATA=DIR python benchmarks/probability_reliability.py prism mt_bench
    PERSONALRM_REAL_DATA=DIR python benchmarks/probability_reliability.py crowdrag --people 150 --protocol new-texts
    PERSONALRM_REAL_DATA=DIR python benchmarks/probability_reliability.py prism crowdrag ukp writers --shipped

Five folds by person; the other folds are the population (`populations`: judged texts, new texts, or crossed). With
``--shipped`` the prior that ships with the package predicts, or its recipe without the person and their texts. Of each
person, 2, 3, 5, 8 and 12 groups are drawn; the other groups are predicted from them as a profile would: by own weights
where these are used, else by the population's. Stated is the probability of the response that is predicted. A row is of
one set and number of groups, and of that row's pairs in four parts of equal size by stated probability: ``largest`` is
the largest distance of a part, 7 points are allowed. The interval of what came true is 95 %, by person; that of
``largest`` is 95 % with people and texts as clusters (Cameron, Gelbach & Miller 2011), because many people judged the
same text. With 45 people the division into folds alone moves a part by several points: ``--seeds 5`` takes five
divisions and draws together, as repeated cross-validation does. Below the table, the parts of all rows of a set are
tested at once (`simultaneous`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import simultaneous
from common import print_table
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.fit import sigmoid
from personalrm.models.traits.person import Evidence, predict_group
from personalrm.stats.intervals import interval
from populations import Asked, Protocol, cells, drawn, shipped_cells
from real_people import people_of

Array = simultaneous.Array
GROUPS = (2, 3, 5, 8, 12)
PARTS, ALLOWED = 4, 0.07


class Predicted(NamedTuple):
    """One person with so many groups to learn from: probabilities of what was chosen in the other groups (n,), and the
    number of the text of each (n,)."""

    person: int
    groups: int
    chosen: Array
    text: NDArray[np.intp]


def predicted(name: str, most: int | None, protocol: Protocol | None, seeds: int) -> Iterator[Predicted]:
    """Each person at each number of groups that leaves something to predict, in parts by fold of the texts; by the
    shipped prior if the protocol is None."""
    people = people_of(name, most, fewest=4)
    for seed in range(seeds):
        for cell in shipped_cells(name, people, seed) if protocol is None else cells(people, protocol, seed):
            for one in cell.people:
                yield from _of_person(cell.model, one, seed)


def _of_person(model: TraitsModel, one: Asked, seed: int) -> Iterator[Predicted]:
    """The person at each number of groups; of the other groups, those that are asked are predicted."""
    evidence = one.evidence
    order = np.random.default_rng(one.number + 100_000 * seed).permutation(len(evidence.groups))
    for count in GROUPS:
        parts = drawn(evidence, order, count, one.asked) if count < len(order) else None
        if parts is not None:
            known, rest = parts
            yield Predicted(one.number, count, _chosen(model, evidence, known, rest), one.text[rest])


def _chosen(model: TraitsModel, evidence: Evidence, known: Evidence, rest: NDArray[np.intp]) -> Array:
    """Probabilities of what was chosen in the other groups, from the known ones."""
    n = len(known.offset)
    held = np.arange(n, n + len(rest))
    together = Evidence(
        np.concatenate([known.offset, evidence.offset[rest]]),
        np.concatenate([known.t, evidence.t[rest]]),
        [*known.groups, held],
    )
    return sigmoid(predict_group(together, held, model.prior.covariance, model.prior.gain))


def parts_of(some: list[Predicted], seeds: int) -> list[simultaneous.Cell]:
    """Stated probability minus outcome of the pairs of one row, in parts by stated probability."""
    chosen = np.concatenate([one.chosen for one in some])
    codes = np.repeat([one.person for one in some], [len(one.chosen) for one in some])
    stated, right, texts = _stated(chosen), _right(chosen), np.concatenate([one.text for one in some])
    parts = np.array_split(np.argsort(stated, kind="stable"), PARTS)
    return [simultaneous.Cell(stated[rows], right[rows], codes[rows], texts[rows], seeds) for rows in parts]


def _stated(chosen: Array) -> Array:
    return np.maximum(chosen, 1.0 - chosen)


def _right(chosen: Array) -> Array:
    return np.where(chosen == 0.5, 0.5, (chosen > 0.5).astype(float))


def reliability(some: list[Predicted], seeds: int) -> tuple[bool, tuple[object, ...]]:
    """Whether every part is within the bar; people, pairs, stated, came true with its interval, largest distance."""
    chosen = np.concatenate([one.chosen for one in some])
    codes = np.repeat([one.person for one in some], [len(one.chosen) for one in some])
    stated, right = _stated(chosen), _right(chosen)
    off = [(float(one.apart.mean()), 1.96 * simultaneous.standard_error(one)) for one in parts_of(some, seeds)]
    largest, reach = max(off, key=lambda one: abs(one[0]))
    low, high = interval(right, codes, draws=2_000) or (np.nan, np.nan)
    shown = (
        f"{stated.mean():.3f}",
        f"{right.mean():.3f}",
        f"[{low:.2f}, {high:.2f}]",
        f"{-100 * largest:+.1f} ± {100 * reach:.1f}",
    )
    within = abs(largest) <= ALLOWED
    return within, (len(set(codes.tolist())), len(chosen), *shown, "yes" if within else "NO")


def main() -> int:
    """Print the table; 1 if a part of a row is off by more than 7 points."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=["prism", "mt_bench"])
    parser.add_argument("--people", type=int, help="only so many people of each set, drawn at random")
    parser.add_argument("--protocol", type=Protocol, default=Protocol.JUDGED, choices=list(Protocol))
    parser.add_argument("--shipped", action="store_true", help="use the shipped prior")
    parser.add_argument("--seeds", type=int, default=1, help="number of divisions into folds, taken together")
    given = parser.parse_args()
    protocol = None if given.shipped else given.protocol
    rows: list[tuple[object, ...]] = []
    tests: list[str] = []
    good = True
    for name in given.names:
        found = list(predicted(name, given.people, protocol, given.seeds))
        every: list[simultaneous.Cell] = []
        for groups in GROUPS:
            some = [one for one in found if one.groups == groups]
            if len({one.person for one in some}) >= 10:
                within, shown = reliability(some, given.seeds)
                good &= within
                rows.append((name, groups, *shown))
                every += parts_of(some, given.seeds)
        tests.append(f"{name}: {simultaneous.simultaneous(every, ALLOWED)}")
    heads = ("set", "groups", "people", "pairs", "stated", "came true", "95 % interval", "largest", "within 7 points")
    print_table("probability of each prediction", heads, rows)
    print("\n".join(tests))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
