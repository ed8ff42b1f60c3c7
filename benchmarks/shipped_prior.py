"""What the shipped prior is worth for people it was not learned from, and what another mixture of sets would be.

    PERSONALRM_REAL_DATA=DIR python benchmarks/shipped_prior.py [prism mt_bench crowdrag writers ukp] [--people 150]
    PERSONALRM_REAL_DATA=DIR python benchmarks/shipped_prior.py --against prism mt_bench
    PERSONALRM_REAL_DATA=DIR python benchmarks/shipped_prior.py --draws 3

The recipe (`train_prior`: PRISM, MT-Bench and CrowdRAG, about as many choices of each) is repeated without the people
who are predicted: five folds by person for the sets of the recipe; on the other sets, one prior of all people. A
person's groups of choices are each predicted from the others. ``bins`` are stated and observed percentages of right
predictions, in four parts of equal size by stated probability. With ``--against`` another mixture is learned for the
same people and the difference is tested, paired by person, Holm-corrected over the rows. ``--draws`` repeats the recipe
with other randomly drawn people. ``--choices 0`` takes all choices of each set.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common import print_table
from personalrm.data.splits import folds_by_person
from personalrm.models.traits import TraitsModel, leave_group_out
from personalrm.models.traits.reader import TraitReader
from personalrm.models.traits.train_prior import people_with_choices
from personalrm.preferences import History
from personalrm.stats.intervals import Paired, holm, interval, paired
from populations import CHOICES, FOLDS, RECIPE
from real_people import people_of
from traits_accuracy import loss, right

OTHERS, PARTS = ("writers", "ukp"), 4
Array = NDArray[np.float64]


class Predicted(NamedTuple):
    """Probabilities of the chosen responses (n,), by method, and the person of each (n,)."""

    person: NDArray[np.intp]
    population: Array
    traits: Array


def predicted(name: str, sets: Sequence[str], most: int | None, choices: int | None, seed: int) -> Predicted:
    """The people of a set, each by a prior from a mixture of sets without them."""
    kept = {one: people_with_choices(people_of(one), choices, seed) for one in sets}
    people, reader = people_of(name, most), TraitReader(remember=100_000)
    parts = []
    for asked, learned_from in _folds(name, people, kept):
        model = TraitsModel.from_population(learned_from, seed=seed, reader=reader)
        parts += [_of_person(model, at, people[at]) for at in asked]
    parts.sort(key=lambda one: int(one.person[0]))
    return Predicted(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _folds(
    name: str, people: Sequence[History], kept: dict[str, list[History]]
) -> Iterator[tuple[list[int], list[History]]]:
    """Positions of people to predict, and the people to learn from."""
    every = [one for each in kept.values() for one in each]
    if name not in kept:
        yield list(range(len(people))), every
        return
    fold = folds_by_person((one.user for one in people), FOLDS, 0)
    for number in range(FOLDS):
        asked = [at for at, one in enumerate(people) if fold[one.user] == number]
        users = {people[at].user for at in asked}
        yield asked, [one for one in every if one.user not in users]


def _of_person(model: TraitsModel, at: int, one: History) -> Predicted:
    pairs = [(each.context, each.chosen, each.rejected) for each in one.decided]
    return Predicted(np.full(len(pairs), at), model.compare_many(pairs), leave_group_out(model, one))


def _row(name: str, mixture: str, method: str, p: Array, person: NDArray[np.intp]) -> tuple[object, ...]:
    low, high = interval(right(p), person) or (np.nan, np.nan)
    stated, correct = np.maximum(p, 1.0 - p), right(p)
    parts = np.array_split(np.argsort(stated, kind="stable"), PARTS)
    bins = ", ".join(f"{100 * stated[rows].mean():.0f}/{100 * correct[rows].mean():.0f}" for rows in parts)
    return name, mixture, method, len(p), f"{correct.mean():.3f} [{low:.3f}, {high:.3f}]", f"{loss(p).mean():.4f}", bins


def _difference(one: Paired, scale: float) -> str:
    bounds = "" if one.low is None or one.high is None else f" [{scale * one.low:+.4f}, {scale * one.high:+.4f}]"
    return f"{scale * one.difference:+.4f}{bounds}"


def main() -> None:
    """Print the table and, with ``--against``, the differences."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=[*RECIPE, *OTHERS])
    parser.add_argument("--people", type=int, help="number of people of each predicted set, randomly drawn")
    parser.add_argument("--against", nargs="+", help="another mixture of sets")
    parser.add_argument("--choices", type=int, default=CHOICES, help="about as many of each set; 0: all")
    parser.add_argument("--draws", type=int, default=1)
    given = parser.parse_args()
    rows: list[tuple[object, ...]] = []
    differences: list[tuple[tuple[object, ...], Paired, Paired]] = []
    for name in given.names:
        before = predicted(name, given.against, given.people, None, 0) if given.against else None
        for draw in range(given.draws):
            ours = predicted(name, RECIPE, given.people, given.choices or None, draw)
            for method in ("population", "traits"):
                p = getattr(ours, method)
                rows.append(_row(name, f"recipe, draw {draw}", method, p, ours.person))
                if before is None:
                    continue
                then = getattr(before, method)
                if draw == 0:
                    rows.append(_row(name, "+".join(given.against), method, then, ours.person))
                tests = [paired(measure(p), measure(then), ours.person) for measure in (right, loss)]
                differences.append(((name, draw, method), *tests))
    print_table("people without whom the prior was learned",
                ("set", "prior", "method", "choices", "accuracy", "nats", "bins"), rows)  # fmt: skip
    if differences:
        corrected = [holm([one[at].p for one in differences]) for at in (1, 2)]
        print_table("recipe minus the other mixture (p, Holm)",
                    ("set", "draw", "method", "points", "p", "nats", "p"),
                    [(*key, _difference(hits, 100.0), f"{hits.p:.4f} ({hp:.3f})", _difference(nats, 1.0),
                      f"{nats.p:.4f} ({np_:.3f})")
                     for (key, hits, nats), hp, np_ in zip(differences, *corrected, strict=True)])  # fmt: skip


if __name__ == "__main__":
    main()
