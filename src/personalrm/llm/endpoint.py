"""The interface to a language model: messages in, a completion out.

`Endpoint` is all that the method needs of a model. `OpenAIEndpoint` speaks HTTP, `LanguageModel` adds cache and budget,
`UsageMeter` counts the usage of one user's fit; each is an Endpoint around another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from personalrm.preferences import Message
from personalrm.renamed import renamed

ABSENT = -9999.0
"""Log-probability that hosts report for a practically impossible token."""


FEW_TOKENS = 16
"""Largest ``max_tokens`` of a request for a letter or a word."""


class TokenLogprob(NamedTuple):
    """One generated token, its natural-log probability, and the most likely alternatives (including itself).

    A tuple, because a frozen dataclass takes four times as long to make, and answers have dozens of them.
    """

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer.

    Attributes:
        text: the answer; empty if the model gave none.
        tokens: log-probabilities by token, if requested and available.
        prompt_tokens, completion_tokens, cached_tokens: as billed by the host; estimated (4 characters per token) if it
            reports none. ``cached_tokens`` is the part of the prompt in the host's prefix cache.
        finish_reason: ``stop``, ``length`` or another value of the host.
        cost: US dollars, if the host or the budget knows the price.
        from_cache: answered by our own cache, at no cost.
        thoughts: reasoning text returned beside the answer; not stored in the cache.
        budget: maximum new tokens that this answer was allowed; 0 if unknown.
        asked: requests paid for this answer: more than one after cut-off answers. Counts and cost include all.
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

    def with_budget(self, budget: int) -> Completion:
        """Return the answer with this ``budget``; a third of the time of `dataclasses.replace`, once for every call."""
        return Completion(
            self.text,
            self.tokens,
            self.prompt_tokens,
            self.completion_tokens,
            self.cached_tokens,
            self.finish_reason,
            self.cost,
            self.from_cache,
            self.thoughts,
            budget,
            self.asked,
        )


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """Parameters of a request.

    Attributes:
        max_tokens: maximum new tokens of the answer itself; more are allowed for reasoning or after a cut-off answer.
        temperature: 0 is greedy.
        schema: a JSON schema (an object with a ``title``) that the answer should follow if the host supports it.
        logprobs: number of alternatives per answer token, 0–20; 0 requests no log-probabilities.
        sample: index among several independent answers to the same prompt.
        priority: lower goes first when the endpoint is full; not part of the cache key.
        cut_at: an answer of this many tokens is known to be cut off; not part of the cache key.
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
        """Whether only the first tokens are needed (a letter), so that a longer answer does not count as cut off."""
        return self.schema is None and self.max_tokens <= FEW_TOKENS


class RequestObserver(Protocol):
    """Receives the events of one call's requests; a call may send several."""

    def on_send(self, prompt_characters: int, max_tokens: int) -> None:
        """A request is about to be sent. Raises BudgetSpent to prevent it."""
        ...

    async def answered(self, answer: Any) -> None:
        """The request was answered and is paid for; its slot is released when this returns."""
        ...

    def failed(self) -> None:
        """The request got no answer and may be sent again. Raises CancelledError if the answer is no longer needed."""
        ...


class _NullObserver:
    """An observer that does nothing."""

    def on_send(self, prompt_characters: int, max_tokens: int) -> None:
        """Do nothing."""

    async def answered(self, answer: Any) -> None:
        """Do nothing."""

    def failed(self) -> None:
        """Do nothing."""


NULL_OBSERVER = _NullObserver()
"""For callers that need no events."""


class Endpoint(Protocol):
    """Anything that completes a conversation."""

    @property
    def model(self) -> str:
        """The model's name in profiles and results."""
        ...

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        """Return the answer; raises EndpointError, BudgetSpent or StorageError."""
        ...

    async def aclose(self) -> None:
        """Finish the requests in flight and close connections and files."""
        ...


@runtime_checkable
class ObservableEndpoint(Endpoint, Protocol):
    """An Endpoint that reports when a request is sent: from then on it is paid for."""

    @property
    def scope(self) -> str:
        """Identifier of the host, which separates its answers from those of other hosts."""
        ...

    def limit(self, params: SamplingParams) -> int:
        """Return the maximum tokens for this request; an answer cut off there stays cut."""
        ...

    async def send(self, messages: Sequence[Message], params: SamplingParams, observer: RequestObserver) -> Completion:
        """`complete`, with events sent to ``observer``."""
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
