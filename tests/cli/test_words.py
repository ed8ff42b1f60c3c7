"""The first screens of somebody new: plain words, no unit of information theory."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import Run
from places import LATER, MIRA

from personalrm.llm.simulated import SimulatedLLM

_JARGON = re.compile(r"\bnats?\b|\bbits\b|posterior|empirical Bayes|Laplace|Plackett|logit", re.IGNORECASE)


@pytest.mark.parametrize("model", ["traits", "judge"])
def test_fit_compare_rank_and_evaluate_say_no_nats(model: str, run: Run, llm: SimulatedLLM, tmp_path: Path) -> None:
    profile = tmp_path / "me.json"
    shared = () if model == "traits" else ("--base-url", llm.url)
    asked = () if model == "traits" else ("--model", "m", *shared)
    pair = ("--prompt", "How long does pasta take?", "--a", "Nine minutes.", "--b", "It may depend on many things.")
    done = [
        run("fit", MIRA, "--out", profile, *asked),
        run("compare", profile, *pair, *shared),
        run("rank", profile, "--prompt", "A title?", "--response", "Eggs.", "--response", "Eggs!", *shared),
        run("evaluate", profile, LATER, *shared),
        run("persona", profile),
    ]
    assert [one.code for one in done] == [0] * 5, [one.err for one in done]
    for one in done:
        assert not _JARGON.search(one.out + one.err), one
