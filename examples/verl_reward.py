"""verl: `compute_score` called the way verl calls it, as a function and as a coroutine, for a user fitted here.

In verl: reward.custom_reward_function.path=pkg://personalrm.integrations.verl
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from personalrm import SynthesizeMe
from personalrm.integrations.verl import PROFILES, acompute_score, compute_score

CHOICES = Path(__file__).with_name("mira.jsonl")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        SynthesizeMe().fit(CHOICES).save(Path(folder) / "mira.json")
        os.environ[PROFILES] = folder
        row = {"user_id": "mira", "prompt": [{"role": "user", "content": "How long does pasta take?"}]}
        for answer in ("Nine minutes.", "That may well depend on a great many things, so do check!"):
            found = compute_score("mine", answer, None, row)
            assert found == asyncio.run(acompute_score("mine", answer, None, row))
            print(f"{found['score']:+.2f}  {answer}")


if __name__ == "__main__":
    main()
