"""Accuracy of the embedded engine on real people outside its population, with both protocols.

*New people*: five folds by person; the other folds' people are the population; for a held-out person, each group is
predicted from that person's other groups. *New people and new texts*: the same, and the population has no choice in the
predicted group. Intervals are 95 %, by person; tests are paired by person, Holm-corrected over all sets and protocols
of one comparison. A set without texts shared by several people has one protocol.

To compare with another version of the code, write its predictions first; the script uses only what both versions have:

    PYTHONPATH=OTHER/src python benchmarks/traits_accuracy.py --write before.npz
    python benchmarks/traits_accuracy.py --before before.npz [prism crowdrag ukp mt_bench writers] [--seeds 0 1 2]

A long measurement can be interrupted and resumed, and several processes can share it: finished parts of people and
texts are stored in a folder.

    python benchmarks/traits_accuracy.py ukp --cells FOLDER --share 0 2 &
    python benchmarks/traits_accuracy.py ukp --cells FOLDER --share 1 2; wait
    python benchmarks/traits_accuracy.py ukp --cells FOLDER                # all parts exist: print the tables
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from inspect import signature
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from personalrm.data.splits import folds_by_person
from personalrm.models.traits import TraitsModel, leave_group_out
from personalrm.preferences import History
from real_people import people_of

try:
    from personalrm.models.traits.reader import TraitReader
except ImportError:  # code before 0.2, for comparisons
    TraitReader = None  # type: ignore[assignment, misc]

SETS = ("prism", "crowdrag", "ukp", "mt_bench", "writers")
PROTOCOLS = ("new people", "new people and new texts")
BARS = {
    ("crowdrag", PROTOCOLS[0]): 0.655,
    ("crowdrag", PROTOCOLS[1]): 0.648,
    ("ukp", PROTOCOLS[1]): 0.705,
    ("prism", PROTOCOLS[0]): 0.722,
}
"""Minimum accuracy of traits."""
FOLDS = 5
METHODS = ("longer", "population", "traits")
LEARNED = ("people", "choices", "shrink", "inverse_temperature", "trust")
"""Stored facts about each cell's prior."""
Array = NDArray[np.float64]
Share = tuple[int, int]


class Predicted(NamedTuple):
    """Probabilities of the chosen responses (n,), by method, and the person of each choice."""

    person: NDArray[np.int64]
    probabilities: dict[str, Array]


class Cell(NamedTuple):
    """People to learn from, and the people and groups to predict; None means all groups."""

    population: list[History]
    people: list[int]
    groups: frozenset[str] | None


def cells(people: Sequence[History], protocol: str, seed: int) -> Iterator[Cell]:
    """Each fold of people and, for new texts, each fold of the groups that several people share."""
    fold = folds_by_person((one.user for one in people), FOLDS, seed)
    shared = shared_groups(people)
    for number in range(FOLDS):
        others = [one for one in people if fold[one.user] != number]
        mine = [at for at, one in enumerate(people) if fold[one.user] == number]
        if protocol == PROTOCOLS[0]:
            yield Cell(others, mine, None)
            continue
        private = frozenset(one.group for each in people for one in each) - frozenset(shared)
        if private:
            yield Cell(others, mine, private)
        for texts in range(FOLDS):
            held = frozenset(shared[texts::FOLDS])
            rest = [one.only(choice for choice in one if choice.group not in held) for one in others]
            yield Cell([one for one in rest if one.decided], mine, held)


def shared_groups(people: Sequence[History]) -> list[str]:
    """Groups that several people judged, in an order that depends only on their names."""
    judged: dict[str, int] = {}
    for one in people:
        for group in {choice.group for choice in one}:
            judged[group] = judged.get(group, 0) + 1
    shared = sorted(group for group, count in judged.items() if count > 1)
    order = np.random.default_rng(0).permutation(len(shared))
    return [shared[at] for at in order]


def predict(
    people: Sequence[History],
    protocol: str,
    seed: int,
    encoder: bool,
    folder: Path | None = None,
    share: Share = (0, 1),
) -> Predicted:
    """Predict every decided choice with its cell's model: longer response, population, traits.

    Args:
        folder: folder of finished cells.
        share: (k, n): of the missing cells, compute every n-th from the k-th on; the others stay NaN.
    """
    starts = np.cumsum([0, *(len(one.decided) for one in people)])
    found = {name: np.full(int(starts[-1]), np.nan) for name in METHODS}
    reader = None if TraitReader is None else TraitReader(remember=100_000)
    for number, cell in enumerate(cells(people, protocol, seed)):
        path = None if folder is None else folder / f"{number}.npz"
        if path is None or not path.exists():
            if number % share[1] != share[0]:
                continue
            kept = predict_cell(people, starts, cell, protocol, seed, encoder, reader)
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                np.savez_compressed(part := path.with_suffix(f".{os.getpid()}.npz"), **kept)
                part.replace(path)
        else:
            kept = dict(np.load(path))
        for name in METHODS:
            found[name][kept["place"]] = kept[name]
    return Predicted(np.repeat(np.arange(len(people)), np.diff(starts)), found)


def predict_cell(
    people: Sequence[History],
    starts: NDArray[np.int64],
    cell: Cell,
    protocol: str,
    seed: int,
    encoder: bool,
    reader: TraitReader | None,
) -> dict[str, Array]:
    """Indices of the cell's choices among all choices (n,), their probabilities by method, and facts about the
    prior."""
    how = {"encoder": encoder, "seed": seed, "reader": reader, "new_texts": protocol == PROTOCOLS[1]}
    known = signature(TraitsModel.from_population).parameters
    model = TraitsModel.from_population(cell.population, **{name: one for name, one in how.items() if name in known})
    learned = model.prior.lineage
    places: list[int] = []
    found: dict[str, list[float]] = {name: [] for name in METHODS}
    for at in cell.people:
        decided = people[at].decided
        rows = [i for i, one in enumerate(decided) if cell.groups is None or one.group in cell.groups]
        if not rows:
            continue
        places += [int(starts[at]) + row for row in rows]
        pairs = [(decided[i].context, decided[i].chosen, decided[i].rejected) for i in rows]
        found["longer"] += [(np.sign(len(a) - len(b)) + 1.0) / 2.0 for _, a, b in pairs]
        found["population"] += model.compare_many(pairs).tolist()
        found["traits"] += leave_group_out(model, people[at])[rows].tolist()
    chosen = {name: np.array(learned.get(name, np.nan), dtype=float) for name in LEARNED}
    return {"place": np.array(places), **{name: np.array(each) for name, each in found.items()}, **chosen}


def right(probability: Array) -> Array:
    """1 if correct, 0 if wrong, 0.5 if exactly even."""
    return np.where(probability > 0.5, 1.0, np.where(probability < 0.5, 0.0, 0.5))


def loss(probability: Array) -> Array:
    """Log loss, nats."""
    return -np.log(np.clip(probability, 1e-12, 1.0))


def key(name: str, protocol: str, seed: int) -> str:
    """Name of a prediction in the file."""
    return f"{name}/{protocol}/{seed}"


def show(all_found: dict[str, Predicted], before: dict[str, Predicted], seeds: Sequence[int]) -> None:
    """Print one table per set and protocol, then the comparisons."""
    from personalrm.stats.intervals import interval

    for name, protocol in dict.fromkeys(tuple(one.split("/")[:2]) for one in all_found):
        now = all_found[key(name, protocol, seeds[0])]
        print(f"\n{name}, {protocol}: {now.person.max() + 1} people, {len(now.person):,} pairs")
        rows = {f"{method}": values for method, values in now.probabilities.items()}
        earlier = before.get(key(name, protocol, seeds[0]))
        if earlier is not None:
            rows |= {f"{m} (before)": v for m, v in earlier.probabilities.items() if m != "longer"}
        for method, values in rows.items():
            bounds = interval(right(values), now.person)
            told = "" if bounds is None else f"[{bounds[0]:.3f}, {bounds[1]:.3f}]"
            nats = "" if method == "longer" else f"{loss(values).mean():.4f}"
            print(f"  {method:<22} {right(values).mean():.4f} {told:<16} {nats}")
        means = [right(all_found[key(name, protocol, one)].probabilities["traits"]).mean() for one in seeds]
        bar = BARS.get((name, protocol))
        if len(seeds) > 1:
            print(f"  traits, mean of {len(seeds)} seeds of the folds: {np.mean(means):.4f}")
        if bar is not None:
            print(f"  bar {bar}: {'ok' if np.mean(means) >= bar else 'MISS'}")
    compare("traits against the population", all_found, "traits", all_found, "population", seeds[0])
    if before:
        compare("traits, now against before", all_found, "traits", before, "traits", seeds[0])
        compare("population, now against before", all_found, "population", before, "population", seeds[0])


def compare(
    title: str, ours: dict[str, Predicted], our_method: str, theirs: dict[str, Predicted], their_method: str, seed: int
) -> None:
    """Print paired differences in accuracy and log loss, Holm-corrected over the sets and protocols."""
    from personalrm.stats.intervals import holm, paired

    names = [one for one in ours if one in theirs and one.endswith(f"/{seed}")]
    for measure, unit in ((right, "points"), (loss, "nats")):
        scale = 100.0 if unit == "points" else 1.0
        effects = []
        for one in names:
            mine, other = ours[one].probabilities[our_method], theirs[one].probabilities[their_method]
            effects.append(paired(measure(mine), measure(other), ours[one].person))
        adjusted = holm([one.p for one in effects if one is not None])
        print(f"\n{title}, {unit} (p corrected by Holm over {len(names)})")
        for one, effect, p in zip(names, effects, adjusted, strict=True):
            assert effect is not None
            bounds = "" if effect.low is None else f"[{scale * effect.low:+.4f}, {scale * effect.high:+.4f}]"
            told = f"{scale * effect.difference:+.4f} {bounds:<22} p = {effect.p:.4f} ({p:.4f})"
            print(f"  {one.rsplit('/', 1)[0]:<36} {told}")


def write(path: str, found: dict[str, Predicted]) -> None:
    """Write all predictions to one file."""
    arrays = {f"{one}/person": each.person for one, each in found.items()}
    arrays |= {f"{one}/{m}": v for one, each in found.items() for m, v in each.probabilities.items()}
    np.savez_compressed(path, **arrays)


def read(paths: Sequence[str]) -> dict[str, Predicted]:
    """Read predictions, from one file for several sets or one per set."""
    held = {name: array for path in paths for name, array in np.load(path).items()}
    found: dict[str, Predicted] = {}
    for name in held:
        one, what = name.rsplit("/", 1)
        if what == "person":
            found[one] = Predicted(held[name], {})
    for name in held:
        one, what = name.rsplit("/", 1)
        if what != "person":
            found[one].probabilities[what] = held[name]
    return found


def main() -> None:
    """Print a table for each set and protocol, and the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=list(SETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--encoder", action="store_true", help="with sentence embeddings (minutes)")
    parser.add_argument("--write", help="write the predictions to this file and compare nothing")
    parser.add_argument("--before", nargs="+", default=[], help="files with predictions of another version")
    parser.add_argument("--now", nargs="+", default=[], help="files with predictions: nothing is predicted")
    parser.add_argument("--protocol", choices=PROTOCOLS, help="run only this protocol")
    parser.add_argument("--people", type=int, help="number of people of each set, randomly drawn")
    parser.add_argument("--cells", type=Path, help="folder of finished parts, which are not repeated")
    parser.add_argument("--share", nargs=2, type=int, default=(0, 1), metavar=("K", "N"), help="each N-th part from K")
    given = parser.parse_args()
    found = read(given.now)
    for name in [] if given.now else given.names:
        people = people_of(name, given.people)
        known = PROTOCOLS if shared_groups(people) else PROTOCOLS[:1]
        for protocol in [one for one in known if given.protocol in (None, one)]:
            for seed in given.seeds:
                start = time.process_time()
                folder = None if given.cells is None else given.cells / key(name, protocol.replace(" ", "-"), seed)
                one = predict(people, protocol, seed, given.encoder, folder, tuple(given.share))
                took = time.process_time() - start
                missing = int(np.isnan(one.probabilities["traits"]).sum())
                print(f"{name}, {protocol}, seed {seed}: {took:.0f} s, {missing:,} choices left", file=sys.stderr)
                if missing:
                    continue
                found[key(name, protocol, seed)] = one
                if given.write:
                    write(given.write, found)
    if found and not given.write:
        show(found, read(given.before), given.seeds)


if __name__ == "__main__":
    main()
