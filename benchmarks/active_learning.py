"""How many choices active learning saves: the criteria for the next pair against random pairs.

For each person, half of the groups are candidates and the other half are targets, then vice versa. After each answer
the person is refitted, and the next pair is selected from the remaining candidates. The population is other people:
simulated ones for simulated people, the other folds for real ones. The taste of simulated people is known, so their
losses are expectations over their choices. Random selection is the mean of ten orders. Intervals are 95 % by person;
p-values are from the test that flips signs by person, Holm-corrected over the criteria tested together.

    python benchmarks/active_learning.py [simulated pref prism ukp crowdrag mt_bench writers] [--people 60] [--data DIR]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from common import real_data
from personalrm.data.reading import read_people
from personalrm.data.simulated import Setting, SimulatedPerson, simulate, simulate_people, utility
from personalrm.models.acquisition import CRITERIA, select_queries
from personalrm.models.traits import TraitsModel
from personalrm.models.traits import fit as maths
from personalrm.models.traits.person import groups_of
from personalrm.models.traits.posterior import person_posterior
from personalrm.models.uncertainty import MarginPosterior, normal_margin_posterior
from personalrm.preferences import History
from personalrm.stats.intervals import by_person, holm, paired, standard_error

Array = NDArray[np.float64]
Rows = Sequence[int]
UNSURE, RANDOM = "unsure", "random"
NOTHING = 0.0005  # nats; smaller gains of active learning are not distinguishable from zero
NAMES = (*CRITERIA, UNSURE)
"""``unsure`` selects the pair with the probability closest to one half, whether or not it depends on the person."""


class Mind(Protocol):
    """Posterior over the margins of all choices of one person, chosen minus rejected, given some of them."""

    def known(self, asked: Sequence[Rows]) -> list[MarginPosterior]: ...


@dataclass(frozen=True)
class TraitsMind:
    """The embedded engine: population log-odds (n,), personal traits (n, p)."""

    offset: Array
    t: Array
    covariance: Array

    def known(self, asked: Sequence[Rows]) -> list[MarginPosterior]:
        return [self._one(list(rows)) for rows in asked]

    def _one(self, rows: list[int]) -> MarginPosterior:
        mean, covariance = np.zeros(len(self.covariance)), self.covariance
        if rows:
            mean, covariance = person_posterior(self.offset[rows], self.t[rows], self.covariance)
        return normal_margin_posterior(self.offset + self.t @ mean, self.t, covariance)


class LearnedMind:
    """A trained model: the choices as its ensemble members encode them."""

    def __init__(self, model: object, history: History) -> None:
        from personalrm.models.learned import LearnedModel

        assert isinstance(model, LearnedModel)
        self._model = model
        self._batch = model.batch_of([(one.context, one.chosen, one.rejected) for one in history.decided])

    def known(self, asked: Sequence[Rows]) -> list[MarginPosterior]:
        import torch

        from personalrm.models.learned.ensemble import infer
        from personalrm.models.learned.people import Batch
        from personalrm.models.uncertainty import member_margin_posteriors

        n = self._batch.known.shape[1]
        known = torch.zeros((len(asked), n), dtype=torch.bool)
        for at, rows in enumerate(asked):
            known[at, list(rows)] = True
        sides = (one.expand(len(asked), -1, -1) for one in (self._batch.chosen, self._batch.rejected))
        batch = Batch(*sides, known, ~known, torch.full((len(asked),), -1))
        return member_margin_posteriors(self._model, batch, infer(self._model.members, batch))


@dataclass(frozen=True)
class Person:
    """A person. ``chance`` (n,): probability of each choice under the known taste; 1 if unknown."""

    history: History
    mind: Mind
    chance: Array

    @classmethod
    def real(cls, history: History, mind: Mind) -> Person:
        return cls(history, mind, np.ones(len(history.decided)))

    @classmethod
    def invented(cls, one: SimulatedPerson, mind: Mind) -> Person:
        gains = [
            utility(one.taste, choice.context, choice.chosen) - utility(one.taste, choice.context, choice.rejected)
            for choice in one.history.decided
        ]
        return cls(one.history, mind, maths.sigmoid(np.array(gains)))


@dataclass
class Curves:
    """Log loss and accuracy of each target after k answers, and its person; by name and k."""

    people: list[int] = field(default_factory=list)
    loss: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    right: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    def add(self, name: str, k: int, logits: Array | None, chance: Array) -> None:
        """Logits (orders, targets) of the chosen responses; None if there are fewer candidates than k."""
        loss, right = np.full(len(chance), np.nan), np.full(len(chance), np.nan)
        if logits is not None:
            loss = (chance * np.logaddexp(0.0, -logits) + (1.0 - chance) * np.logaddexp(0.0, logits)).mean(axis=0)
            right = np.where(logits > 0, chance, np.where(logits < 0, 1.0 - chance, 0.5)).mean(axis=0)
        self.loss.setdefault((name, k), []).extend(loss)
        self.right.setdefault((name, k), []).extend(right)


def asking(mind: Mind, pool: Rows, name: str, most: int) -> Iterator[list[int]]:
    """The answered choices after each answer, by one criterion."""
    asked: list[int] = []
    while len(asked) < most:
        left = [one for one in pool if one not in asked]
        doubt = part(mind.known([asked])[0], left)
        if name == UNSURE:
            best = int(np.abs(doubt.probabilities - 0.5).argmin())
        else:
            best = next(iter(select_queries(doubt, name, 1)), 0)  # type: ignore[arg-type]
        asked = [*asked, left[best]]
        yield asked


def part(doubt: MarginPosterior, rows: Rows) -> MarginPosterior:
    """The posterior of some pairs."""
    at = np.array(rows, dtype=np.intp)
    return MarginPosterior(doubt.margin[at], doubt.factor[at], doubt.weight_factor)


def logits(mind: Mind, asked: Sequence[Rows], targets: Rows) -> Array:
    """Predictions for the targets, (orders, targets)."""
    found = [part(one, targets) for one in mind.known(asked)]
    return np.array([maths.integrated(one.margin, one.variance) for one in found])


def measure(curves: Curves, code: int, person: Person, sides: tuple[Rows, Rows], most: int, orders: int) -> None:
    """Measure one person with one half of the groups as candidates."""
    (pool, targets), mind = sides, person.mind
    chance, rng = person.chance[list(targets)], np.random.default_rng(code)
    reached = min(most, len(pool))
    drawn = [rng.permutation(pool) for _ in range(orders)]
    curves.people.extend([code] * len(targets))
    for k in range(most + 1):
        rows = [one[:k] for one in drawn[: 1 if k == 0 else orders]]
        curves.add(RANDOM, k, logits(mind, rows, targets) if k <= reached else None, chance)
    for name in NAMES:
        found = logits(mind, [[], *asking(mind, pool, name, reached)], targets)
        for k in range(most + 1):
            curves.add(name, k, found[k : k + 1] if k <= reached else None, chance)


def halves(history: History, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """Half of the groups as candidates and the others as targets, and vice versa; nothing for people with one group."""
    groups = groups_of(history.decided)
    if len(groups) < 2:
        return
    order = np.random.default_rng(seed).permutation(len(groups))
    one, other = (sorted(int(row) for at in half for row in groups[at]) for half in np.array_split(order, 2))
    yield one, other
    yield other, one


def real_people(path: Path, folds: int, most: int | None = None) -> Iterator[Person]:
    """Each person, with a population model from the other folds; a random sample of ``most`` people."""
    people = [one for one in read_people(path) if one.decided]
    if most is not None and most < len(people):
        people = [people[at] for at in np.sort(np.random.default_rng(0).permutation(len(people))[:most])]
    fold = np.random.default_rng(0).permutation(len(people)) % folds
    for one in range(folds):
        model = TraitsModel.from_population(h for h, at in zip(people, fold, strict=True) if at != one)
        for history, at in zip(people, fold, strict=True):
            if at == one:
                yield Person.real(history, traits_mind(model, history))


def traits_mind(model: TraitsModel, history: History) -> TraitsMind:
    evidence = model.evidence(history.decided)
    return TraitsMind(evidence.offset, evidence.t, model.prior.covariance)


def simulated_people(kind: str) -> Iterator[Person]:
    """People with 48 choices; the population is 100 other people with 17."""
    others = simulate_people(100, seed=1)
    if kind == "simulated":
        model = TraitsModel.from_population(others)
        for one in simulate(80, Setting(choices=48, seed=2)):
            yield Person.invented(one, traits_mind(model, one.history))
        return
    from personalrm.models.learned import Settings, train

    trained = train(others, Settings("pref", features="traits", members=3))
    for one in simulate(40, Setting(choices=48, seed=2)):
        yield Person.invented(one, LearnedMind(trained, one.history))


def show(title: str, curves: Curves, ks: Sequence[int]) -> None:
    """Print curves, differences to random selection, and the number of choices saved."""
    people = np.array(curves.people)
    print(f"\n{title}: {len(set(curves.people))} people, {len(people):,} predictions")
    print(f"  {'log loss after':<16}" + "".join(f"{k:>16}" for k in (0, *ks)))
    for name in (RANDOM, *NAMES):
        cells = []
        for k in (0, *ks):
            sums, counts = by_person(np.array(curves.loss[name, k]), people)
            cells.append(f"{sums.sum() / counts.sum():.4f} ±{1.96 * standard_error(sums, counts):.3f}")
        print(f"  {name:<16}" + "".join(f"{one:>16}" for one in cells))
    print(f"  {'accuracy':<16}")
    for name in (RANDOM, *NAMES):
        means = [np.nanmean(curves.right[name, k]) for k in (0, *ks)]
        print(f"  {name:<16}" + "".join(f"{one:>16.4f}" for one in means))
    compared(curves, people, ks)
    saved(curves, people, ks)


def compared(curves: Curves, people: NDArray[np.int64], ks: Sequence[int]) -> None:
    """Print differences to random selection, paired by person."""
    print("  minus random, nats (negative: better), p by Holm over the criteria")
    effects = {
        (name, k): paired(np.array(curves.loss[name, k]), np.array(curves.loss[RANDOM, k]), people)
        for name in NAMES
        for k in ks
    }
    for k in ks:
        found = [effects[name, k] for name in NAMES]
        for name, one, p in zip(NAMES, found, holm([one.p for one in found if one is not None]), strict=True):
            assert one is not None
            bounds = "" if one.low is None else f"[{one.low:+.4f}, {one.high:+.4f}]"
            print(f"    {name:<14} k={k:<3} {one.difference:+.4f} {bounds} p = {p:.4f}  ({one.people} people)")


def saved(curves: Curves, people: NDArray[np.int64], ks: Sequence[int]) -> None:
    """Choices each criterion needs to reach the loss of random selection after k, for people with enough candidates.

    The interval resamples people. If random selection is no better than no answers, nothing can be saved.
    """
    most = ks[-1]
    everybody = ~np.isnan(np.array(curves.loss[RANDOM, most]))
    codes = np.unique(people[everybody], return_inverse=True)[1]
    draws = np.random.default_rng(0).multinomial(codes.max() + 1, np.full(codes.max() + 1, 1 / (codes.max() + 1)), 1000)
    draws = np.vstack([np.ones((1, codes.max() + 1)), draws])

    def means(name: str) -> Array:
        """Mean losses after 0, 1, … answers, for all people and for each bootstrap draw (draws, most + 1)."""
        losses = [np.array(curves.loss[name, k])[everybody] for k in range(most + 1)]
        sums = np.array([np.bincount(codes, weights=one) for one in losses])
        found: Array = (draws @ sums.T) / (draws @ np.bincount(codes))[:, None]
        return found

    print(f"  choices needed for what random asking reaches with k [95 %], {int(codes.max()) + 1} people")
    at_random = means(RANDOM)
    for name in NAMES:
        curve, cells = means(name), []
        for k in ks:
            found = np.array([needed(one, level) for one, level in zip(curve, at_random[:, k], strict=True)])
            if at_random[0, 0] - at_random[0, k] < NOTHING:
                cells.append(f"{k}: nothing gained")
                continue
            low, high = np.quantile(np.minimum(found[1:], most + 1), [0.025, 0.975])
            cells.append(f"{k}: {count(found[0], most)} [{count(low, most)}, {count(high, most)}]")
        print(f"    {name:<12} " + "   ".join(cells))


def needed(curve: Array, level: float) -> float:
    """Number of answers after which a curve first falls to a level, by linear interpolation; inf if never."""
    if curve[0] <= level:
        return 0.0
    below = np.flatnonzero(curve <= level)
    if not len(below):
        return np.inf
    k = int(below[0])
    return float(k - 1 + (curve[k - 1] - level) / (curve[k - 1] - curve[k]))


def count(number: float, most: int) -> str:
    return f">{most}" if number > most else f"{number:.1f}"


def main() -> None:
    """Print a table for each kind of people."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=["simulated", "pref", "prism", "ukp"])
    parser.add_argument("--orders", type=int, default=10)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--people", type=int, help="number of real people, randomly drawn (default: all)")
    given = parser.parse_args()
    for name in given.names:
        start, curves = time.perf_counter(), Curves()
        if name in ("simulated", "pref"):
            people, ks = simulated_people(name), (1, 2, 4, 8, 12)
        else:
            people = real_people(
                (given.data or real_data()) / f"{name}.jsonl.gz", 5 if name == "prism" else 3, given.people
            )
            ks = (1, 2, 4) if name == "prism" else (1, 2, 4, 8)
        for code, person in enumerate(people):
            for sides in halves(person.history, code):
                measure(curves, code, person, sides, ks[-1], given.orders)
        show(name, curves, ks)
        print(f"  {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
