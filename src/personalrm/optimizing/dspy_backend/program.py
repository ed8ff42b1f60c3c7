"""The program that DSPy optimises: one predictor whose instruction is Θ, run on training people.

A person is represented by a number and a description in general terms. The predictor writes the persona from the past
choices, which DSPy does not see; the program is scored by how well held choices are predicted with it.
"""

from __future__ import annotations

from typing import Any

import dspy

from personalrm.errors import PersonalrmError
from personalrm.optimizing.describing import describe
from personalrm.optimizing.dspy_backend.asking import Stop
from personalrm.optimizing.trials import CandidateOutcome, Trials

MOST_FEEDBACK = 6


class WritePersona(dspy.Signature):  # type: ignore[misc]
    """Write a persona."""

    person: str = dspy.InputField(desc="a number that stands for one person")
    past_choices: str = dspy.InputField(desc="that person's past choices between two responses, in general terms")
    persona: str = dspy.OutputField(desc="what this person likes in a response")


EMPTY = WritePersona.with_instructions("").instructions


class Writer(dspy.Predict):  # type: ignore[misc]
    """The predictor: its signature holds the instruction, `Trials` evaluates it."""

    def __init__(self, trials: Trials, origin: str) -> None:
        super().__init__(WritePersona.with_instructions(trials.shipped))
        self._trials, self._origin = trials, origin

    def forward(self, **inputs: Any) -> Any:
        """The persona of one person."""
        instruction = self._instruction()
        try:
            self._trials.enter(instruction, self._origin, self._trials.shipped)
            found = self._trials.outcome(instruction, self._user(inputs["person"]))
        except PersonalrmError as error:
            raise Stop(error) from None
        written = dspy.Prediction(persona=found.persona or "(nothing could be written)")
        if dspy.settings.trace is not None:
            dspy.settings.trace.append((self, inputs, written))
        return written

    def score(self, person: str) -> float:
        """The current instruction's score for a person."""
        return self._trials.score(self._instruction(), self._user(person))

    def outcome(self, person: str) -> CandidateOutcome:
        """The current instruction's outcome for a person."""
        return self._trials.outcome(self._instruction(), self._user(person))

    def _instruction(self) -> str:
        """The current instruction, or the shipped one where DSPy fills in a default for an empty proposal."""
        held: str = self.signature.instructions
        return self._trials.shipped if held == EMPTY else held

    def _user(self, person: str) -> str:
        return self._trials.people[int(person) - 1].user


class Program(dspy.Module):  # type: ignore[misc]
    """Write a persona of a person, then predict with it which of two new responses the person chooses."""

    def __init__(self, trials: Trials, origin: str) -> None:
        super().__init__()
        self.write = Writer(trials, origin)

    def forward(self, person: str, past_choices: str) -> Any:
        """The persona and its score in [0, 1]."""
        written = self.write(person=person, past_choices=past_choices)
        return dspy.Prediction(
            persona=written.persona, score=self.write.score(person), outcome=self.write.outcome(person)
        )


def examples(trials: Trials) -> list[Any]:
    """The training people as DSPy examples."""
    return [
        dspy.Example(person=str(number), past_choices=one.about).with_inputs("person", "past_choices")
        for number, one in enumerate(trials.people, 1)
    ]


def feedback(trials: Trials, person: str, outcome: CandidateOutcome) -> str:
    """Which predictions were right, in general terms, without text of the choices."""
    if not outcome.probabilities:
        return "This instruction must not be used: it carries words or topics of the people it was made from."
    held = trials.people[int(person) - 1].held
    known = [(one, p) for one, p in zip(held, outcome.probabilities, strict=True) if p is not None]
    missed = [(one, p) for one, p in known if p <= 0.5]
    said = [f"{len(known) - len(missed)} of {len(known)} new choices were predicted with this persona."]
    for one, p in missed[:MOST_FEEDBACK]:
        said.append(f"Missed (probability {p:.2f}): the person {describe(one)}.")
    return "\n".join(said)
