"""Is the probability of a single prediction true? Of pairs predicted with p %, how many were predicted right.

    PERSONALRM_REAL_DATA=DIR python benchmarks/probability_reliability.py prism mt_bench
    PERSONALRM_REAL_DATA=DIR python benchmarks/probability_reliability.py crowdrag --people 150
    PERSONALRM_REAL_DATA=DIR python benchmarks/probability_reliability.py mt_bench --judged-texts
    PERSONALRM_REAL_DATA=DIR python benchmarks/probability_reliability.py ukp --people 120 --new-texts

Five folds by person; the other folds are the population (protocol *new people*). Of each person, 2, 3, 5, 8 and 12
groups are drawn once; the other groups are predicted from them as a profile would: by own weights where these are used,
else by the population's. Stated is the probability of the response that is predicted. A row is of one set and number of
groups, and of that row's pairs in four parts of equal size by stated probability: ``largest`` is the largest distance
of a part, 7 points are allowed. The interval of what came true is 95 %, by person; that of ``largest`` is 95 % with
people and texts as clusters (Cameron, Gelbach & Miller 2011), because many people judged the same text.

``--new-texts``: the groups are in five folds as well, and the population has judged none of the fold's groups
(protocol *new people and new texts*): 25 populations instead of five.
"""

from __future__ import annotations

import argparse
import math
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
from personalrm.preferences import Preference
from personalrm.stats.intervals import interval
from real_people import people_of

GROUPS = (2, 3, 5, 8, 12)
FOLDS, PARTS, ALLOWED = 5, 4, 0.07
Array = NDArray[np.float64]


class Predicted(NamedTuple):
    """One person with so many groups to learn from: probabilities of what was chosen in the other groups (n,), and the
    number of the text of each (n,)."""

    person: int
    groups: int
    chosen: Array
    text: NDArray[np.intp]


def predicted(name: str, most: int | None, *, judged: bool, new_texts: bool) -> Iterator[Predicted]:
    """Each person at each number of groups that leaves something to predict, in parts by fold of the texts."""
    people = people_of(name, most, fewest=4)
    fold_of, reader = folds_by_person((one.user for one in people), FOLDS, 0), TraitReader(remember=100_000)
    texts = sorted({choice.group for one in people for choice in one.decided})
    number = {text: at for at, text in enumerate(texts)}
    part = np.random.default_rng(1).permutation(len(texts)) % (FOLDS if new_texts else 1)
    for fold in range(FOLDS):
        for text_fold in range(int(part.max()) + 1):

            def known(choice: Preference, text_fold: int = text_fold) -> bool:
                return not new_texts or bool(part[number[choice.group]] != text_fold)

            others = [one.only(filter(known, one)) for one in people if fold_of[one.user] != fold]
            model = TraitsModel.from_population(others, reader=reader, new_texts=not judged)
            for at, one in enumerate(people):
                if fold_of[one.user] == fold:
                    text = np.array([number[choice.group] for choice in one.decided])
                    yield from _of_person(at, model, model.evidence(one.decided), text, part == text_fold)


def _of_person(
    person: int, model: TraitsModel, evidence: Evidence, text: NDArray[np.intp], asked: NDArray[np.bool_]
) -> Iterator[Predicted]:
    """The person at each number of groups; of the other groups, those with texts that are ``asked`` are predicted."""
    order = np.random.default_rng(person).permutation(len(evidence.groups))
    for count in GROUPS:
        known = [evidence.groups[at] for at in order[:count]]
        rest = [group for group in (evidence.groups[at] for at in order[count:]) if asked[text[group[0]]]]
        if rest:
            chosen = _chosen(model, evidence, known, rest)
            yield Predicted(person, count, chosen, text[np.concatenate(rest)])


def _chosen(
    model: TraitsModel, evidence: Evidence, known: list[NDArray[np.intp]], rest: list[NDArray[np.intp]]
) -> Array:
    """Probabilities of what was chosen in the other groups, from the known ones."""
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
    texts = np.concatenate([one.text for one in some])
    parts = np.array_split(np.argsort(stated, kind="stable"), PARTS)
    off = [_distance(stated[rows] - right[rows], codes[rows], texts[rows]) for rows in parts]
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


def _distance(apart: Array, people: NDArray[np.intp], texts: NDArray[np.intp]) -> tuple[float, float]:
    """Mean distance of some pairs, and half of its 95 % interval with two-way clusters."""
    mean = float(apart.mean())
    by_people, by_texts = (_squares(apart - mean, one) for one in (people, texts))
    both = _squares(apart - mean, people * (int(texts.max()) + 1) + texts)
    return mean, 1.96 * math.sqrt(max(by_people + by_texts - both, by_people, by_texts)) / len(apart)


def _squares(apart: Array, code: NDArray[np.intp]) -> float:
    sums = np.bincount(np.unique(code, return_inverse=True)[1].reshape(-1), weights=apart)
    return float(sums @ sums) * len(sums) / max(1, len(sums) - 1)


def main() -> int:
    """Print the table; 1 if a part of a row is off by more than 7 points."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=["prism", "mt_bench"])
    parser.add_argument("--people", type=int, help="only so many people of each set, drawn at random")
    parser.add_argument("--judged-texts", action="store_true", help="shrinkage chosen for texts the population judged")
    parser.add_argument("--new-texts", action="store_true", help="the population has not judged the predicted texts")
    given = parser.parse_args()
    rows: list[tuple[object, ...]] = []
    good = True
    for name in given.names:
        found = list(predicted(name, given.people, judged=given.judged_texts, new_texts=given.new_texts))
        for groups in GROUPS:
            some = [one for one in found if one.groups == groups]
            if len({one.person for one in some}) >= 10:
                within, cells = reliability(some)
                good &= within
                rows.append((name, groups, *cells))
    heads = ("set", "groups", "people", "pairs", "stated", "came true", "95 % interval", "largest", "within 7 points")
    print_table("probability of each prediction", heads, rows)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
