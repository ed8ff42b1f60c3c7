"""Is the probability that a profile states calibrated? Share of people whose own weights actually predict better.

    PERSONALRM_REAL_DATA=DIR python benchmarks/gain_reliability.py [prism mt_bench crowdrag ukp] [--people 150]
    PERSONALRM_REAL_DATA=DIR python benchmarks/gain_reliability.py crowdrag ukp writers --shipped

Five folds by person; the other folds are the population, which also gives the prior of the gain. ``--shipped`` uses the
shipped prior instead, for sets that it was not learned from. For each person, 2, 3, 5, 8, 12 and 20 groups are drawn
(three draws); own weights are fitted to them and tested on the person's other groups. The tables compare the stated
probability with the observed share, by stated probability and by number of groups and set; the bar is 7 points.
Profiles show no percentage for fewer than five groups; the number exists, because it decides whether the weights are
used.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from common import print_table
from personalrm.data.splits import folds_by_person
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.gain import GROUPS, cases_of
from personalrm.models.traits.posterior import Person
from personalrm.models.traits.reader import TraitReader
from personalrm.preferences import History
from personalrm.stats.intervals import interval
from real_people import people_of

SETS = ("prism", "mt_bench", "crowdrag", "ukp")
DRAWS, FOLDS, ALLOWED = 3, 5, 0.07
BINS = ((0.0, 0.45), (0.45, 0.5), (0.5, 0.55), (0.55, 0.6), (0.6, 0.65), (0.65, 1.0))
FEWEST = 10
"""Minimum number of people in a row."""


class Told(NamedTuple):
    """One person and draw: number of groups, stated probability, whether it came true, expected and observed gain."""

    person: int
    groups: int
    share: float
    true: bool
    mean: float
    later: float


def stated(name: str, most: int | None, shipped: bool) -> Iterator[Told]:
    """Statements for each person and draw."""
    people = people_of(name, most, fewest=4)
    reader = TraitReader(remember=100_000)
    if shipped:
        model = TraitsModel.shipped()
        for at, one in enumerate(people):
            yield from _of(model, at, one)
        return
    fold_of = folds_by_person((one.user for one in people), FOLDS, 0)
    for fold in range(FOLDS):
        model = TraitsModel.from_population([one for one in people if fold_of[one.user] != fold], reader=reader)
        for at, one in enumerate(people):
            if fold_of[one.user] == fold:
                yield from _of(model, at, one)


def _of(model: TraitsModel, number: int, history: History) -> Iterator[Told]:
    evidence = model.evidence(history.decided)
    person = Person(evidence.offset, evidence.t, evidence.groups)
    for draw in range(DRAWS):
        for case in cases_of([person], [model.prior.covariance], np.random.default_rng(draw)):
            told = model.prior.gain.expected(case.measured, case.groups)
            if case.later != 0.0:
                yield Told(number, case.groups, told.share, case.later > 0.0, told.mean, case.later)


def _row(some: Sequence[Told]) -> tuple[bool, tuple[object, ...]]:
    """Whether it is within the bar; people, stated, observed with interval by person, expected and observed gain."""
    told, true, hoped, gained = (float(np.mean([row[at] for row in some])) for at in (2, 3, 4, 5))
    codes = np.array([row.person for row in some])
    bounds = interval(np.array([float(row.true) for row in some]), codes, draws=2_000)
    within = abs(told - true) <= ALLOWED
    shown = "" if bounds is None else f"[{bounds[0]:.2f}, {bounds[1]:.2f}]"
    cells = (f"{told:.3f}", f"{true:.3f}", shown, "yes" if within else "NO", f"{hoped:+.4f}", f"{gained:+.4f}")
    return within, (len(set(codes.tolist())), *cells)


def main() -> int:
    """Print the reliability by stated probability and by number of groups; 1 if a row is off by more than 7 points."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=list(SETS))
    parser.add_argument("--people", type=int, help="number of people of each set, randomly drawn")
    parser.add_argument("--shipped", action="store_true", help="use the shipped prior")
    given = parser.parse_args()
    found = {name: list(stated(name, given.people, given.shipped)) for name in given.names}
    every = [row._replace(person=at * 10_000 + row.person) for at, rows in enumerate(found.values()) for row in rows]
    rows: list[tuple[object, ...]] = []
    good = True
    for low, high in BINS:
        some = [row for row in every if low <= row.share < high]
        if len(some) >= 100:
            within, cells = _row(some)
            good &= within
            rows.append((f"{low:.2f}–{high:.2f}", *cells))
    heads = ("people", "stated", "came true", "95 % interval", "within 7 points", "expected nats", "later nats")
    print_table("stated share", ("share", *heads), rows)
    by_groups: list[tuple[object, ...]] = []
    for groups in GROUPS:
        for name, cases in found.items():
            some = [row for row in cases if row.groups == groups]
            if len({row.person for row in some}) >= FEWEST:
                within, cells = _row(some)
                good &= groups > 12 or within
                by_groups.append((groups, name, *cells))
    print_table("by number of groups", ("groups", "set", *heads), by_groups)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
