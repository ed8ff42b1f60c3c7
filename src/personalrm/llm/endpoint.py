"""The seam to a language model: messages in, a completion out.

`Endpoint` is all that the method knows of a model. `OpenAIEndpoint` speaks HTTP, `LanguageModel` adds cache and budget,
`UsageMeter` counts what one person's fit spent; each is an Endpoint around another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from personalrm.preferences import Message
from personalrm.renamed import renamed

ABSENT = -9999.0
"""What hosts give as the log-probability of a token that is practically impossible."""


FEW_TOKENS = 16
"""Up to so many tokens a letter or a word is asked for."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One generated token, its natural-log probability, and the most likely alternatives (itself included)."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered.

    Attributes:
        text: the answer; empty if the model gave none.
        tokens: log-probabilities token by token, if they were asked for and the host gives them.
        prompt_tokens, completion_tokens, cached_tokens: as billed by the host; estimated (4 characters a token) if it
            does not say. ``cached_tokens`` are the part of the prompt that the host had in its prefix cache.
        finish_reason: ``stop``, ``length`` or what the host says.
        cost: US dollars, if the host or the ledger knows the price.
        from_cache: answered by our own cache; nothing was asked or paid now.
        thoughts: what a reasoning model thought aloud beside its answer; not kept in the cache.
        budget: the most new tokens that this answer was allowed; 0 if unknown.
        asked: requests that were paid for it: more than one where the first answers were cut off. Counts and cost are
            those of all of them.
    """

    text: str
    tokens: tuple[TokenLogprob, ...] | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    finish_reason: str = "stop"
    cost: float | None = None
    from_cache: bool = False
    thoughts: str = ""
    budget: int = 0
    asked: int = 1


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How to answer.

    Attributes:
        max_tokens: the most new tokens that the answer itself should take; where a model thinks first, or an answer
            is cut off, more are allowed.
        temperature: 0 is greedy.
        schema: a JSON schema (an object with a ``title``) the answer should follow where the host can enforce it.
        logprobs: how many alternatives to each token of the answer to ask for, 0–20; 0 asks for no log-probabilities.
        sample: which of several independent answers to the same prompt this is.
        priority: lower goes first when the endpoint is full; not part of the question.
        cut_at: an answer of so many tokens is known to be cut off; not part of the question.
    """

    max_tokens: int
    temperature: float = 0.0
    schema: Mapping[str, Any] | None = None
    logprobs: int = 0
    sample: int = 0
    priority: int = 0
    cut_at: int = 0

    @property
    def prefix_only(self) -> bool:
        """Whether the first tokens are all that is wanted (a letter): an answer that goes on is not cut off then."""
        return self.schema is None and self.max_tokens <= FEW_TOKENS


class RequestObserver(Protocol):
    """Told when the request of one call is sent and what became of it, perhaps several times."""

    def on_send(self, prompt_characters: int, max_tokens: int) -> None:
        """A request is about to be sent. Raises BudgetSpent to forbid it."""
        ...

    async def answered(self, answer: Any) -> None:
        """It was answered and is paid for; its place at the host is given on when this returns."""
        ...

    def failed(self) -> None:
        """It got no answer and may be sent again. Raises CancelledError where nobody waits for the answer any more."""
        ...


class _NullObserver:
    """Nobody to tell."""

    def on_send(self, prompt_characters: int, max_tokens: int) -> None:
        """No matter."""

    async def answered(self, answer: Any) -> None:
        """No matter."""

    def failed(self) -> None:
        """No matter."""


NULL_OBSERVER = _NullObserver()
"""For callers that need not be told."""


class Endpoint(Protocol):
    """Anything that completes a conversation."""

    @property
    def model(self) -> str:
        """The model's name, as it goes into profiles and results."""
        ...

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        """Answer; raises EndpointError, BudgetSpent or StorageError."""
        ...

    async def aclose(self) -> None:
        """Finish what is on its way and close connections and files."""
        ...


@runtime_checkable
class ObservableEndpoint(Endpoint, Protocol):
    """An Endpoint that says when a request is on its way: from then on it is paid for, before it is not."""

    @property
    def scope(self) -> str:
        """What tells the answers of this host from those of another."""
        ...

    def limit(self, params: SamplingParams) -> int:
        """The most tokens that this question is asked with; an answer cut off there stays cut."""
        ...

    async def send(self, messages: Sequence[Message], params: SamplingParams, observer: RequestObserver) -> Completion:
        """`complete`, telling ``observer``."""
        ...


__getattr__ = renamed(
    __name__,
    {
        "Want": "SamplingParams",
        "Flight": "RequestObserver",
        "Announcing": "ObservableEndpoint",
        "NOBODY": "NULL_OBSERVER",
    },
)
