"""Does the default preset reach the paper preset's accuracy with far fewer calls? (Simulated people and model.)

The figures show whether the pipeline works. They are not an accuracy on people.

    python benchmarks/simulated_accuracy.py [PEOPLE]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Mapping, Sequence

import numpy as np

from common import row, server
from personalrm.data.simulated import simulate_people
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import bounded_map, gather
from personalrm.models.judges.pair_judge import Judge
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.stats.intervals import interval, paired
from personalrm.stats.metrics import correctness
from personalrm.synthesis.fitting import fit, judge_context_of
from personalrm.synthesis.judging import JudgeContext

LEARNED, PREDICTED = 17, 20
METHODS = ("plain judge", "paper", "default")
AT_ONCE = 16


async def person(endpoint: Endpoint, history: History) -> dict[str, list[float]]:
    """For each method, whether each later choice is predicted correctly; 0.5 if even, NaN if unscored."""
    early, later = history.only(history.choices[:LEARNED]), history.choices[LEARNED:]
    fitted = await gather(fit(endpoint, early, Options(preset=one)) for one in ("paper", "default"))
    sights = dict(zip(METHODS, [JudgeContext(), *map(judge_context_of, fitted)], strict=True))
    found: dict[str, list[float]] = {}
    for name, judge_context in sights.items():
        judge = Judge(endpoint, judge_context)
        judged = await gather(judge.judge(one.context, one.chosen, one.rejected) for one in later)
        found[name] = [correctness(np.array([one.probability], dtype=float)).item() for one in judged]  # None: NaN
    return found


async def run(url: str, cache: str, people: Sequence[History]) -> list[Mapping[str, list[float]]]:
    """The results of all people."""
    llm = connect("simulated", EndpointOptions(base_url=url, cache=cache))
    found = [one async for one in bounded_map(lambda history: person(llm, history), people, AT_ONCE)]
    await llm.aclose()
    return found


def main() -> int:
    """Print the rows; 1 if the default preset is below the paper's."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    worst = 0
    for strength, name in ((1.0, "own tastes"), (0.0, "no taste of their own")):
        people = simulate_people(count, choices=LEARNED + PREDICTED, seed=11, strength=strength)
        with tempfile.TemporaryDirectory() as folder, server(8407, latency=0.0) as host:
            found = asyncio.run(run(host.url, f"{folder}/c.sqlite", people))
        right = {method: np.array([value for one in found for value in one[method]]) for method in METHODS}
        who = np.repeat(np.arange(len(found)), PREDICTED)
        for method, values in right.items():
            low, high = interval(values, who) or (0.0, 0.0)
            row(f"{name}: {method}", f"{np.nanmean(values):.3f} ({low:.3f}–{high:.3f})", "–", True)
        gap = paired(right["default"], right["paper"], who)
        if gap is not None:
            shown = f"{gap.difference:+.3f}, p {gap.p:.3f}"
            row(f"{name}: default against paper", shown, "not below", gap.difference >= 0 or gap.p > 0.05)
            worst |= int(gap.difference < 0 and gap.p <= 0.05)
    return worst


if __name__ == "__main__":
    sys.exit(main())
