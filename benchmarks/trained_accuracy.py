"""Gain of trained methods on real people over a population model: accuracy and log loss, tested by person.

Reads a folder written by `personalrm bench … --out` and compares every method with a population model (Bradley–Terry,
with or without embeddings): sign-flip test by person, Holm-corrected over the methods of the table.

    personalrm bench $PERSONALRM_REAL_DATA/prism.jsonl.gz --out run --methods longer,population,traits,population+encoder,traits+encoder,bt,gpo,vpl,pal,lore,pref
    python benchmarks/trained_accuracy.py run [--against population+encoder]
"""  # noqa: E501

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from personalrm.stats.intervals import Paired, holm, paired

Floats = NDArray[np.float64]


def losses_of(folder: Path) -> tuple[NDArray[np.int64], dict[str, tuple[Floats, Floats]]]:
    """The person of each pair, and for each method its correctness and log loss by pair.

    A row's probability is that of the preferred response.
    """
    people: dict[str, int] = {}
    found: dict[str, list[tuple[int, float, float]]] = {}
    for line in (folder / "pairs.jsonl").open("rb"):
        row = orjson.loads(line)
        whose = people.setdefault(row["user"], len(people))
        found.setdefault(row["method"], []).append(
            (whose, row["correct"], -float(np.log(max(row["probability"], 1e-9))))
        )
    tables = {name: np.array(rows) for name, rows in found.items()}
    whose = next(iter(tables.values()))[:, 0].astype(np.int64)
    return whose, {name: (table[:, 1], table[:, 2]) for name, table in tables.items()}


def compared(folder: Path, against: str, part: int) -> Iterator[tuple[str, Paired, float]]:
    """Each method minus ``against`` in accuracy (part 0) or log loss (1), with the Holm-corrected p-value."""
    people, methods = losses_of(folder)
    tested = [name for name in methods if name not in (against, "longer")]
    effects = [paired(methods[name][part], methods[against][part], people) for name in tested]
    known = [(name, one) for name, one in zip(tested, effects, strict=True) if one is not None]
    corrected = holm([one.p for _, one in known])
    yield from ((name, one, p) for (name, one), p in zip(known, corrected, strict=True))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--against", default="population+encoder")
    given = parser.parse_args()
    for part, (what, digits) in enumerate((("accuracy", 3), ("log loss, nats", 4))):
        print(f"{given.folder.name}: {what} minus that of {given.against}")
        for name, one, p in compared(given.folder, given.against, part):
            between = "" if one.low is None or one.high is None else f"[{one.low:+.{digits}f}, {one.high:+.{digits}f}]"
            print(f"  {name:<20} {one.difference:+.{digits}f} {between:<20} p = {one.p:.4f}, Holm {p:.4f}")


if __name__ == "__main__":
    main()
