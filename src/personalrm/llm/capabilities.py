"""Capabilities of a host with a model: structured answers, log-probabilities, and accepted parameters.

There is no separate probe: the first real request that uses a feature tests it, and other requests wait for it once. A
host that refuses names the parameter in its 400; the same request is then sent in the next weaker form: JSON schema →
JSON object → plain text; 20 alternatives → 5 → none. Only a successful request changes the capabilities. A refusal that
names no parameter is attributed to a feature only while that feature is untried, later to the prompt.

    Capabilities().weakened("'logprobs' is not supported with this model", params).alternatives      # 5
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from personalrm.llm.endpoint import SamplingParams
from personalrm.llm.meanings import Meaning, means, names

Structured = Literal["json_schema", "json_object", "text"]
_WEAKER: dict[Structured, Structured] = {"json_schema": "json_object", "json_object": "text"}
_STRENGTHS = ("json_schema", "json_object", "text")
_LIMITS_CALLED = ("max_tokens", "max_completion_tokens")
FEW_ALTERNATIVES = 5
FEATURES = frozenset({"plain", "structured", "logprobs"})
_NONE: frozenset[str] = frozenset()
LEAST_TOKENS = 16
"""Room added where a host refuses limits of a few tokens (OpenAI's Responses API accepts 16 or more)."""
_NOT_OF_THE_FORM = (Meaning.TOO_LONG, Meaning.FILTERED, Meaning.KEY)
"""Refusals that no other form of the request avoids."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """How requests for one model are sent to one host.

    Attributes:
        structured: the strongest accepted ``response_format``.
        limits: whether a schema may limit the length of texts and lists.
        alternatives: ``top_logprobs``; 0 means no log-probabilities.
        max_tokens: name of this parameter.
        temperature, stop, effort: whether ``temperature``, ``stop`` and ``reasoning_effort`` are accepted.
        system: whether messages may have the system role and need not alternate.
        room: tokens of reasoning before the answer, added to the limit.
        slow: answers take so long that few requests are sent until the host's concurrency is known.
        known: features that an answered request has used.
    """

    structured: Structured = "json_schema"
    limits: bool = True
    alternatives: int = 20
    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: bool = True
    system: bool = True
    stop: bool = True
    effort: bool = True
    room: int = 0
    slow: bool = False
    known: frozenset[str] = frozenset()

    @property
    def untried(self) -> frozenset[str]:
        """The features that no answered request has used."""
        return FEATURES - self.known

    def features(self, params: SamplingParams) -> frozenset[str]:
        """Return the features that this request would be the first to use."""
        if self.known >= FEATURES:  # nearly always
            return _NONE
        used = {"plain"}
        if params.schema is not None:
            used.add("structured")
        if params.logprobs:
            used.add("logprobs")
        return frozenset(used) - self.known

    def confirmed(self, features: frozenset[str]) -> Capabilities:
        """Return the capabilities after the host answered a request with these features."""
        return replace(self, known=self.known | features)

    def parameters(self, params: SamplingParams, max_tokens: int) -> dict[str, Any]:
        """Return the request's parameters other than model and messages, with this limit of new tokens."""
        body: dict[str, Any] = {self.max_tokens: max_tokens}
        if self.temperature:
            body["temperature"] = params.temperature
        if params.schema is not None and self.structured == "json_schema":
            given = params.schema if self.limits else without_limits(params.schema)
            schema = {"name": given.get("title", "answer"), "schema": given, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif params.schema is not None and self.structured == "json_object":
            body["response_format"] = {"type": "json_object"}
        if params.logprobs and self.alternatives:
            body["logprobs"] = True
            body["top_logprobs"] = min(self.alternatives, params.logprobs)
        return body

    def weakened(self, complaint: str, params: SamplingParams) -> Capabilities | None:
        """Return the next weaker form after a refusal with this message; None if there is none."""
        said = complaint.lower()
        if any(means(said, one) for one in _NOT_OF_THE_FORM):
            return None
        named = self._named(said)
        if named is not None:
            return named
        if names(said, "logprobs"):
            return self._weaker_logprobs(params)
        if names(said, "structured"):
            return self._weaker_structure(params, said)
        if means(said, Meaning.NO_MODEL):
            return None
        return self.unexplained(params)

    def unexplained(self, params: SamplingParams) -> Capabilities | None:
        """Return the next weaker form after a refusal that names no parameter: without log-probabilities, with weaker
        structure, then without the optional parameters. None if all features are known to work."""
        if not self.features(params) or (params.schema is None and not params.logprobs):
            return None
        if params.logprobs and self.alternatives:
            return replace(self, alternatives=0)
        weaker = self._weaker_structure(params, "") or replace(self, stop=False, temperature=False)
        return weaker if weaker != self else None

    def plain(self, params: SamplingParams) -> Capabilities | None:
        """Return the form without the features that this request would be the first to use; None if there is none."""
        untried = self.features(params)
        weaker = replace(
            self,
            alternatives=0 if "logprobs" in untried else self.alternatives,
            structured="text" if "structured" in untried else self.structured,
        )
        return weaker if weaker != self else None

    def _named(self, said: str) -> Capabilities | None:
        """Without the parameter that the refusal names; None if it names none."""
        if self.room < LEAST_TOKENS and names(said, "least_tokens"):
            return replace(self, room=LEAST_TOKENS)
        if self.max_tokens == "max_tokens" and names(said, "max_completion_tokens"):
            return replace(self, max_tokens="max_completion_tokens")
        if self.temperature and names(said, "temperature"):
            return replace(self, temperature=False)
        if self.effort and names(said, "reasoning_effort"):
            return replace(self, effort=False)
        if self.system and names(said, "system"):
            return replace(self, system=False)
        if self.stop and names(said, "stop"):
            return replace(self, stop=False)
        return None

    def _weaker_logprobs(self, params: SamplingParams) -> Capabilities | None:
        if not params.logprobs or not self.alternatives:
            return None
        asked = min(self.alternatives, params.logprobs)
        return replace(self, alternatives=FEW_ALTERNATIVES if asked > FEW_ALTERNATIVES else 0)

    def _weaker_structure(self, params: SamplingParams, said: str) -> Capabilities | None:
        if params.schema is None or self.structured == "text":
            return None
        if self.limits and self.structured == "json_schema" and names(said, "limits"):
            return replace(self, limits=False)
        return replace(self, structured=_WEAKER[self.structured])

    def with_lesson(self, before: Capabilities, after: Capabilities) -> Capabilities:
        """Return these capabilities with the changes of one request, which started with ``before`` and succeeded with
        ``after``.

        Other requests may have changed other fields meanwhile.
        """
        changed = {name: value for name, value in _values(after).items() if value != _values(before)[name]}
        return replace(self, **{**changed, "known": self.known | after.known})

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-serialisable record for the cache."""
        return _values(self) | {"known": sorted(self.known)}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Capabilities:
        """Return the capabilities of a `to_json` record; the defaults for anything else."""
        values = _values(cls())
        try:
            kept = {name: type(default)(record[name]) for name, default in values.items()}
        except (LookupError, TypeError, ValueError):
            return cls()
        return cls(**kept) if kept["structured"] in _STRENGTHS and kept["max_tokens"] in _LIMITS_CALLED else cls()


def without_limits(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON schema without length limits of texts and lists, for hosts that do not accept them."""
    return {name: _without_limits(value) for name, value in schema.items() if name not in _LIMIT_KEYS}


def _without_limits(value: Any) -> Any:
    return without_limits(value) if isinstance(value, dict) else value


def _values(capabilities: Capabilities) -> dict[str, Any]:
    return {one.name: getattr(capabilities, one.name) for one in fields(capabilities)}


_LIMIT_KEYS = frozenset({"maxLength", "minLength", "maxItems", "minItems"})
