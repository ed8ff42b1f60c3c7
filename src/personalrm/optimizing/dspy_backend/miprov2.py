"""MIPROv2, zero-shot: instructions proposed from a summary of the data, then searched by a Bayesian optimiser.

It sees people in general terms alone (see `program`), and no demonstrations of people get into a prompt.
"""

from __future__ import annotations

from typing import Any

import dspy

from personalrm.llm.endpoint import Endpoint
from personalrm.optimizing.dspy_backend.asking import EndpointLM, Lenient
from personalrm.optimizing.dspy_backend.program import Program, examples
from personalrm.optimizing.trials import Trials

NAME = "miprov2"
DRAWS = 4
"""Trials of the search for each candidate: a candidate that is drawn again costs nothing."""


def run(trials: Trials, proposer: Endpoint, candidates: int, seed: int) -> None:
    """Propose ``candidates`` instructions and try them; what was tried is in ``trials`` afterwards."""

    def metric(example: Any, prediction: Any, trace: Any = None) -> float:
        return float(prediction.score)

    model = EndpointLM(proposer)
    with dspy.context(lm=model, adapter=Lenient(use_json_adapter_fallback=False)):
        dspy.MIPROv2(
            metric=metric,
            prompt_model=model,
            task_model=model,
            auto=None,
            num_candidates=candidates + 1,  # the first is replaced by the prompt that ships
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
