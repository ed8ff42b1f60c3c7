"""Is the probability that a profile states calibrated? Share of people whose own weights actually predict better.

    PERSONALRM_REAL_DATA=DIR python benchmarks/gain_reliability.py [prism mt_bench crowdrag ukp] [--people 150]
    PERSONALRM_REAL_DATA=DIR python benchmarks/gain_reliability.py mt_bench --protocol new-texts
    PERSONALRM_REAL_DATA=DIR python benchmarks/gain_reliability.py crowdrag ukp writers --shipped

Five folds by person; the other folds are the population, which also gives the prior of the gain (`populations`: judged
texts, new texts, or crossed). ``--shipped`` uses the shipped prior instead, for sets that it was not learned from. For
each person, 2, 3, 5, 8, 12 and 20 groups are drawn (three draws); own weights are fitted to them and tested on the
person's other groups; on new texts each is predicted by the population that has not judged it, and the stated
probability is the mean over those populations. The tables compare the stated probability with the observed share, by
stated probability and by number of groups and set; the bar is 7 points. Profiles show no percentage for fewer than five
groups or with fewer than 100 other people behind it: ``shown`` says which rows a profile would show. The others exist,
because the estimate decides whether the weights are used. ``--seeds 5`` takes five divisions into folds together. Below
the tables, all rows are tested at once (`simultaneous`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

import simultaneous
from common import print_table
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.fit import integrated, softplus
from personalrm.models.traits.gain import GROUPS, Expected
from personalrm.models.traits.person import measure
from personalrm.models.traits.posterior import variances_of
from personalrm.profile.small_numbers import FEWEST_GROUPS, FEWEST_PEOPLE
from personalrm.stats.intervals import interval
from populations import Asked, Protocol, cells, drawn
from real_people import people_of

Array = simultaneous.Array
SETS = ("prism", "mt_bench", "crowdrag", "ukp")
DRAWS, ALLOWED, MOST = 3, 0.07, 12
BINS = ((0.0, 0.45), (0.45, 0.5), (0.5, 0.55), (0.55, 0.6), (0.6, 0.65), (0.65, 1.0))
FEWEST = 10
"""Minimum number of people in a row."""


class Told(NamedTuple):
    """One person and draw: number of groups, stated probability, whether it came true, expected and observed gain, and
    number of other people behind it."""

    person: int
    groups: int
    share: float
    true: bool
    mean: float
    later: float
    behind: int


Key = tuple[int, int, int]
"""Person, draw, number of groups."""


def stated(name: str, most: int | None, protocol: Protocol | None, seeds: int) -> Iterator[Told]:
    """Statements for each person and draw; with the shipped prior if the protocol is None."""
    people = people_of(name, most, fewest=4)
    found: dict[Key, list[tuple[Expected, Array]]] = {}
    if protocol is None:
        model = TraitsModel.shipped()
        every = [(at, model.evidence(one.decided)) for at, one in enumerate(people)]
        asked = [Asked(at, one, np.zeros(len(one.offset), dtype=np.intp), np.ones(len(one.offset), dtype=bool))
                 for at, one in every]  # fmt: skip
        _collect(found, model, asked, 0)
    for seed in range(seeds if protocol is not None else 0):
        for cell in cells(people, protocol, seed):
            _collect(found, cell.model, cell.people, seed)
    for (person, _, groups), parts in sorted(found.items()):
        sizes = np.array([len(gains) for _, gains in parts], dtype=float)
        share, mean = (float(np.average([one[at] for one, _ in parts], weights=sizes)) for at in (0, 1))
        later = float(np.concatenate([gains for _, gains in parts]).mean())
        if later != 0.0:
            behind = min(one.people for one, _ in parts)
            yield Told(person, groups, share, later > 0.0, mean, later, behind)


def _collect(
    found: dict[Key, list[tuple[Expected, Array]]],
    model: TraitsModel,
    people: Iterator[Asked] | Sequence[Asked],
    seed: int,
) -> None:
    """Add the expectation, and the gain of each predicted choice (n,), of every person and draw of one population."""
    covariance, gain = model.prior.covariance, model.prior.gain
    for one in people:
        for draw in range(seed * DRAWS, (seed + 1) * DRAWS):
            rng = np.random.default_rng(draw)
            for count in [count for count in GROUPS if count < len(one.evidence.groups)]:
                parts = drawn(one.evidence, rng.permutation(len(one.evidence.groups)), count, one.asked)
                if parts is None:
                    continue
                known, rest = parts
                offset, t = one.evidence.offset[rest], one.evidence.t[rest]
                departure, spread = known.posterior(covariance)
                before = softplus(-integrated(offset, variances_of(t, covariance)))
                after = softplus(-integrated(offset + t @ departure, variances_of(t, spread)))
                expected = measure(known, covariance, gain).expected
                found.setdefault((one.number, draw, count), []).append((expected, before - after))


def _row(some: Sequence[Told]) -> tuple[bool, tuple[object, ...]]:
    """Whether it is within the bar; people, stated, observed with interval by person, expected and observed gain."""
    told, true, hoped, gained = (float(np.mean([row[at] for row in some])) for at in (2, 3, 4, 5))
    codes = np.array([row.person for row in some])
    bounds = interval(np.array([float(row.true) for row in some]), codes, draws=2_000)
    within = abs(told - true) <= ALLOWED
    shown = "" if bounds is None else f"[{bounds[0]:.2f}, {bounds[1]:.2f}]"
    cells = (f"{told:.3f}", f"{true:.3f}", shown, "yes" if within else "NO", f"{hoped:+.4f}", f"{gained:+.4f}")
    return within, (len(set(codes.tolist())), *cells)


def _shown(row: Told) -> bool:
    """Whether a profile shows the percentage."""
    return row.groups >= FEWEST_GROUPS and row.behind >= FEWEST_PEOPLE


def _cell(some: Sequence[Told]) -> simultaneous.Cell:
    stated, true = (np.array([float(row[at]) for row in some]) for at in (2, 3))
    return simultaneous.Cell(stated, true, np.array([row.person for row in some], dtype=np.intp))


def main() -> int:
    """Print the reliability by stated probability and by number of groups; 1 if a row is off by more than 7 points."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=list(SETS))
    parser.add_argument("--people", type=int, help="number of people of each set, randomly drawn")
    parser.add_argument("--protocol", type=Protocol, default=Protocol.JUDGED, choices=list(Protocol))
    parser.add_argument("--shipped", action="store_true", help="use the shipped prior")
    parser.add_argument("--seeds", type=int, default=1, help="number of divisions into folds, taken together")
    given = parser.parse_args()
    protocol = None if given.shipped else given.protocol
    found = {name: list(stated(name, given.people, protocol, given.seeds)) for name in given.names}
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
    kept: dict[tuple[str, int], list[Told]] = {}
    for groups in GROUPS:
        for at, name in enumerate(found):
            some = [row for row in every if row.groups == groups and row.person // 10_000 == at]
            if len({row.person for row in some}) >= FEWEST:
                within, cells = _row(some)
                good &= groups > MOST or within
                kept[name, groups] = some
                by_groups.append((groups, name, *cells, f"{np.mean([_shown(row) for row in some]):.0%}"))
    print_table("by number of groups", ("groups", "set", *heads, "shown"), by_groups)
    tested = {key: some for key, some in kept.items() if key[1] <= MOST}
    for name in found:
        print(f"{name}: {_tested([some for key, some in tested.items() if key[0] == name])}")
    print(f"all sets: {_tested(list(tested.values()))}")
    print(f"shown by profiles: {_tested([some for some in tested.values() if all(map(_shown, some))])}")
    return 0 if good else 1


def _tested(cells: Sequence[Sequence[Told]]) -> str:
    return "no cells" if not cells else str(simultaneous.simultaneous([_cell(one) for one in cells], ALLOWED))


if __name__ == "__main__":
    sys.exit(main())
