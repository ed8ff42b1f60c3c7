"""OpenRLHF: a reward file for --reward.remote_url, called here once in OpenRLHF's way.

The profiles are in the folder given by PERSONALRM_PROFILES; run as a script, the file fits one from mira.jsonl.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from personalrm import SynthesizeMe
from personalrm.integrations.openrlhf import RewardFunc, reward_function


@cache
def rewards() -> RewardFunc:
    """Load the profiles, once."""
    return reward_function(os.environ["PERSONALRM_PROFILES"])


def reward_func(queries: list[str], prompts: list[str], labels: list[Any]) -> dict[str, Any]:
    """The function that OpenRLHF calls."""
    return rewards()(queries, prompts, labels)


def main() -> None:
    prompt = "<|im_start|>user\nHow long does pasta take?<|im_end|>\n<|im_start|>assistant\n"
    answers = ["Nine minutes.", "That may well depend on a great many things, so do check!"]
    with tempfile.TemporaryDirectory() as folder:
        SynthesizeMe().fit(Path(__file__).with_name("mira.jsonl")).save(Path(folder) / "mira.json")
        os.environ["PERSONALRM_PROFILES"] = folder
        found = reward_func([f"{prompt}{one}<|im_end|>" for one in answers], [prompt] * 2, ["mira"] * 2)
    for reward, answer in zip(found["rewards"], answers, strict=True):
        print(f"{reward:+.2f}  {answer}")


if __name__ == "__main__":
    main()
