"""Is a gain really personal? All personalised methods on simulated people, with labels flipped and people swapped.

    python benchmarks/causal_checks.py [PEOPLE]

If tastes differ, every method must gain; the gain must vanish if the labels are flipped or the choices are another
person's, and flipping must reverse the predictions that personalisation changed. If nobody has a personal taste, no
method may have a significant gain, and arm selection must keep synthesizeme within one point of the plain judge.
Everything is simulated; the simulated model does not know which method asks. The figures are not an accuracy on people.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from common import row, server
from personalrm.bench.methods import Setup, method_named
from personalrm.bench.plan import Design
from personalrm.bench.protocols import Method
from personalrm.bench.results import BenchResult
from personalrm.bench.running import arun
from personalrm.bench.studies.altered import PerturbedMethod, flipped, swapped
from personalrm.bench.studies.causal import FLIPPED, SWAPPED, turned
from personalrm.bench.studies.lab import plain_of
from personalrm.data.simulated import simulate_people
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.llm.endpoint import Endpoint
from personalrm.preferences import History
from personalrm.stats.intervals import holm

METHODS = ("history", "memory", "rubric", "synthesizeme", "synthesizeme:persona", "synthesizeme:demonstrations",
           "synthesizeme:both", "traits")  # fmt: skip
CHOICES = 34
"""17 choices to learn from, of which the fit uses 12 for training and 5 for validation; the rest is predicted."""


def made(name: str, llm: Endpoint) -> Method:
    """The method by name, with the simulated model if it asks one."""
    return method_named(name, Setup(endpoint=llm))


async def measure(llm: Endpoint, people: Sequence[History], altered: bool, folder: str) -> BenchResult:
    """Run all methods on one set of people, with their perturbed forms if ``altered``."""
    methods: list[Method] = [made("default", llm), made("population", llm)]
    for name in METHODS:
        own = made(name, llm)
        methods.append(own)
        if altered:
            methods += [PerturbedMethod(own, FLIPPED, flipped), PerturbedMethod(own, SWAPPED, swapped(people))]
    return await arun(people, methods, Design("context-target"), folder=folder)


def report_tastes(found: BenchResult) -> int:
    """Print the effect of flips and swaps; returns the number of missed bars."""
    missed = 0
    for name in METHODS:
        plain = plain_of(name)
        own, flip, swap = (found.effect(label, plain) for label in (name, f"{name}, {FLIPPED}", f"{name}, {SWAPPED}"))
        assert own is not None
        assert flip is not None
        assert swap is not None
        parts, whole = turned(found, name, plain, f"{name}, {FLIPPED}")
        share = parts / whole if whole else 0.0
        vanished = all(one.difference <= 0 or one.p > 0.05 for one in (flip, swap))
        right = own.difference > 0 and vanished
        figures = " / ".join(f"{100 * one.difference:+.1f}" for one in (own, flip, swap))
        row(f"{name}: gain own/flipped/swapped", f"{figures} pts", "own > 0, others vanish", right)
        row(f"{name}: flip turns what was changed", f"{share:.0%} of {whole:,}", ">= 80 %", share >= 0.8)
        missed += (not right) + (share < 0.8)
    return missed


def report_null(found: BenchResult) -> int:
    """Print the gains where nobody has a personal taste; returns the number of missed bars."""
    effects = {name: found.effect(name, plain_of(name)) for name in METHODS}
    known = {name: one for name, one in effects.items() if one is not None}
    corrected = dict(zip(known, holm([one.p for one in known.values()]), strict=True))
    missed = 0
    for name, one in known.items():
        quiet = one.difference <= 0 or corrected[name] > 0.05
        row(
            f"null · {name}: gain",
            f"{100 * one.difference:+.1f} pts, p {corrected[name]:.2f}",
            "not significant",
            quiet,
        )
        missed += not quiet
    lost = 100 * known["synthesizeme"].difference
    row("null · synthesizeme against default", f"{lost:+.1f} pts", "within 1 point", abs(lost) <= 1.0)
    return missed + (abs(lost) > 1.0)


async def run(url: str, count: int, folder: str) -> int:
    """Run both sets of people."""
    llm = connect("simulated", EndpointOptions(base_url=url, cache=Path(folder) / "answers"))
    tastes = await measure(llm, simulate_people(count, choices=CHOICES), True, f"{folder}/tastes")
    missed = report_tastes(tastes)
    null = await measure(llm, simulate_people(2 * count, choices=CHOICES, strength=0), False, f"{folder}/null")
    missed += report_null(null)
    await llm.aclose()
    return missed


def main() -> int:
    """Return 1 if a bar is missed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with server(8767, latency=0.0) as llm, tempfile.TemporaryDirectory() as folder:
        return int(asyncio.run(run(llm.url, count, folder)) > 0)


if __name__ == "__main__":
    sys.exit(main())
