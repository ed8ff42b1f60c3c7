"""GEPA (arXiv 2507.19457): a candidate is tried on three people, rewritten from feedback, and kept if it improves
there.

The feedback holds the personas and the kinds of choices they missed, in general terms (see `program`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import cleandoc
from typing import Any

import dspy

from personalrm.llm.endpoint import Endpoint
from personalrm.optimizing.dspy_backend.asking import EndpointLM, LenientAdapter
from personalrm.optimizing.dspy_backend.program import Program, examples, feedback
from personalrm.optimizing.trials import MIXING, Trials
from personalrm.privacy import refuse_mixing
from personalrm.synthesis.rendering import safe

NAME = "gepa"
MINIBATCH = 3


class ImproveInstruction(dspy.Signature):  # type: ignore[misc]
    """An instruction asks a language model to write a persona of a person from the past choices above it, so that
    somebody can predict the person's next choice between two responses. Read how personas written with it fared, and
    propose a better instruction.

    Keep what it says about the material: choices are numbered, and a <why> marks a reasoning that foresaw the choice.
    Improve what to look for, how to weigh evidence, and how to put it. It must work for people nobody has seen: name no
    topic, quote nothing, assume nothing about who a person is. Answer with the instruction alone."""

    current_instruction: str = dspy.InputField()
    how_it_fared: str = dspy.InputField(desc="personas that were written with it, and what they missed")
    improved_instruction: str = dspy.OutputField()


class Proposer:
    """Writes the next instruction from the feedback, and records its parent in the lineage."""

    def __init__(self, trials: Trials) -> None:
        self._trials, self._improve = trials, dspy.Predict(ImproveInstruction)
        self.proposed = 0

    def __call__(
        self,
        candidate: Mapping[str, str],
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components_to_update: Sequence[str],
    ) -> dict[str, str]:
        """The new texts by component; there is one component."""
        refuse_mixing(MIXING[NAME])
        new: dict[str, str] = {}
        for name in components_to_update:
            records = reflective_dataset.get(name, ())
            fared = "\n\n".join(f"Persona: {_persona(one)}\n{one['Feedback']}" for one in records)
            found = self._improve(current_instruction=candidate[name], how_it_fared=fared)
            new[name] = cleandoc(found.improved_instruction or "").strip() or candidate[name]
            self._trials.enter(new[name], NAME, parent=candidate[name])
            self.proposed += 1
        return new


def run(trials: Trials, proposer: Endpoint, candidates: int, seed: int) -> None:
    """Propose ``candidates`` instructions one after the other and evaluate them; the results are in ``trials``."""

    def metric(example: Any, prediction: Any, trace: Any = None, name: Any = None, name_trace: Any = None) -> Any:
        text = feedback(trials, example.person, prediction.outcome)
        return dspy.Prediction(score=float(prediction.score), feedback=text)

    model, propose = EndpointLM(proposer), Proposer(trials)
    people = examples(trials)
    with dspy.context(lm=model, adapter=LenientAdapter(use_json_adapter_fallback=False)):
        dspy.GEPA(
            metric=metric,
            max_metric_calls=len(people) + candidates * (2 * MINIBATCH + len(people)),
            reflection_minibatch_size=min(MINIBATCH, len(people)),
            reflection_lm=model,
            instruction_proposer=propose,
            use_merge=False,  # merging needs several components
            num_threads=1,
            warn_on_score_mismatch=False,
            seed=seed,
            gepa_kwargs={"stop_callbacks": lambda _: propose.proposed >= candidates},
        ).compile(Program(trials, NAME), trainset=people, valset=people)


def _persona(record: Mapping[str, Any]) -> str:
    written = record["Generated Outputs"]
    return safe(str(written["persona"]) if isinstance(written, Mapping) else str(written))
