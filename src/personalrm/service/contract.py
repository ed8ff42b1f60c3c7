"""Request bodies of the API, with validation; the OpenAPI document is generated from them.

Unknown fields are rejected, numbers are finite, texts are limited in length and contain no NUL (PostgreSQL has none).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from personalrm.preferences import Message
from personalrm.service.fields import NAME, AnyId, Finite, Name, ShortText, Text, Time, storable

MANY, FIELDS = 1000, 64


class Strict(BaseModel):
    """Base class of all request bodies."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, given: Any) -> Any:
        if isinstance(given, dict) and len(given) > FIELDS:  # each unknown one would be listed
            raise ValueError(f"expected at most {FIELDS} fields, found {len(given)}")
        return given


class MessageIn(Strict):
    """One turn of a conversation."""

    role: Annotated[str, StringConstraints(min_length=1, max_length=50), AfterValidator(storable)]
    content: Text


class AskedIn(Strict):
    """The context of responses: exactly one of ``prompt`` and ``context``."""

    prompt: Text | None = None
    context: Annotated[list[MessageIn], Field(max_length=500)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> AskedIn:
        if (self.prompt is None) == (self.context is None):
            raise ValueError("expected exactly one of 'prompt' and 'context'")
        return self

    @property
    def turns(self) -> tuple[Message, ...]:
        """The conversation."""
        if self.prompt is not None:
            return (Message("user", self.prompt),) if self.prompt else ()
        return tuple(Message(one.role, one.content) for one in self.context or ())


class Arrived(AskedIn):
    """Fields common to all feedback. ``id`` and ``source`` identify it; ``time`` defaults to the time of arrival."""

    id: AnyId | None = None
    source: Name = "api"
    time: Time | None = None


class ChoiceIn(Arrived):
    """One response preferred to another, or a tie."""

    chosen: Text
    rejected: Text
    tie: bool = False
    group: Annotated[str, StringConstraints(min_length=1, max_length=NAME), AfterValidator(storable)] | None = None
    domain: ShortText | None = None
    reason: ShortText | None = None
    margin: Finite | None = None

    @model_validator(mode="after")
    def _two_responses(self) -> ChoiceIn:
        if self.chosen == self.rejected and not self.tie:
            raise ValueError("chosen and rejected are the same text")
        return self


class RankingIn(Arrived):
    """A choice among several: ``responses``, best first; with ``ranked`` = 1 only the first is known to be the best."""

    responses: Annotated[list[Text], Field(min_length=2, max_length=20)]
    ranked: Annotated[int, Field(ge=1, le=20)] | None = None


class RatingIn(Arrived):
    """A score for one response; scores with the same prompt and source are compared."""

    response: Text
    score: Finite


class ThumbIn(Arrived):
    """A thumb up or down for one response."""

    response: Text
    up: bool
    reason: ShortText | None = None


def _batch(kind: type[Arrived]) -> Any:
    """A list whose items are validated one by one, so that an invalid item does not reject the others."""
    items: Any = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return Field(min_length=1, max_length=MANY, json_schema_extra={"items": items})


class ChoicesIn(Strict):
    """Choices to be stored."""

    choices: Annotated[list[Any], _batch(ChoiceIn)]


class RankingsIn(Strict):
    """Rankings to be stored."""

    rankings: Annotated[list[Any], _batch(RankingIn)]


class RatingsIn(Strict):
    """Ratings to be stored."""

    ratings: Annotated[list[Any], _batch(RatingIn)]


class ThumbsIn(Strict):
    """Thumbs to be stored."""

    thumbs: Annotated[list[Any], _batch(ThumbIn)]


class PairIn(AskedIn):
    """Two responses to compare."""

    a: Text
    b: Text


class ResponsesIn(AskedIn):
    """Responses to rank."""

    responses: Annotated[list[Text], Field(min_length=1, max_length=MANY)]


class ScoreIn(AskedIn):
    """One response to score, or several."""

    response: Text | None = None
    responses: Annotated[list[Text], Field(min_length=1, max_length=MANY)] | None = None
    normalize: bool = False

    @model_validator(mode="after")
    def _one_kind(self) -> ScoreIn:
        if (self.response is None) == (self.responses is None):
            raise ValueError("expected exactly one of 'response' and 'responses'")
        return self


class ScoresIn(ResponsesIn):
    """Responses to score for several people; ``normalize`` returns z-scores relative to each person's history."""

    users: Annotated[list[Name], Field(min_length=1, max_length=5000)]
    normalize: bool = False


class CorrectionIn(Strict):
    """The person's correction of a claim: the claim's text as in the persona, and the verdict."""

    claim: Annotated[ShortText, StringConstraints(min_length=1)]
    verdict: Literal["right", "wrong", "outdated", "forget"]
    note: ShortText | None = None


class TasteAnswerIn(Strict):
    """``return`` excludes the choices made since the change that ``choice`` names; ``keep`` includes all choices."""

    answer: Literal["keep", "return"]
    choice: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None


class CandidateIn(AskedIn):
    """A pair that can become a question."""

    id: AnyId | None = None
    a: Text
    b: Text


class CandidatesIn(Strict):
    """Pairs to choose the next question from."""

    candidates: Annotated[list[CandidateIn], Field(min_length=1, max_length=MANY)]
    top: Annotated[int, Field(ge=1, le=20)] = 1
    criterion: Literal["information", "prediction", "pref"] = "information"


class ForgetIn(Strict):
    """Whether a choice is excluded from learning (true) or included again (false)."""

    forgotten: bool


class ReasonIn(Strict):
    """The person's reason for a choice, in their own words; null removes it."""

    reason: ShortText | None

    @field_validator("reason")
    @classmethod
    def _has_words(cls, reason: str | None) -> str | None:
        if reason is not None and not reason.strip():
            raise ValueError("is empty: send a few words, or null to remove the reason")
        return None if reason is None else reason.strip()


class LinkIn(Strict):
    """How long a link gives access to a person's pages."""

    days: Annotated[float, Field(gt=0, le=365, allow_inf_nan=False)] = 7.0
