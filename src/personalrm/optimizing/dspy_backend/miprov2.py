"""MIPROv2 (arXiv 2406.11695), zero-shot: instructions proposed from a summary of the data, then Bayesian search.

It sees people in general terms only (see `program`), and puts no demonstrations of people into a prompt.
"""

from __future__ import annotations

from typing import Any

import dspy

from personalrm.llm.endpoint import Endpoint
from personalrm.optimizing.dspy_backend.asking import EndpointLM, LenientAdapter
from personalrm.optimizing.dspy_backend.program import Program, examples
from personalrm.optimizing.trials import Trials

NAME = "miprov2"
DRAWS = 4
"""Search trials for each candidate: repeating one costs nothing."""


def run(trials: Trials, proposer: Endpoint, candidates: int, seed: int) -> None:
    """Propose ``candidates`` instructions and evaluate them; the results are in ``trials``."""

    def metric(example: Any, prediction: Any, trace: Any = None) -> float:
        return float(prediction.score)

    model = EndpointLM(proposer)
    with dspy.context(lm=model, adapter=LenientAdapter(use_json_adapter_fallback=False)):
        dspy.MIPROv2(
            metric=metric,
            prompt_model=model,
            task_model=model,
            auto=None,
            num_candidates=candidates + 1,  # the first is replaced by the shipped prompt
            max_bootstrapped_demos=0,
            max_labeled_demos=0,
            num_threads=1,
            max_errors=1,
            seed=seed,
        ).compile(
            Program(trials, NAME),
            trainset=examples(trials),
            valset=examples(trials),
            num_trials=DRAWS * candidates,
            minibatch=False,
            program_aware_proposer=False,
            fewshot_aware_proposer=False,
        )
