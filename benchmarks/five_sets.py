"""The table of all methods on five sets of real people, with both protocols; an interrupted run is resumed.

    PERSONALRM_REAL_DATA=DIR python benchmarks/five_sets.py --out FOLDER [--only prism mt_bench] [--before before.npz]
    python benchmarks/five_sets.py --out FOLDER --show                             # print the current table

Rows: longer, population, traits, each trained method (``--methods``), fused with each cached judge that has at least
300 verdicts in the set, and the traits of another version of the code, as written by `traits_accuracy.py --write`.
Finished tasks are in FOLDER/SET-PROTOCOL; each method's probabilities are written when it finishes, so the table can be
printed at any time. ``--people N`` uses N randomly drawn people of each set (the same at each call, as in
`traits_accuracy.py`). Intervals are 95 % by person; each method is tested against traits, paired by person on the pairs
that both answered, with Holm-corrected p over all methods of a set and protocol.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from common import print_table
from personalrm.bench.plan import Design
from personalrm.bench.running import run
from personalrm.preferences import History
from personalrm.stats.intervals import holm, interval, paired
from real_people import people_of
from traits_accuracy import key, read

SETS = ("prism", "mt_bench", "writers", "crowdrag", "ukp")
PROTOCOLS = ("new-people", "new-people-and-new-texts")
METHODS = "longer,population,traits,gpo,vpl,pal,lore,pref"
FEWEST = 300
BEFORE = "traits (before)"


def shares_texts(people: Sequence[History]) -> bool:
    """Whether any group was judged by several people; otherwise both protocols are the same."""
    groups = Counter(group for one in people for group in {each.group for each in one})
    return max(groups.values()) > 1


def wanted(people: Sequence[History], methods: str) -> list[str]:
    """The methods, and fused with each judge that has enough verdicts."""
    verdicts = Counter(judge for one in people for each in one.decided for judge in each.judges)
    return [*methods.split(","), *(f"fused:judge:{name}" for name, n in sorted(verdicts.items()) if n >= FEWEST)]


def keep(folder: Path, method: str, people: int | None, rows: Sequence[Sequence[object]]) -> None:
    """Store the probabilities of the chosen responses: [user, id, probability or None] per row."""
    path = folder / "probabilities" / f"{method.replace('/', '_')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".part").write_text(json.dumps({"people": people, "rows": rows}))
    path.with_suffix(".part").replace(path)


def measure(name: str, protocol: str, given: argparse.Namespace) -> None:
    """Run every method without stored probabilities."""
    people = people_of(name, given.people)
    if protocol == PROTOCOLS[1] and not shares_texts(people):
        return
    folder = given.out / f"{name}-{protocol}"
    earlier = read(given.before).get(key(name, protocol.replace("-", " "), 0))
    if earlier is not None:
        pairs = [(one.user, each.id) for one in people for each in one.decided]
        then = earlier.probabilities["traits"]
        if len(then) == len(pairs):
            keep(folder, BEFORE, given.people, [[*pair, float(p)] for pair, p in zip(pairs, then, strict=True)])
        else:
            print(f"{name}, {protocol}: {len(then):,} earlier predictions are not those of {len(pairs):,} pairs")
    for method in wanted(people, given.methods):
        if (folder / "probabilities" / f"{method.replace('/', '_')}.json").exists():
            continue
        run_in = folder / "run" / method.replace(":", "_").replace("/", "_")
        found = run(people, [method], Design(protocol, data=name), folder=run_in)
        if found.failed:
            print(f"{name}, {protocol}, {method}: not finished, {next(iter(found.failed.values()))}", flush=True)
            continue
        (chosen,) = found.probabilities.values()
        rows = [[one.user, one.id, None if np.isnan(p) else float(p)]
                for one, p in zip(found.asked, chosen, strict=True)]  # fmt: skip
        keep(folder, method, given.people, rows)
        print(f"{name}, {protocol}, {method}: done", flush=True)


def right(p: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """1 for correct, 0 for wrong, 0.5 for exactly even (n,)."""
    return np.where(p > 0.5, 1.0, np.where(p < 0.5, 0.0, 0.5))


def show(folder: Path) -> None:
    """Print the table of one set and protocol."""
    files = sorted((folder / "probabilities").glob("*.json"))
    kept = {one.stem: json.loads(one.read_text()) for one in files}
    if "traits" not in kept:
        return
    of_traits = {(user, name): p for user, name, p in kept["traits"]["rows"]}
    rows, tests = [], []
    for method, record in kept.items():
        own = [(user, of_traits[user, name], p) for user, name, p in record["rows"]
               if p is not None and (user, name) in of_traits]  # fmt: skip
        person = np.unique([user for user, _, _ in own], return_inverse=True)[1]
        base, p = np.array([b for _, b, _ in own]), np.array([p for *_, p in own])
        low, high = interval(right(p), person) or (np.nan, np.nan)
        loss, base_loss = (-np.log(np.clip(one, 1e-6, 1.0)) for one in (p, base))
        hits, nats = paired(right(p), right(base), person), paired(loss, base_loss, person)
        tests.append((hits, nats))
        surface = method in ("longer", "shorter", "first", "random")
        rows.append([method, len(p), f"{right(p).mean():.4f}", f"{low:.3f}–{high:.3f}", f"{right(base).mean():.4f}",
                     "" if surface else f"{loss.mean():.4f}"])  # fmt: skip
    at = [i for i, row in enumerate(rows) if row[0] != "traits"]
    corrected = [dict(zip(at, holm([tests[i][k].p for i in at]), strict=True)) for k in (0, 1)]
    for i, row in enumerate(rows):
        if i in corrected[0]:
            hits, nats = tests[i]
            row += [f"{100 * hits.difference:+.2f} ({corrected[0][i]:.3f})"]
            row += [f"{nats.difference:+.4f} ({corrected[1][i]:.3f})" if row[5] else ""]
        else:
            row += ["", ""]
    people = kept["traits"]["people"]
    drawn = "" if people is None else f" ({people} drawn people)"
    heads = ["method", "pairs", "accuracy", "95 %", "traits there", "nats", "points over traits (p)", "nats (p)"]
    print_table(f"{folder.name}{drawn}", heads, rows)


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=list(SETS))
    parser.add_argument("--protocols", nargs="*", default=list(PROTOCOLS))
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--people", type=int)
    parser.add_argument("--before", nargs="+", default=[], help="files of traits_accuracy.py --write")
    parser.add_argument("--show", action="store_true", help="print the table only")
    given = parser.parse_args()
    for name in given.only:
        for protocol in given.protocols:
            if not given.show:
                measure(name, protocol, given)
            show(given.out / f"{name}-{protocol}")


if __name__ == "__main__":
    main()
