"""Answers in formats that were not requested but are billed: event streams, text completions, log-probabilities of the
older completions API, and the native formats of Anthropic, Gemini, Ollama, Cohere, TGI and OpenAI's Responses.

from_stream(b'data: {"choices": [{"delta": {"content": "A"}}]}\\n\\ndata: [DONE]')    # {"choices": [{"message": …}], …}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from personalrm.llm.host_json import json_lines, load_json, whole
from personalrm.llm.host_json import text_of as body_text

_MARK = "data:"
_STREAM = re.compile(rb"\A(?:\xef\xbb\xbf)?\s{0,100}(?:data:|event:|id:|retry:|:)")
_WRAPPERS = ("data", "result", "response", "body", "output")
_TEXTS = ("generated_text", "response", "completion", "output_text", "text", "content", "answer")
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "thought", "thoughts", "reasoning_details")
_NAMES_OF_THOUGHTS = frozenset(_THOUGHTS)


def as_chat(body: bytes) -> dict[str, Any]:
    """Return the answer in the form of a chat completion. ValueError if the body is not a JSON object."""
    if body.startswith(b"{") and _is_ordinary(answer := load_json(body)):
        return answer  # type: ignore[no-any-return]
    answer = streamed(body)
    if answer is not None:
        return answer
    answer = unwrapped(load_json(body))
    if isinstance(answer, dict) and (answer.get("done") is False or _is_chunk(answer)):  # Ollama streams lines
        return _from_deltas(json_lines(body_text(body)))
    if isinstance(answer, dict) and answer.get("choices"):
        return answer
    for _ in _WRAPPERS:
        inner = next((answer[one] for one in _WRAPPERS if isinstance(answer.get(one), dict)), None)
        if inner is None or answer.get("choices"):
            break
        answer = inner
    return answer if answer.get("choices") else _from_native(answer)


def unwrapped(answer: Any) -> Any:
    """Return the value inside a list of one (TGI, Gemini's errors), a JSON text, or the answer of a proxy function
    (``statusCode`` and a ``body`` in JSON, AWS)."""
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, dict) and "statusCode" in answer and isinstance(answer.get("body"), str):
        inner = _json_or_text(answer["body"])
        failed = isinstance(answer["statusCode"], int) and answer["statusCode"] >= 400
        return {"error": {"message": inner, "code": answer["statusCode"]}} if failed else inner
    return _json_or_text(answer) if isinstance(answer, str) else answer


def _json_or_text(text: str) -> Any:
    try:
        return load_json(text.encode("utf-8", "replace"))
    except ValueError:
        return text


def _is_ordinary(answer: Any) -> bool:
    """Whether an answer is a chat completion as OpenAI sends it: nearly all are, and need no other check."""
    choices = answer.get("choices") if type(answer) is dict else None
    if type(choices) is not list or not choices or type(choices[0]) is not dict:
        return False
    return "message" in choices[0] and "delta" not in choices[0] and "statusCode" not in answer and "done" not in answer


def _is_chunk(answer: Mapping[str, Any]) -> bool:
    """Whether an answer is the first of several lines, each a chunk of a stream."""
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(first, dict) and isinstance(first.get("delta"), dict) and first.get("finish_reason") is None


def _from_native(answer: dict[str, Any]) -> dict[str, Any]:
    """A chat completion from another API's answer; the same object if it is none that is known."""
    message: Any = answer.get("message")
    reason = answer.get("finish_reason") or answer.get("stop_reason") or answer.get("done_reason")
    usage = answer.get("usage") or answer.get("usageMetadata") or answer
    if isinstance(answer.get("content"), list):  # Anthropic
        message = answer
    elif isinstance(answer.get("output"), list):  # OpenAI's Responses, Bedrock
        items = [one for one in answer["output"] if isinstance(one, dict) and isinstance(one.get("content"), list)]
        message = {"content": [part for one in items if one.get("type") == "message" for part in one["content"]]}
    elif isinstance(answer.get("candidates"), list) and answer["candidates"]:  # Gemini
        first = answer["candidates"][0]
        message, reason = {"content": (first.get("content") or {}).get("parts") or ""}, first.get("finishReason")
    elif not isinstance(message, dict) and not answer.get("error"):
        text = next((answer[one] for one in _TEXTS if isinstance(answer.get(one), str)), None)
        message = None if text is None else {"content": text}
    if message is None:
        return answer
    return {"choices": [{"message": message, "finish_reason": reason}], "usage": usage}


def first_choice(answer: Any) -> dict[str, Any] | None:
    """Return the choice with index 0, else the first; None if there is none."""
    choices = answer.get("choices")
    choices = list(choices.values()) if isinstance(choices, dict) else choices
    if not choices:
        return None
    found: dict[str, Any] = choices[0]
    if len(choices) > 1 and isinstance(found, dict) and found.get("index") not in (0, None):
        found = next((one for one in choices if isinstance(one, dict) and one.get("index") == 0), found)
    return found


def text_of(message: Mapping[str, Any]) -> str:
    """Return the answer's text: a string, or content parts; a refusal or a tool call counts as the answer."""
    content = message.get("content") or message.get("refusal") or called(message)
    if isinstance(content, dict) and not isinstance(content.get("text"), str):
        return whole(orjson.dumps(content).decode())  # an object that a gateway parsed
    if isinstance(content, dict | list):
        return whole("".join(_part(one) for one in (content if isinstance(content, list) else [content])))
    if not isinstance(content, str):
        raise TypeError(type(content).__name__)
    return whole(content)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part.get("thought") is True:  # Gemini marks thoughts
        return ""
    said = part.get("text") or part.get("refusal") or ""
    return str(said.get("value", "")) if isinstance(said, dict) else str(said)


def thoughts_of(message: Mapping[str, Any]) -> str:
    """Return the reasoning text beside the answer, under any of the names in use."""
    if _NAMES_OF_THOUGHTS.isdisjoint(message):
        return ""
    for name in _THOUGHTS:
        found = message.get(name)
        if not found:
            continue
        found = [found] if isinstance(found, dict) else found
        if isinstance(found, list):
            found = "".join(_part(one) for one in found)
        if isinstance(found, str) and found:
            return whole(found)
    return ""


def is_stream(body: bytes) -> bool:
    """Return whether a body is an event stream."""
    return _STREAM.match(body) is not None


def streamed(body: bytes) -> dict[str, Any] | None:
    """Return the answer of an event stream; None if the body is none. ValueError as `from_stream`."""
    return from_stream(body) if body[:1] != b"{" and _STREAM.match(body) else None


def from_stream(body: bytes) -> dict[str, Any] | None:
    """Return the answer assembled from the chunks of a stream; None if the body is not a stream.

    Raises:
        ValueError: a stream without a choice.
    """
    chunks, broken = _chunks(body)
    return _from_deltas(chunks, broken=broken) if chunks else None


def _from_deltas(chunks: Iterable[Mapping[str, Any]], *, broken: bool = False) -> dict[str, Any]:
    """The answer made of chunks; ``broken``: one was unreadable, so the answer must say how it ended."""
    texts: dict[str, list[str]] = {"content": [], "reasoning_content": [], "reasoning": []}
    choice: dict[str, Any] = {}
    usage: Any = None
    logprobs: list[Any] = []
    for chunk in chunks:
        if chunk.get("error"):
            return {"error": chunk["error"]}  # OpenRouter sends a choice beside it
        usage = chunk.get("usage") or usage
        for part in _parts_of(chunk):
            delta = part.get("delta") or part.get("message") or {}
            for name, said in texts.items():
                said += [delta[name]] if isinstance(delta.get(name), str) else []
            logprobs += (part.get("logprobs") or {}).get("content") or []
            choice["finish_reason"] = part.get("finish_reason") or choice.get("finish_reason")
    if not choice or (broken and not choice.get("finish_reason")):
        raise ValueError("no chunk with a choice, or a stream that breaks off")
    choice["message"] = {name: "".join(said) for name, said in texts.items()}
    choice["logprobs"] = {"content": logprobs}
    return {"usage": usage, "choices": [choice]}


def _parts_of(chunk: Mapping[str, Any]) -> list[Any]:
    """The parts of the first choice in a chunk; Ollama has a message in its place."""
    choices = chunk.get("choices") or ([chunk] if isinstance(chunk.get("message"), dict) else [])
    return [one for one in choices if one.get("index") in (0, None)]


def _chunks(body: bytes) -> tuple[list[dict[str, Any]], bool]:
    """The chunks of a stream, and whether one of them is no JSON."""
    lines = body_text(body).lstrip("\ufeff").replace("\r", "\n").split("\n")  # others may be in a text
    data = [line[len(_MARK) :].strip() for line in lines if line.startswith(_MARK)]
    chunks, broken = [], False
    for one in data:
        try:
            chunks.append({} if one == "[DONE]" else orjson.loads(one))
        except orjson.JSONDecodeError:
            broken = True
    return [one for one in chunks if isinstance(one, dict) and one], broken


def message_of(choice: dict[str, Any]) -> dict[str, Any]:
    """Return the message of a choice; that of a text completion is made from its text."""
    message = choice.get("message") or choice.get("delta")
    if message is None and isinstance(choice.get("text"), str):
        return {"content": choice["text"]}
    found: Any = choice["message"] if message is None else message
    return {"content": found} if isinstance(found, str) else found


def called(message: Mapping[str, Any]) -> str:
    """Return the arguments of the only tool call; "" if there is not exactly one."""
    calls = message.get("tool_calls") or [{"function": message.get("function_call")}]
    if not isinstance(calls, list) or len(calls) != 1 or not isinstance(calls[0], Mapping):
        return ""
    function = calls[0].get("function")
    arguments = function.get("arguments") if isinstance(function, Mapping) else None
    if isinstance(arguments, dict):
        return orjson.dumps(arguments).decode()
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
