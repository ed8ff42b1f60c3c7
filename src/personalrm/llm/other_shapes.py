"""Answers in formats that were not requested but are billed: event streams, text completions, and log-probabilities of
the older completions API.

from_stream(b'data: {"choices": [{"delta": {"content": "A"}}]}\\n\\ndata: [DONE]')    # {"choices": [{"message": …}], …}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

_MARK = b"data:"


def is_stream(body: bytes) -> bool:
    """Return whether a body is a stream of server-sent events."""
    return body[:200].lstrip().startswith((_MARK, b": ", b"event:"))


def from_stream(body: bytes) -> dict[str, Any]:
    """Return the answer assembled from the chunks of a stream. ValueError if there is none."""
    texts: dict[str, list[str]] = {"content": [], "reasoning_content": [], "reasoning": []}
    choice: dict[str, Any] = {}
    whole: dict[str, Any] = {}
    logprobs: list[Any] = []
    for chunk in _chunks(body):
        if chunk.get("error"):
            return chunk
        whole = {**whole, "usage": chunk.get("usage") or whole.get("usage")}
        for part in (chunk.get("choices") or [])[:1]:
            delta = part.get("delta") or part.get("message") or {}
            for name, said in texts.items():
                said += [delta[name]] if isinstance(delta.get(name), str) else []
            logprobs += (part.get("logprobs") or {}).get("content") or []
            choice["finish_reason"] = part.get("finish_reason") or choice.get("finish_reason")
    if not choice:
        raise ValueError("no chunk with a choice")
    choice["message"] = {name: "".join(said) for name, said in texts.items()}
    choice["logprobs"] = {"content": logprobs}
    return {**whole, "choices": [choice]}


def _chunks(body: bytes) -> Iterator[dict[str, Any]]:
    for line in body.splitlines():
        if line.startswith(_MARK) and line[len(_MARK) :].strip() != b"[DONE]":
            chunk = orjson.loads(line[len(_MARK) :])
            if isinstance(chunk, dict):
                yield chunk


def message_of(choice: dict[str, Any]) -> dict[str, Any]:
    """Return the message of a choice; that of a text completion is made from its text."""
    message = choice.get("message")
    if message is None and isinstance(choice.get("text"), str):
        return {"content": choice["text"]}
    found: dict[str, Any] = choice["message"]
    return found


def called(message: dict[str, Any]) -> str:
    """Return the arguments of the only tool call; "" if there is not exactly one."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list) or len(calls) != 1 or not isinstance(calls[0], Mapping):
        return ""
    function = calls[0].get("function")
    arguments = function.get("arguments") if isinstance(function, Mapping) else None
    return arguments if isinstance(arguments, str) else ""


def listed_logprobs(logprobs: Mapping[str, Any]) -> list[Any] | None:
    """Return ``tokens``, ``token_logprobs``, ``top_logprobs`` (Together, older servers) in the current list format."""
    names, values, tops = (logprobs.get(name) for name in ("tokens", "token_logprobs", "top_logprobs"))
    if not isinstance(names, list) or not isinstance(values, list) or len(names) != len(values):
        return None
    given = tops if isinstance(tops, list) and len(tops) == len(names) else [None] * len(names)
    return [
        {
            "token": name,
            "logprob": value,
            "top_logprobs": [{"token": one, "logprob": p} for one, p in top.items()]
            if isinstance(top, Mapping)
            else top,
        }
        for name, value, top in zip(names, values, given, strict=True)
    ]
