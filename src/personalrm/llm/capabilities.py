"""Capabilities of a host with a model: structured answers, log-probabilities, and accepted parameters.

There is no separate probe: the first real request that uses a feature tests it, and other requests wait for it once. A
host that refuses names the parameter in its 400; the same request is then sent in the next weaker form: JSON schema →
JSON object → plain text; 20 alternatives → 5 → none. Only a successful request changes the capabilities. A refusal that
names no parameter is attributed to a feature only while that feature is untried, later to the prompt.

    Capabilities().weakened("'logprobs' is not supported with this model", params).alternatives      # 5
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from personalrm.llm.endpoint import SamplingParams

Structured = Literal["json_schema", "json_object", "text"]
_WEAKER: dict[Structured, Structured] = {"json_schema": "json_object", "json_object": "text"}
_STRENGTHS = ("json_schema", "json_object", "text")
_LIMITS_CALLED = ("max_tokens", "max_completion_tokens")
FEW_ALTERNATIVES = 5
FEATURES = frozenset({"plain", "structured", "logprobs"})


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
        used = {"plain"}
        if params.schema is not None:
            used.add("structured")
        if params.logprobs:
            used.add("logprobs")
        return frozenset(used) - self.known

    def confirmed(self, features: frozenset[str]) -> Capabilities:
        """Return the capabilities after the host answered a request with these features."""
        return replace(self, known=self.known | features)

    def parameters(self, params: SamplingParams) -> dict[str, Any]:
        """Return the request's parameters other than model and messages."""
        body: dict[str, Any] = {self.max_tokens: params.max_tokens}
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
        if is_too_long(said) or _OF_THE_PROMPT.search(said):
            return None
        named = self._named(said)
        if named is not None:
            return named
        if "logprob" in said:
            return self._weaker_logprobs(params)
        if _STRUCTURE.search(said):
            return self._weaker_structure(params, said)
        if _OF_THE_MODEL.search(said) or not self.features(params):
            return None
        return self._weaker_logprobs(params) or self._weaker_structure(params, said)

    def _named(self, said: str) -> Capabilities | None:
        """Without the parameter that the refusal names; None if it names none."""
        if self.max_tokens == "max_tokens" and _WANTS_COMPLETION_TOKENS.search(said):
            return replace(self, max_tokens="max_completion_tokens")
        if self.temperature and "temperature" in said:
            return replace(self, temperature=False)
        if self.effort and "reasoning_effort" in said:
            return replace(self, effort=False)
        if self.system and _SYSTEM.search(said):
            return replace(self, system=False)
        if self.stop and _STOP.search(said):
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
        if self.limits and self.structured == "json_schema" and _LIMITS.search(said):
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


_TOO_LONG = re.compile(
    r"context.{0,12}(length|size|window)|maximum context|prompt is too long|too (long|large|many (input )?tokens)"
    r"|exceeds?.{0,40}(context|tokens|length)|`?inputs`? (tokens|must have)|input token count"
    r"|max(imum)? ?(allowed |input |model |prompt |sequence ){1,3}(length|tokens)"
    r"|(reduce|shorten) .{0,24}(length|prompt|messages)"
    r"|longer than.{0,24}(context|max|limit|model)|prompt.{0,40}\bexceed",
    re.IGNORECASE,
)
_LIST_TOO_LONG = re.compile(r"\b(array|list)\b|\bstop\b|top_logprobs", re.IGNORECASE)
_OF_THE_PROMPT = re.compile(r"content.?(filter|policy|management)|api.?key")


def is_too_long(complaint: str) -> bool:
    """Return whether a refusal says that the prompt does not fit into the model's context."""
    return bool(_TOO_LONG.search(complaint)) and not _LIST_TOO_LONG.search(complaint)


_OF_THE_MODEL = re.compile(r"\bmodel\b.{0,40}\b(not|unknown)|(unknown|no such) model")
_WANTS_COMPLETION_TOKENS = re.compile(
    r"max_completion_tokens|(unsupported|unrecogni[sz]ed|unknown|unexpected|not supported).{0,60}max_tokens"
    r"|max_tokens.{0,60}(unsupported|unrecogni[sz]ed|not supported|not permitted)"
)
_SYSTEM = re.compile(
    r"system.{0,12}(role|message|instruction|prompt)|role.{0,60}(system|alternat)|alternat|developer.{0,12}(role|instruct)"
    r"|only user and assistant|(start|begin) with.{0,20}user|first (message|turn|role).{0,40}user|chat template|jinja"
)
_STOP = re.compile(
    r"['\"`]stop['\"`]|body\.stop\b|\bstop\b.{0,40}(support|parameter|allow|permit|sequence)|parameter.{0,12}\bstop\b"
    r"|not supported.{0,40}\bstop\b"
)
_LIMITS = re.compile(r"m(ax|in)(length|items)|features? not supported|keywords?\b|repetition|grammar")
_LIMIT_KEYS = frozenset({"maxLength", "minLength", "maxItems", "minItems"})
_STRUCTURE = re.compile(r"response_format|json|schema|guided|grammar|structured")
