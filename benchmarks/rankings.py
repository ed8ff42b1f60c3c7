"""Complete rankings (Plackett–Luce) against the same rankings as pairs: writers ranking three passages.

Five folds by person; the other people are the population, whose pairs are the same in both; each ranking of a held-out
person is predicted from that person's other rankings. Paired tests by person, of accuracy and log loss over pairs.

    python benchmarks/rankings.py [--context 5 20]
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from common import real_data
from personalrm.data.reading import read_people
from personalrm.data.splits import folds_by_person
from personalrm.models.traits import TraitsModel, leave_group_out
from personalrm.models.traits.reader import TraitReader
from personalrm.preferences import History
from personalrm.stats.intervals import interval, paired

FOLDS = 5


def whole(history: History) -> History:
    """The pairs of a group as one ranking."""
    size: dict[str, int] = {}
    for one in history.decided:
        size[one.group] = size.get(one.group, 0) + 1
    return history.only(replace(one, ranking=one.group, weight=1 / size[one.group]) for one in history.decided)


def first_groups(history: History, count: int | None) -> History:
    """The choices of the first groups only."""
    kept = list(dict.fromkeys(one.group for one in history))[:count]
    return history.only(one for one in history.decided if one.group in set(kept))


def main() -> None:
    """Print accuracy and log loss of both, and their paired difference."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--context", nargs="*", type=int, default=[], help="maximum rankings per person")
    given = parser.parse_args()
    people = [one for one in read_people(real_data() / "writers.jsonl.gz") if one.decided]
    fold = folds_by_person((one.user for one in people), FOLDS, 0)
    reader = TraitReader(remember=100_000)
    models = [
        TraitsModel.from_population([one for one in people if fold[one.user] != at], reader=reader)
        for at in range(FOLDS)
    ]
    for count in (*given.context, None):
        some = [first_groups(one, count) for one in people]
        found = {
            name: np.concatenate([leave_group_out(models[fold[one.user]], make(one)) for one in some])
            for name, make in (("pairs", lambda one: one), ("Plackett–Luce", whole))
        }
        person = np.repeat(np.arange(len(some)), [len(one.decided) for one in some])
        print(f"\nwriters, {count or 'all'} rankings: {len(some)} people, {len(person):,} pairs")
        right = {name: np.where(p == 0.5, 0.5, p > 0.5) for name, p in found.items()}
        loss = {name: -np.log(np.clip(p, 1e-12, 1.0)) for name, p in found.items()}
        for name in found:
            low, high = interval(right[name], person) or (float("nan"),) * 2
            print(f"  {name:<14} {right[name].mean():.4f} [{low:.3f}, {high:.3f}]  log loss {loss[name].mean():.4f}")
        for what, values in (("accuracy", right), ("log loss", loss)):
            effect = paired(values["Plackett–Luce"], values["pairs"], person)
            assert effect is not None
            print(f"  {what}: {effect.difference:+.4f} [{effect.low:+.4f}, {effect.high:+.4f}], p = {effect.p:.3f}")


if __name__ == "__main__":
    main()
