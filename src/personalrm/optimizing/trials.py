"""Evaluation of candidate instructions: a persona is written with the instruction, and held choices are judged with it.

Each pair of candidate and person is evaluated once, however often an optimiser asks. The requests are identical to
those of `personalrm fit --persona-prompt`, so the cache serves both.

    trials = Trials(endpoint, people, guard, "token", seed=0)
    trials.enter("Write a persona …", "gepa", parent=trials.shipped)
    outcome = trials.outcome("Write a persona …", people[0])
    outcome.score                  # mean of 1 − (1 − p)², p the probability of the chosen response
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from personalrm import prompts
from personalrm.data.shares import shares
from personalrm.llm import background_loop
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import bounded_map
from personalrm.optimizing.people import AT_ONCE, PreparedPerson
from personalrm.optimizing.prompt_file import PromptCandidate
from personalrm.profile.options import VerdictMode
from personalrm.renamed import renamed
from personalrm.synthesis.guard import CARRIES, Guard
from personalrm.synthesis.judging import JudgeContext
from personalrm.synthesis.persona import persona_text, write_persona
from personalrm.synthesis.scoring import score

PRIORITY = 2
UNSCORED = 0.5
"""Probability that is used for a choice without a readable verdict."""

Progress = Callable[[str, int, int], None]
"""Called with the name of the step, the number done and the total."""

MIXING: Mapping[str, str] = {
    "gepa": "the optimiser 'gepa' puts the personas of several people into one prompt",
}
"""Optimisers that put text about several people into one prompt, and how."""


@dataclass(frozen=True, slots=True)
class CandidateOutcome:
    """Result of one instruction for one person: the persona, and P(chosen) of each held choice (None: unscored).

    ``weight`` is the weight of each choice, so that a ranking counts once; empty for equal weights.
    """

    persona: str | None
    probabilities: tuple[float | None, ...]
    weight: tuple[float, ...] = ()

    @property
    def counts(self) -> tuple[float, ...]:
        """Weight of each choice."""
        return self.weight or (1.0,) * len(self.probabilities)

    @property
    def score(self) -> float:
        """Mean score of the choices, in [0, 1]."""
        worth = zip(self.probabilities, self.counts, strict=True)
        return sum(part * points(one) for one, part in worth) / sum(self.counts)


REFUSED = CandidateOutcome(None, ())


@dataclass(slots=True)
class _Entry:
    number: int
    origin: str
    parent: str | None
    refused: str | None


def points(probability: float | None) -> float:
    """1 − (1 − p)², the quadratic score: proper, bounded, 0.75 for an even guess."""
    return 1.0 - (1.0 - (UNSCORED if probability is None else probability)) ** 2


async def judged(
    endpoint: Endpoint, instruction: str | None, person: PreparedPerson, verdicts: VerdictMode, seed: int
) -> CandidateOutcome:
    """Write the persona (None takes the shipped prompt) and judge the held choices in both orders."""
    persona = await write_persona(endpoint, person.shown, seed, instruction)
    text = None if persona is None else persona_text(persona)
    scores = await score(endpoint, JudgeContext((), text, seed), person.held, verdicts, PRIORITY)
    probabilities = tuple(scores.probabilities[one.id] for one in person.held)
    return CandidateOutcome(text, probabilities, tuple(shares(person.held)))


class Trials:
    """All candidates of a run, their outcomes and their lineage. For one thread.

    Args:
        endpoint: writes and judges.
        people: training people.
        guard: checks each candidate before it is used.
        verdicts: how choices are judged.
        seed: of the order of the responses.
        report: called with the work in progress.
        singly: number of people that are evaluated one by one before all others are evaluated at once; for an optimiser
            that tries most candidates on a few people only.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        people: Sequence[PreparedPerson],
        guard: Guard,
        verdicts: VerdictMode,
        seed: int,
        report: Progress,
        singly: int = 0,
    ) -> None:
        self.people, self.shipped = tuple(people), prompts.load("persona")
        self._endpoint, self._guard, self._verdicts, self._seed = endpoint, guard, verdicts, seed
        self._report, self._singly = report, singly
        self._outcomes: dict[tuple[str, str], CandidateOutcome] = {}
        self._entries: dict[str, _Entry] = {}
        self._entries[self.shipped] = _Entry(0, "shipped", None, None)

    def __deepcopy__(self, memo: object) -> Trials:
        """DSPy copies programs for each candidate; the trials are shared."""
        return self

    def enter(self, instruction: str, origin: str, parent: str) -> str | None:
        """Add a new candidate to the lineage; returns why the guard refuses it, if it does."""
        entry = self._entries.get(instruction)
        if entry is None:
            refused = self._guard.refusal(instruction)
            entry = self._entries[instruction] = _Entry(len(self._entries), origin, parent, refused)
        return entry.refused

    def outcome(self, instruction: str, user: str) -> CandidateOutcome:
        """The outcome of a candidate for a training person, evaluated on first use; `REFUSED` for refused ones."""
        if self._entries[instruction].refused is not None:
            return REFUSED
        if (instruction, user) not in self._outcomes:
            tried = sum((instruction, one.user) in self._outcomes for one in self.people)
            all_people = instruction == self.shipped or tried >= self._singly
            people = [one for one in self.people if all_people or one.user == user]
            background_loop.run(self._try(instruction, people))
        return self._outcomes[instruction, user]

    def score(self, instruction: str, user: str) -> float:
        """The score of a candidate for a person; 0 if it is refused."""
        found = self.outcome(instruction, user)
        return found.score if found.probabilities else 0.0

    def best(self) -> str:
        """The instruction with the highest mean score on all training people; ties go to the earliest."""
        return max(self._entries, key=lambda one: (self._mean(one) or 0.0, -self._entries[one].number))

    def lineage(self) -> tuple[PromptCandidate, ...]:
        """All candidates in the order of trial, without the text of those that carry training people's words."""
        return tuple(self._candidate(text, entry) for text, entry in self._entries.items())

    def number(self, instruction: str) -> int:
        """Its index in the lineage."""
        return self._entries[instruction].number

    async def _try(self, instruction: str, people: Sequence[PreparedPerson]) -> None:
        waiting = [one for one in people if (instruction, one.user) not in self._outcomes]
        done = len(self.people) - len(waiting)

        async def one(person: PreparedPerson) -> tuple[str, CandidateOutcome]:
            return person.user, await judged(self._endpoint, instruction, person, self._verdicts, self._seed)

        async for user, found in bounded_map(one, waiting, AT_ONCE):
            self._outcomes[instruction, user] = found
            done += 1
            self._report(f"prompt {self.number(instruction)}, people", min(done, len(self.people)), len(self.people))

    def _mean(self, instruction: str) -> float | None:
        found = [self._outcomes.get((instruction, one.user)) for one in self.people]
        scores = [one.score for one in found if one is not None]
        return sum(scores) / len(scores) if len(scores) == len(self.people) else None

    def _candidate(self, text: str, entry: _Entry) -> PromptCandidate:
        mean = self._mean(text)
        carries = entry.refused is not None and entry.refused.startswith(CARRIES)
        return PromptCandidate(
            number=entry.number,
            origin=entry.origin,
            parent=None if entry.parent is None else self._entries[entry.parent].number,
            prompt=None if carries else text,
            score=None if mean is None else round(mean, 6),
            people=sum((text, one.user) in self._outcomes for one in self.people),
            refused=entry.refused,
        )


__getattr__ = renamed(__name__, {"Outcome": "CandidateOutcome"})
