"""The knobs of the simulated LLM's server: how slow, how strict and how broken it is (for tests and benchmarks only).

    Behaviour(latency=0.2, rate_limit_every=10, logprobs=False)

``…_every=n`` means every nth request (n, 2n, …; 1 = always; 0 = never), counted over all in the order of arrival.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Structured = Literal["schema", "object", "none", "ignored"]
Thinking = Literal["no", "hidden", "tags"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the server behaves.

    Attributes:
        latency: seconds from the arrival of a request to its answer.
        jitter: up to so many seconds more, drawn from a hash of the request.
        seed: of the judge's noise when it samples (temperature above 0) and of jitter.
        key: the bearer token (or ``api-key`` header) that is required; empty asks for none. Wrong → 401.
        model: the only model that exists here; empty accepts every name. Another → 404.
        context: most prompt tokens; 0 = unlimited. More → 400 ``context_length_exceeded``.
        serves: requests that are worked on at once, as on a CPU; others wait in a queue without end. 0 = all.
        reads, writes: tokens a second of each request that is worked on; 0 = in no time.
        slots: concurrency that counts as full in the statistics; 0 = the highest seen.
        max_concurrent: more requests at once than this → 429; 0 = unlimited.
        rate_limit_every: every nth request → 429.
        retry_after: seconds in the Retry-After header of a 429.
        error_every: every nth request → 500.
        drop_every: every nth connection is dropped without an answer.
        hang_every: every nth request is never answered.
        nonsense_every: every nth answer is words without a verdict.
        empty_every: every nth answer is empty.
        refusal_every: every nth answer declines.
        invent_every: every nth persona holds an invented age and job that nothing supports.
        logprobs: false answers 400 to requests for log-probabilities.
        structured: which ``response_format`` is taken: "schema" all, "object" json_object only (else 400), "none"
            none (400), "ignored" all, but the answer is prose around fenced JSON.
        max_tokens: false answers 400 to ``max_tokens`` and wants ``max_completion_tokens``.
        thinking: "hidden" spends 200 completion tokens before the answer (``reasoning_content``) and refuses logprobs,
            max_tokens and temperature as hosted reasoning models do; "tags" opens its answer with <think> tags.
    """

    latency: float = 0.0
    jitter: float = 0.0
    seed: int = 0
    key: str = ""
    model: str = ""
    context: int = 0
    serves: int = 0
    reads: float = 0.0
    writes: float = 0.0
    slots: int = 0
    max_concurrent: int = 0
    rate_limit_every: int = 0
    retry_after: float = 0.05
    error_every: int = 0
    drop_every: int = 0
    hang_every: int = 0
    nonsense_every: int = 0
    empty_every: int = 0
    refusal_every: int = 0
    invent_every: int = 0
    logprobs: bool = True
    structured: Structured = "schema"
    max_tokens: bool = True
    thinking: Thinking = "no"


def work_s(behaviour: Behaviour, prompt_tokens: int, completion_tokens: int) -> float:
    """Seconds that a request is worked on."""
    reading = prompt_tokens / behaviour.reads if behaviour.reads else 0.0
    return reading + (completion_tokens / behaviour.writes if behaviour.writes else 0.0)


def refusal(body: dict[str, object], behaviour: Behaviour) -> tuple[str, str, str] | None:
    """Why this host will not take these parameters: (parameter, code, sentence); None if it will."""
    hosted = behaviour.thinking == "hidden"
    if body.get("stream"):
        return "stream", "unsupported_parameter", "Streaming is not supported here."
    if (not behaviour.logprobs or hosted) and (body.get("logprobs") or body.get("top_logprobs")):
        return "logprobs", "unsupported_parameter", "'logprobs' is not supported with this model."
    if (not behaviour.max_tokens or hosted) and "max_tokens" in body:
        sentence = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        return "max_tokens", "unsupported_parameter", sentence
    if hosted and body.get("temperature") not in (None, 1):
        sentence = "Unsupported value: 'temperature' does not support this value. Only the default (1) is supported."
        return "temperature", "unsupported_value", sentence
    wanted = body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    refused = {"none": (None, "text"), "object": (None, "text", "json_object")}.get(behaviour.structured)
    if refused is not None and kind not in refused:
        return "response_format", "invalid_value", f"Invalid value: '{kind}'. 'response_format' is not supported here."
    return None
