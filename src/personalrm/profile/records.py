"""The Profile: what was learned about one person, as records that serialise to one readable JSON file.

A profile holds the person's own choices (so that `update` and `persona` can show the evidence), the persona with the
choices for and against each claim, the demonstrations with what each was worth, which arm won and how sure that is.
It never holds an API key, a URL or another person's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from personalrm.preferences import History, Preference, Side
from personalrm.profile.options import Options
from personalrm.profile.spend import Spend

Arm = Literal["default", "persona", "demonstrations", "persona+demonstrations"]
"""What of the person the judge is shown, simplest first."""

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Claim:
    """One belief about the person: ``supporting`` and ``opposing`` are ids of their choices."""

    text: str
    supporting: tuple[str, ...]
    opposing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Persona:
    """A short text about what the person likes, and the claims it rests on."""

    summary: str
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Why the person may have chosen as they did, written blind to the label (SynthesizeMe stage 1).

    ``predicted`` is the side predicted in the order asked; None if the answer could not be read.
    ``verified`` is true where the prediction held in every order asked. ``surprise`` is the log loss (nats) of the
    blind prediction: what the choice says that a stranger would not have guessed.
    """

    choice: str
    text: str
    predicted: Side | None
    verified: bool
    surprise: float


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A past choice worth showing, the verified reasoning shown with it, and its worth on validation.

    ``worth`` is the drop of validation log loss (nats a choice) that the demonstration is estimated to bring;
    None where it was not measured.
    """

    choice: str
    reasoning: str | None = None
    worth: float | None = None


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """A set of demonstrations that was scored; ``log_loss`` over ``scored`` validation choices, None if unscored."""

    choices: tuple[str, ...]
    log_loss: float | None
    accuracy: float | None
    scored: int
    stopped_early: bool = False


@dataclass(frozen=True, slots=True)
class ArmScore:
    """How one arm did on the validation choices that it could score."""

    log_loss: float | None
    accuracy: float | None
    scored: int


@dataclass(frozen=True, slots=True)
class ArmSelection:
    """The competition of the arms (default, persona, demonstrations, both).

    Attributes:
        chosen: the arm that is used.
        arms: score of every arm that was measured.
        gain: log loss of the default arm minus that of the chosen one, nats a choice; None if not measured.
        confidence: probability that the chosen arm really beats the default one, given so few validation choices.
        reason: the choice of arm in one sentence.
    """

    chosen: Arm
    arms: Mapping[Arm, ArmScore]
    gain: float | None
    confidence: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class TraitWeight:
    """One trait of the embedded engine: what the population and this person weigh it, log-odds per standard unit."""

    trait: str
    population: float
    person: float
    sd: float


@dataclass(frozen=True, slots=True)
class TraitsFit:
    """What the embedded engine needs to predict again: readable weights, then the arrays behind them."""

    weights: tuple[TraitWeight, ...]
    state: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything learned about one person; ``options`` say how, so that new choices are learned from the same way.

    ``checkpoint`` tells which trained model it belongs to, where it does.
    """

    user: str
    model: str
    preset: str
    seed: int
    history: History
    training: tuple[str, ...]
    validation: tuple[str, ...]
    persona: Persona | None
    reasonings: tuple[Reasoning, ...]
    demonstrations: tuple[Demonstration, ...]
    candidates: tuple[CandidateSet, ...]
    fallback: ArmSelection
    prompts: Mapping[str, str]
    fingerprint: str
    options: Options = field(default_factory=Options)
    traits: TraitsFit | None = None
    checkpoint: str | None = None
    notes: tuple[str, ...] = ()
    spend: Spend = field(default_factory=Spend)
    schema: int = SCHEMA
    personalrm: str = ""

    def choice(self, choice_id: str) -> Preference:
        """The person's choice of that id; KeyError if there is none."""
        for one in self.history:
            if one.id == choice_id:
                return one
        raise KeyError(choice_id)
