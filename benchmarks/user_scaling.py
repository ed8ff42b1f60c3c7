"""Test-time user scaling on simulated people: does it help, and does the gain come from the person's own schemes?

    python benchmarks/user_scaling.py [PEOPLE] [--out FOLDER]

Judges with one scheme of criteria, with eight, and with eight plus those of four people of similar taste; each also
with another person's choices instead of the own ones (and therefore their schemes and neighbours), and the last with
distant people instead of the nearest. Own schemes must be better than another person's. People and model are simulated:
the figures are not an accuracy on people. With ``--out`` an interrupted run is resumed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common import row, server
from personalrm.bench.methods import Setup, method_named
from personalrm.bench.plan import Design
from personalrm.bench.protocols import Method
from personalrm.bench.results import BenchResult
from personalrm.bench.running import arun
from personalrm.bench.studies.altered import PerturbedMethod, swapped
from personalrm.bench.studies.causal import SWAPPED
from personalrm.data.simulated import simulate_people
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.llm.endpoint import Endpoint
from personalrm.models.judges.neighbours import Neighbourhood
from personalrm.preferences import History

ONE, EIGHT, NEAR = "rubric", "rubric:m=8", "rubric:m=8,neighbours=4"
CHOICES = 34
"""17 choices to learn from; the rest is predicted."""


async def measure(llm: Endpoint, people: Sequence[History], folder: Path) -> BenchResult:
    """Run all judges, and each with another person's choices."""
    setup = Setup(endpoint=llm)
    methods: list[Method] = [method_named("default", setup)]
    for name in (ONE, EIGHT, NEAR):
        own = method_named(name, setup)
        methods += [own, PerturbedMethod(own, SWAPPED, swapped(people))]
    return await arun(people, methods, Design("context-target"), folder=folder)


async def with_strangers(llm: Endpoint, people: Sequence[History], folder: Path) -> BenchResult:
    """Run the judge with neighbours, with the most distant people as neighbours."""
    nearest = Neighbourhood._nearest
    Neighbourhood._nearest = lambda self, history: nearest(self, history)[::-1]  # type: ignore[method-assign]
    try:
        return await arun(people, [method_named(NEAR, Setup(endpoint=llm))], Design("context-target"), folder=folder)
    finally:
        Neighbourhood._nearest = nearest  # type: ignore[method-assign]


def show(found: BenchResult, strangers: BenchResult) -> int:
    """Print accuracies and paired differences; returns the number of missed expectations."""
    for label in found.lines:
        one = found.row_of[label]
        low, high = one.low or 0.0, one.high or 0.0
        print(f"{label:<50} {one.accuracy:.4f} [{low:.4f}, {high:.4f}]  log loss {one.log_loss or np.nan:.4f}")
    far = strangers.row_of[NEAR]
    print(f"{NEAR + ', the farthest people':<50} {far.accuracy:.4f} [{far.low or 0:.4f}, {far.high or 0:.4f}]")
    missed = 0
    pairs = [(one, "default", 0) for one in (ONE, EIGHT, NEAR)]
    pairs += [(EIGHT, ONE, 0), (NEAR, EIGHT, 0)]
    pairs += [(one, f"{one}, {SWAPPED}", 1) for one in (ONE, EIGHT, NEAR)]
    for better, worse, causal in pairs:
        effect = found.effect(better, worse)
        assert effect is not None
        figures = f"{100 * effect.difference:+.1f} [{100 * (effect.low or 0):+.1f}, {100 * (effect.high or 0):+.1f}]"
        right = effect.difference > 0 and (not causal or effect.p < 0.05)
        row(f"{better} over {worse}", f"{figures} p {effect.p:.4f}", "> 0, p < .05" if causal else "> 0", right)
        missed += causal and not right
    return missed


async def run(url: str, count: int, folder: Path) -> int:
    """Run everything on one set of people."""
    llm = connect("simulated", EndpointOptions(base_url=url, cache=folder / "answers"))
    people = simulate_people(count, choices=CHOICES)
    found = await measure(llm, people, folder / "own")
    strangers = await with_strangers(llm, people, folder / "strangers")
    await llm.aclose()
    return show(found, strangers)


def main() -> int:
    """Return 1 if own schemes are no better than another person's."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("people", nargs="?", type=int, default=60)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with server(8769, latency=0.0) as llm, tempfile.TemporaryDirectory() as folder:
        return int(asyncio.run(run(llm.url, given.people, given.out or Path(folder))) > 0)


if __name__ == "__main__":
    sys.exit(main())
