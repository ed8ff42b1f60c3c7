"""The Profile: what was learned about one person, as records that serialise to one JSON file.

A profile holds the person's own choices (`update` learns from them and `persona` shows them as evidence), the persona
with the choices for and against each claim, the demonstrations with their marginal value, the selected arm and the
confidence in that selection. It never holds an API key, a URL or another person's texts.
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
"""Parts of the profile that are shown to the judge, simplest first."""

SCHEMA = 2
"""Schema version of the file; `migrations` converts earlier versions."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement about the person's preferences.

    Attributes:
        text: the statement.
        supporting, opposing: ids of the person's choices that are evidence for and against it.
        q_value: Benjamini–Hochberg q-value over all traits tested; None if the claim was not tested.
    """

    text: str
    supporting: tuple[str, ...]
    opposing: tuple[str, ...] = ()
    q_value: float | None = None


@dataclass(frozen=True, slots=True)
class Persona:
    """A short text about the person's preferences, and the claims with their evidence."""

    summary: str
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A hypothesis about why the person chose as they did, written without the label (SynthesizeMe stage 1).

    ``predicted`` is the side predicted in the order asked; None if the answer could not be parsed.
    ``verified`` is true if the prediction was right in every order asked. ``surprise`` is the log loss (nats) of the
    prediction without the label: high if a judge that does not know the person predicts the choice wrong.
    """

    choice: str
    text: str
    predicted: Side | None
    verified: bool
    surprise: float


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A selected few-shot example: a past choice, its verified reasoning, and its marginal value on validation.

    ``worth`` is the estimated reduction of the validation log loss (nats per choice) by this demonstration; None if not
    measured.
    """

    choice: str
    reasoning: str | None = None
    worth: float | None = None


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """A candidate set of demonstrations with its log loss over ``scored`` validation choices; None if unscored."""

    choices: tuple[str, ...]
    log_loss: float | None
    accuracy: float | None
    scored: int
    stopped_early: bool = False


@dataclass(frozen=True, slots=True)
class ArmScore:
    """Score of one arm on the validation choices that every arm answered.

    Attributes:
        log_loss: nats per choice; None if no choice was scored.
        accuracy: share predicted right.
        scored: number of choices behind the two.
        unanswered: validation choices on which this arm gave no verdict that could be parsed.
    """

    log_loss: float | None
    accuracy: float | None
    scored: int
    unanswered: int = 0


@dataclass(frozen=True, slots=True)
class ArmSelection:
    """Selection among the arms (default, persona, demonstrations, both).

    Attributes:
        chosen: the arm that is used.
        arms: score of every arm that was measured.
        gain: log loss of the default arm minus that of the chosen one, nats per choice; None if not measured.
        confidence: estimated probability that the chosen arm has a lower log loss than the default one; None unless it
            is calibrated on people (see `small_numbers`).
        reason: the reason for the selection in one sentence.
    """

    chosen: Arm
    arms: Mapping[Arm, ArmScore]
    gain: float | None
    confidence: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class TraitWeight:
    """One trait of the embedded engine: population weight and this person's weight, log-odds per standard deviation."""

    trait: str
    population: float
    person: float
    sd: float


@dataclass(frozen=True, slots=True)
class JudgeState:
    """State of a profile that SynthesizeMe fitted with a language model as judge.

    Attributes:
        reasonings: the reasoning of each training choice, verified or not.
        candidates: the sets of demonstrations that were scored.
        prompts: hash of each prompt by name; reasonings are reused only if the prompts are unchanged.
        verdicts: arm → id of a validation choice → probability of the chosen response, combined over both orders;
            used to fit the weights of a fused model.
    """

    reasonings: tuple[Reasoning, ...] = ()
    candidates: tuple[CandidateSet, ...] = ()
    prompts: Mapping[str, str] = field(default_factory=dict)
    verdicts: Mapping[Arm, Mapping[str, float]] = field(default_factory=dict)
    kind: Literal["judge"] = "judge"


@dataclass(frozen=True, slots=True)
class TraitsState:
    """State of the embedded engine.

    Attributes:
        weights: one per trait, for display.
        state: the arrays used for prediction: ``departure`` (user offset), ``covariance`` and the whole ``prior``, so
            that `update` does not depend on the prior shipped with the installed version.
    """

    weights: tuple[TraitWeight, ...]
    state: Mapping[str, object]
    kind: Literal["traits"] = "traits"


@dataclass(frozen=True, slots=True)
class TrainedState:
    """State of a trained model: only its identity; user embeddings are computed from the choices when needed.

    Attributes:
        stamp: hash of the model's content (`provenance.stamp_of_folder`); the folder may be moved.
    """

    stamp: str
    kind: Literal["trained"] = "trained"


@dataclass(frozen=True, slots=True)
class ServedState:
    """State of a reward model at a server; the profile's ``model`` names it, without its URL.

    Attributes:
        temperature: divisor of its rewards, so that their differences are log-odds.
    """

    temperature: float
    kind: Literal["served"] = "served"


@dataclass(frozen=True, slots=True)
class FusedState:
    """State of several engines whose weighted log-odds are summed.

    Attributes:
        parts: engine name → its state.
        weights: engine name → weight of its log-odds.
    """

    parts: Mapping[str, JudgeState | TraitsState | TrainedState]
    weights: Mapping[str, float]
    kind: Literal["fused"] = "fused"


EngineState = JudgeState | TraitsState | TrainedState | ServedState | FusedState
"""Engine-specific state of a profile; ``kind`` is the tag."""


@dataclass(frozen=True, slots=True, repr=False)
class Profile:
    """Everything learned about one person.

    Attributes:
        user: the person's id.
        model: name of the engine or model that fitted the profile.
        history: the choices, oldest first.
        training, validation: ids of the training choices and of the validation choices.
        persona: description of the person's preferences; None if no reasoning could be verified.
        demonstrations: selected few-shot examples.
        fallback: the selected arm and the confidence in that selection.
        fingerprint: 16 hex digits of the history.
        options: options of the fit, including the seed; `update` uses the same ones.
        engine: engine-specific state.
        notes: remarks on the data and the fit, for the person to read.
        spend: cost of the fit.
        schema: schema version of this record.
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
        """One line; the full record would include the texts of all choices."""
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
        """Reasonings of a `JudgeState`; empty for other engines."""
        return () if self._judge is None else self._judge.reasonings

    @property
    def candidates(self) -> tuple[CandidateSet, ...]:
        """Candidate sets of a `JudgeState`; empty for other engines."""
        return () if self._judge is None else self._judge.candidates

    @property
    def prompts(self) -> Mapping[str, str]:
        """Hashes of the judge's prompts; empty for other engines."""
        return {} if self._judge is None else self._judge.prompts

    @property
    def traits(self) -> TraitsState | None:
        """State of the embedded engine, also as a part of a fused one; None for other engines."""
        found = self.engine.parts.get("traits") if isinstance(self.engine, FusedState) else self.engine
        return found if isinstance(found, TraitsState) else None

    @property
    def _judge(self) -> JudgeState | None:
        found = self.engine.parts.get("judge") if isinstance(self.engine, FusedState) else self.engine
        return found if isinstance(found, JudgeState) else None

    def choice(self, choice_id: str) -> Preference:
        """The choice with this id. Raises KeyError if there is none."""
        for one in self.history:
            if one.id == choice_id:
                return one
        raise KeyError(choice_id)

    def demonstrated(self) -> list[tuple[Demonstration, Preference]]:
        """Each demonstration with its choice, found in one pass over the history. KeyError for an unknown choice."""
        wanted = {one.choice for one in self.demonstrations}
        found: dict[str, Preference] = {}
        for one in self.history:
            if one.id in wanted:
                found.setdefault(one.id, one)
        return [(one, found[one.choice]) for one in self.demonstrations]


__getattr__ = renamed(__name__, {"Fallback": "ArmSelection", "TraitsFit": "TraitsState"})
