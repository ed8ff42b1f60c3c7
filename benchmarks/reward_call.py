"""A TRL reward call: 64 completions of 16 users, new texts in every call, embedded engine, one core.

    python benchmarks/reward_call.py

The bar is a median of 15 ms per call. Every call has new texts, so text caches have no effect; the users' reward scales
and open predictors are cached, as from the second training step on. Texts are simulated.
"""

from __future__ import annotations

import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

from personalrm import SynthesizeMe
from personalrm.data.simulated import simulate_people
from personalrm.integrations.trl import reward_function

USERS, COMPLETIONS, CALLS, TOKENS = 16, 64, 30, 120


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    people = list(simulate_people(USERS, choices=20, seed=1))
    profiles = {one.user: SynthesizeMe().fit(one).profile for one in people}
    new = simulate_people(1, choices=CALLS * COMPLETIONS // 2 + COMPLETIONS, response_tokens=TOKENS, seed=2)
    texts = [text for one in next(iter(new)) for text in (one.chosen, one.rejected)]
    asked = [f"How long does dish {n} take?" for n in range(COMPLETIONS // 4)]
    users = [name for name in profiles for _ in range(COMPLETIONS // USERS)]
    for standardise in (True, False):
        reward = reward_function(profiles, standardise=standardise)
        taken = []
        for call in range(CALLS + 1):
            some = [f"{text} Take {call} of {standardise}." for text in texts[call * COMPLETIONS :][:COMPLETIONS]]
            prompts = [f"{asked[at // 4]} ({call}, {standardise})" for at in range(COMPLETIONS)]
            start = time.perf_counter()
            found = reward(prompts=prompts, completions=some, user_id=users)
            taken.append(time.perf_counter() - start)
            assert len(found) == COMPLETIONS
            assert None not in found
        first, rest = taken[0], taken[1:]
        kind = "z-scores" if standardise else "log-odds"
        words = statistics.mean(len(one.split()) for one in some)
        print(
            f"{kind}: median {1e3 * statistics.median(rest):.1f} ms a call, 90 % below "
            f"{1e3 * sorted(rest)[int(0.9 * len(rest))]:.1f} ms; the first call {1e3 * first:.0f} ms "
            f"({COMPLETIONS} completions of {words:.0f} words, {USERS} users)"
        )


if __name__ == "__main__":
    main()
