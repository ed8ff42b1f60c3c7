"""Request bodies of chats and of feedback on their answers; see `contract`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from personalrm.service.contract import Strict
from personalrm.service.fields import GivenId, Name, ShortText, Text


class ChatIn(BaseModel):
    """A chat completion request in OpenAI's format; fields not listed here are passed to the upstream unchanged."""

    model_config = ConfigDict(extra="allow")

    model: ShortText
    messages: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=2000)]
    user: Name | None = None
    stream: bool | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    n_best: Annotated[int, Field(ge=1, le=16, description="Answers to choose from for the person")] | None = None


class AnswerFeedbackIn(Strict):
    """The person's feedback on an answer of the chat endpoint: exactly one of the three fields."""

    id: GivenId
    choice: Annotated[int, Field(ge=0, le=127)] = 0
    rating: Literal["up", "down"] | None = None
    preferred_over: GivenId | None = None
    edited: Annotated[Text, StringConstraints(min_length=1)] | None = None
    reason: ShortText | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> AnswerFeedbackIn:
        if sum(one is not None for one in (self.rating, self.preferred_over, self.edited)) != 1:
            raise ValueError("expected exactly one of 'rating', 'preferred_over' and 'edited'")
        return self
