"""The Profile: what was learned about one person, as records that serialise to one readable JSON file.

A profile holds the person's own choices (so that `update` and `persona` can show the evidence), the persona with the
choices for and against each claim, the demonstrations with what each was worth, which arm won and how sure that is.
It never holds an API key, a URL or another person's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from personalrm.formatting.notebook import html_table
from personalrm.preferences import History, Preference, Side
from personalrm.profile.options import Options
from personalrm.profile.spend import Spend
from personalrm.renamed import renamed

Arm = Literal["default", "persona", "demonstrations", "persona+demonstrations"]
"""What of the person the judge is shown, simplest first."""

SCHEMA = 2
"""Of the file; `migrations` reads the earlier ones."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One belief about the person.

    Attributes:
        text: the belief.
        supporting, opposing: ids of the person's choices that speak for and against it.
        q_value: the false-discovery rate at which the claim holds over all traits tried; None where it was not tested.
    """

    text: str
    supporting: tuple[str, ...]
    opposing: tuple[str, ...] = ()
    q_value: float | None = None


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
    """How one arm did on the validation choices that every arm answered.

    Attributes:
        log_loss: nats a choice; None if there is none.
        accuracy: share predicted right.
        scored: choices behind the two.
        unanswered: validation choices on which this arm gave no readable verdict.
    """

    log_loss: float | None
    accuracy: float | None
    scored: int
    unanswered: int = 0


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
class JudgeState:
    """What SynthesizeMe learned on a language model.

    Attributes:
        reasonings: why each training choice may have been made, verified or not.
        candidates: the sets of demonstrations that were scored.
        prompts: hash of each prompt by name; reasonings are reused under the same prompts only.
    """

    reasonings: tuple[Reasoning, ...] = ()
    candidates: tuple[CandidateSet, ...] = ()
    prompts: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["judge"] = "judge"


@dataclass(frozen=True, slots=True)
class TraitsState:
    """What the embedded engine needs to predict again.

    Attributes:
        weights: readable, one a trait.
        state: the arrays behind them: ``departure``, ``covariance`` and the whole ``prior``, from which `update`
            learns again, whatever prior the package ships by then.
    """

    weights: tuple[TraitWeight, ...]
    state: Mapping[str, object]
    kind: Literal["traits"] = "traits"


@dataclass(frozen=True, slots=True)
class TrainedState:
    """Which trained model the profile belongs to; what it makes of the choices is computed where it is needed.

    Attributes:
        stamp: of the model's content (`provenance.stamp_of_folder`); its folder may move.
    """

    stamp: str
    kind: Literal["trained"] = "trained"


@dataclass(frozen=True, slots=True)
class ServedState:
    """What is kept of a reward model at a server; the profile's ``model`` names it, without its URL.

    Attributes:
        temperature: its rewards are divided by it, so that their differences are log-odds.
    """

    temperature: float
    kind: Literal["served"] = "served"


@dataclass(frozen=True, slots=True)
class FusedState:
    """Several engines whose log-odds are added.

    Attributes:
        parts: the state of each engine by name.
        weights: of its log-odds, by the same names.
    """

    parts: Mapping[str, JudgeState | TraitsState | TrainedState]
    weights: Mapping[str, float]
    kind: Literal["fused"] = "fused"


EngineState = JudgeState | TraitsState | TrainedState | ServedState | FusedState
"""What only the engine that fitted a profile understands; ``kind`` tells which."""


@dataclass(frozen=True, slots=True, repr=False)
class Profile:
    """Everything learned about one person.

    Attributes:
        user: whose choices.
        model: the engine or model that was fitted, as it was named.
        history: the choices, oldest first.
        training, validation: ids of the choices that were learned from, and of those held back.
        persona: what the person likes; None if nothing could be verified.
        demonstrations: past choices worth showing.
        fallback: which arm is used, and how sure that is.
        fingerprint: 16 hex digits of the history.
        options: how it was fitted, the seed among them; new choices are learned from in the same way.
        engine: what only the engine understands.
        notes: what the person should know of their choices.
        spend: what the fit cost.
        schema: version of this record.
        personalrm: version of the package that fitted it.
    """

    user: str
    model: str
    history: History
    training: tuple[str, ...]
    validation: tuple[str, ...]
    persona: Persona | None
    demonstrations: tuple[Demonstration, ...]
    fallback: ArmSelection
    fingerprint: str
    options: Options
    engine: EngineState
    notes: tuple[str, ...] = ()
    spend: Spend = field(default_factory=Spend)
    schema: int = SCHEMA
    personalrm: str = ""

    def __repr__(self) -> str:
        """One line: the whole record holds all texts of the choices."""
        claims = 0 if self.persona is None else len(self.persona.claims)
        return f"Profile(user={self.user!r}, model={self.model!r}, choices={len(self.history)}, claims={claims})"

    def _repr_html_(self) -> str:
        claims = () if self.persona is None else self.persona.claims
        rows = [(one.text, str(len(one.supporting)), str(len(one.opposing))) for one in claims]
        return html_table(repr(self), ("claim", "choices for", "choices against"), rows)

    @property
    def seed(self) -> int:
        """Random seed of the fit."""
        return self.options.seed

    @property
    def preset(self) -> str:
        """`Options.preset`."""
        return self.options.preset

    @property
    def reasonings(self) -> tuple[Reasoning, ...]:
        """Of a judge; empty for other engines."""
        return self.engine.reasonings if isinstance(self.engine, JudgeState) else ()

    @property
    def candidates(self) -> tuple[CandidateSet, ...]:
        """Of a judge; empty for other engines."""
        return self.engine.candidates if isinstance(self.engine, JudgeState) else ()

    @property
    def prompts(self) -> Mapping[str, str]:
        """Hashes of a judge's prompts; empty for other engines."""
        return self.engine.prompts if isinstance(self.engine, JudgeState) else {}

    @property
    def traits(self) -> TraitsState | None:
        """Of the embedded engine; None for others."""
        return self.engine if isinstance(self.engine, TraitsState) else None

    def choice(self, choice_id: str) -> Preference:
        """The person's choice of that id; KeyError if there is none."""
        for one in self.history:
            if one.id == choice_id:
                return one
        raise KeyError(choice_id)


__getattr__ = renamed(__name__, {"Fallback": "ArmSelection", "TraitsFit": "TraitsState"})
