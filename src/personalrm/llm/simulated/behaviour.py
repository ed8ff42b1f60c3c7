"""Settings of the simulated LLM's server: latency, restrictions and faults (for tests and benchmarks only).

    Behaviour(latency=0.2, rate_limit_every=10, logprobs=False)

``…_every=n`` applies to every nth request (n, 2n, …; 1 = always; 0 = never), counted in the order of arrival.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Structured = Literal["schema", "object", "none", "ignored"]
Thinking = Literal["no", "hidden", "tags"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Behaviour of the server.

    Attributes:
        latency: seconds from the arrival of a request to its answer.
        jitter: maximum additional seconds, drawn from a hash of the request.
        seed: seed of the judge's sampling noise (temperature above 0) and of the jitter.
        key: required bearer token (or ``api-key`` header); empty requires none. Wrong → 401.
        model: the only model name; empty accepts every name. Another → 404.
        context: maximum prompt tokens; 0 = unlimited. More → 400 ``context_length_exceeded``.
        serves: requests processed at the same time, as on a CPU; others wait in an unlimited queue. 0 = all.
        reads, writes: prompt and completion tokens per second of each request; 0 = instantly.
        slots: concurrency that counts as full load in the statistics; 0 = the maximum observed.
        max_concurrent: maximum concurrent requests; more → 429; 0 = unlimited.
        rate_limit_every: every nth request → 429.
        retry_after: seconds in the Retry-After header of a 429 response.
        error_every: every nth request → 500.
        drop_every: every nth connection is closed without an answer.
        hang_every: every nth request is never answered.
        nonsense_every: every nth answer contains no verdict.
        empty_every: every nth answer is empty.
        refusal_every: every nth answer is a refusal.
        invent_every: every nth persona contains an invented age and occupation.
        logprobs: if false, requests for log-probabilities get 400.
        structured: the accepted ``response_format``: "schema" all, "object" json_object only (else 400), "none"
            none (400), "ignored" all, but the answer is prose around fenced JSON.
        max_tokens: if false, ``max_tokens`` gets 400 and ``max_completion_tokens`` is required.
        thinking: "hidden" spends 200 completion tokens before the answer (``reasoning_content``) and refuses logprobs,
            max_tokens and temperature, as hosted reasoning models do; "tags" starts its answer with <think> tags.
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
    """Processing time of a request, in seconds."""
    reading = prompt_tokens / behaviour.reads if behaviour.reads else 0.0
    return reading + (completion_tokens / behaviour.writes if behaviour.writes else 0.0)


def refusal(body: dict[str, object], behaviour: Behaviour) -> tuple[str, str, str] | None:
    """Why the server refuses these parameters: (parameter, code, sentence); None if it accepts them."""
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
