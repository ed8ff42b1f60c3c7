"""A person whose first choices are learned from, and the wrapper for one person on the simulated model."""

from __future__ import annotations

from pathlib import Path

from personalrm import SynthesizeMe
from personalrm.llm.simulated import SimulatedLLM
from personalrm.preferences import History

QUESTION = "How do I water basil?"
SHORT = "Every other day."
LONG = (
    "It may depend on the pot. I think that it is often best to water it in the morning:\n- 100 ml\n- no more than that"
)


def learn(history: History) -> History:
    return history.only(history.choices[:14])


def rest(history: History) -> History:
    return history.only(history.choices[14:])


def door(llm: SimulatedLLM, folder: Path, **settings: object) -> SynthesizeMe:
    asked = {"model": "judge:simulated", "base_url": llm.url, "api_key": "k", "cache": folder / "answers.sqlite"}
    return SynthesizeMe(**{**asked, **settings})  # type: ignore[arg-type]
