"""Is the share that a profile states true? Of people told p %, how many are predicted better by their own weights.

    PERSONALRM_REAL_DATA=DIR python benchmarks/gain_reliability.py [prism mt_bench crowdrag ukp]

Five folds by person; the other folds are the population, which also gives the prior on the gain. Of each person, 2, 3,
5, 8, 12 and 20 groups are drawn (three draws), own weights are learned from them and tried on the person's other
groups. The tables compare what is stated with what happened, by stated share and by number of groups and set; 7 points
are allowed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np

from common import print_table, real_data
from personalrm.data.reading import read_people
from personalrm.data.splits import folds_by_person
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.gain import GROUPS, cases_of
from personalrm.models.traits.posterior import Person
from personalrm.models.traits.reader import TraitReader
from personalrm.preferences import History

SETS = ("prism", "mt_bench", "crowdrag", "ukp")
DRAWS, FOLDS, ALLOWED = 3, 5, 0.07
BINS = ((0.0, 0.45), (0.45, 0.5), (0.5, 0.55), (0.55, 0.6), (0.6, 0.65), (0.65, 1.0))


def stated(name: str) -> Iterator[tuple[int, float, bool, float, float]]:
    """Of each person and draw: number of groups, stated share, whether it came true, expected and later gain."""
    people = [one for one in read_people(real_data() / f"{name}.jsonl.gz") if len(one.decided) >= 4]
    fold_of, reader = folds_by_person((one.user for one in people), FOLDS, 0), TraitReader(remember=100_000)
    for fold in range(FOLDS):
        model = TraitsModel.from_population([one for one in people if fold_of[one.user] != fold], reader=reader)
        for one in people:
            if fold_of[one.user] == fold:
                yield from _of(model, one)


def _of(model: TraitsModel, history: History) -> Iterator[tuple[int, float, bool, float, float]]:
    evidence = model.evidence(history.decided)
    person = Person(evidence.offset, evidence.t, evidence.groups)
    for draw in range(DRAWS):
        for case in cases_of(person, model.prior.covariance, np.random.default_rng(draw)):
            told = model.prior.gain.expected(case.measured, case.groups)
            if case.later != 0.0:
                yield case.groups, told.share, case.later > 0.0, told.mean, case.later


def main() -> int:
    """Print the reliability by stated share and by number of groups; 1 if a row is off by more than 7 points."""
    names = sys.argv[1:] or SETS
    found = {name: list(stated(name)) for name in names}
    every = [row for rows in found.values() for row in rows]
    rows: list[tuple[object, ...]] = []
    good = True
    for low, high in BINS:
        some = [row for row in every if low <= row[1] < high]
        if len(some) >= 100:
            told, true = float(np.mean([row[1] for row in some])), float(np.mean([row[2] for row in some]))
            good &= abs(told - true) <= ALLOWED
            ok = "yes" if abs(told - true) <= ALLOWED else "NO"
            rows.append((f"{low:.2f}–{high:.2f}", len(some), f"{told:.3f}", f"{true:.3f}", ok))
    print_table("stated share", ("stated", "cases", "mean stated", "came true", "within 7 points"), rows)
    by_groups: list[tuple[object, ...]] = []
    for groups in GROUPS:
        for name, cases in found.items():
            some = [row for row in cases if row[0] == groups]
            if len(some) >= 30:
                told, true, hoped, gained = (float(np.mean([row[at] for row in some])) for at in (1, 2, 3, 4))
                good &= groups > 12 or abs(told - true) <= ALLOWED
                ok = "yes" if abs(told - true) <= ALLOWED else "NO"
                figures = (f"{told:.3f}", f"{true:.3f}", ok, f"{hoped:+.4f}", f"{gained:+.4f}")
                by_groups.append((groups, name, len(some), *figures))
    columns = ("groups", "set", "cases", "stated", "came true", "within 7 points", "expected nats", "later nats")
    print_table("by number of groups", columns, by_groups)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
