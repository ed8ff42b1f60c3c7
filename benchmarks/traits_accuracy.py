"""Accuracy of the embedded engine on real people that its prior has not seen.

Five folds by person: the other folds' people are the population; inside a held-out person each group is predicted
from that person's other groups. Several seeds of the folds; intervals are 95 %, by person. Beside it the longer
response and, on the very same pairs, the cached verdicts of LLM judges.

    python benchmarks/traits_accuracy.py [prism mt_bench ukp] [--seeds 3] [--encoder] [--data FOLDER]
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from common import real_data
from personalrm.bench.plan import Design
from personalrm.bench.results import BenchResult, Row
from personalrm.bench.running import run
from personalrm.data.reading import read_people
from personalrm.models.registry import RECORDED
from personalrm.preferences import History

BARS = {("prism", "traits"): 0.68, ("prism", "traits+encoder"): 0.70}


def judges_in(people: list[History]) -> list[str]:
    """Names of the cached LLM judges, as methods."""
    return [RECORDED + name for name in sorted({name for one in people for choice in one for name in choice.judges})]


def line(row: Row) -> str:
    """One method of one table."""
    interval = "" if row.low is None or row.high is None else f"[{row.low:.3f}, {row.high:.3f}]"
    loss = "" if row.log_loss is None else f"{row.log_loss:.4f}"
    return f"  {row.name:<62} {row.accuracy:.4f} {interval:<16} {loss:<8} {row.people:>4} people {row.pairs:>6} pairs"


def report(name: str, results: list[BenchResult]) -> None:
    """The table of the first seed, the mean over all seeds, and the judges' pairs."""
    print(f"\n{name}, folds of seed {results[0].seed}: accuracy, interval, log loss")
    own = [row for row in results[0].rows() if not row.name.startswith(RECORDED)]
    for row in own:
        print(line(row))
    for comparison in results[0].comparisons("population"):
        if comparison.name in ("traits", "traits+encoder", "population+encoder"):
            effect = comparison.effect
            bounds = f"[{effect.low:+.3f}, {effect.high:+.3f}], p = {effect.p:.3f}"
            print(f"  {comparison.name} minus population: {effect.difference:+.4f} {bounds}")
    print(f"  mean accuracy over {len(results)} seeds of the folds:")
    for position, row in enumerate(own):
        values = [result.rows()[position].accuracy or 0.0 for result in results]
        bar = BARS.get((name, row.name))
        verdict = "" if bar is None else f"  bar {bar}: {'ok' if statistics.mean(values) >= bar else 'MISS'}"
        print(f"    {row.name:<24} {statistics.mean(values):.4f}  ({min(values):.4f} to {max(values):.4f}){verdict}")
    for judge in [one for one in results[0].partial() if one.startswith(RECORDED)]:
        print(f"  on the pairs of {judge}:")
        for row in results[0].rows(results[0].scored_by(judge)):
            if row.name == judge or row.name in ("longer", "population", "traits", "traits+encoder"):
                print("  " + line(row))


def main() -> None:
    """Print one table a data set."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=["prism", "mt_bench", "ukp"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--encoder", action="store_true", help="also with sentence embeddings (minutes)")
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    methods = ["longer", "population", "traits"]
    methods += ["population+encoder", "traits+encoder"] if given.encoder else []
    for name in given.names:
        people = list(read_people((given.data or real_data()) / f"{name}.jsonl.gz"))
        report(
            name,
            [run(people, methods + judges_in(people), Design(seed=seed, data=name)) for seed in range(given.seeds)],
        )


if __name__ == "__main__":
    main()
