"""The OpenAI wire format: an answer's JSON to a Completion, a host's error to one safe sentence.

Nothing from a host is trusted: log-probabilities are finite numbers of text tokens or absent, counts and bills lie in
plausible ranges, text is valid Unicode (lone surrogates replaced) and of bounded length.

    read_completion(b'{"choices": [{"message": {"content": "A"}}]}', prompt_characters=40).text     # "A"
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
from collections.abc import Iterator
from typing import Any

import orjson

from personalrm.errors import UnusableResponse
from personalrm.llm.credentials import MASK, NO_CREDENTIALS, Credentials
from personalrm.llm.endpoint import ABSENT, Completion, TokenLogprob
from personalrm.llm.other_shapes import called, from_stream, is_stream, listed_logprobs, message_of

CHARACTERS_A_TOKEN = 4
KEPT_TOKENS = 24
"""Last tokens whose log-probabilities are kept: a reasoned answer ends with its verdict."""
LONGEST_TEXT = 100_000
"""Maximum characters kept of an answer; answers take a few thousand at most."""
MOST_COMPLETION_TOKENS = 10_000_000
"""Maximum plausible tokens of one answer; higher counts are ignored."""
HIGHEST_BILL = 1_000.0
"""Maximum plausible bill of one answer in US dollars; above it, our prices are used."""
FEWEST_CHARACTERS_A_TOKEN, MOST_CHARACTERS_A_TOKEN = 0.2, 32.0
"""A byte-level tokenizer needs up to five tokens for a character; no tokenizer packs 32 characters into one."""
_MOST_ALTERNATIVES = 20
_LONGEST_TOKEN = 200
_LONGEST_REASON = 40
_CUT = frozenset(("length", "max_tokens", "max_output_tokens", "model_length"))
"""Finish reasons of answers that were cut off."""


class ErrorInside(Exception):
    """An error that a gateway sent with status 200; ``status`` is the one it names, 502 if none."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


def load_json(body: bytes) -> Any:
    """Return the value of a host's JSON; lone surrogates, NaN and integers beyond 64 bits are accepted and checked
    later.

    Raises:
        ValueError: not JSON, or nested too deeply.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            return json.loads(body)
        except RecursionError:
            raise ValueError("nested too deep") from None


def read_completion(body: bytes, prompt_characters: int, credentials: Credentials = NO_CREDENTIALS) -> Completion:
    """Return the first choice of an answer, without credentials that the host may echo.

    Raises:
        UnusableResponse: not a chat completion.
        ErrorInside: an error.
    """
    with _collector_paused():
        return _read_completion(body, prompt_characters, credentials)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """No garbage collection meanwhile: log-probabilities make thousands of objects, nearly all of them short-lived."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _read_completion(body: bytes, prompt_characters: int, credentials: Credentials) -> Completion:
    try:
        answer: Any = from_stream(body) if is_stream(body) else load_json(body)
        choices = answer.get("choices")
        if not choices and answer.get("error"):
            raise ErrorInside(status_inside(answer["error"]))
        choice = choices[0]
        message = message_of(choice)
        text, thoughts = _text(message), _thoughts(message)
        tokens = _tokens(choice.get("logprobs"))
        if not text and choice.get("error"):
            raise ErrorInside(status_inside(choice["error"]))
    except (ValueError, LookupError, TypeError, AttributeError):
        said = short(body, credentials)
        raise UnusableResponse(f"the host answered with something that is not a chat completion: {said}") from None
    finish_reason = _finish_reason(choice, credentials)
    if not text.strip() and finish_reason != "length":
        text, tokens = thoughts, None  # some servers report the whole answer as reasoning
    shown = credentials.scrub_answer(text)
    if shown is not text and MASK in shown:
        tokens = None
    usage = answer.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    cut = len(shown) > LONGEST_TEXT
    prompt_tokens = _prompt_tokens(usage, prompt_characters)
    return Completion(
        text=shown[:LONGEST_TEXT],
        tokens=tokens,
        prompt_tokens=prompt_tokens,
        completion_tokens=_completion_tokens(usage, len(text)),
        cached_tokens=min(_cached(usage), prompt_tokens),
        finish_reason="length" if cut else finish_reason,
        cost=_bill(usage.get("cost")),
        thoughts=credentials.scrub_answer(thoughts)[:LONGEST_TEXT],
    )


def _text(message: dict[str, Any]) -> str:
    """The answer's text: a string, or content parts; a refusal counts as the answer."""
    content = message.get("content") or message.get("refusal") or called(message)
    if isinstance(content, list):
        parts = (part.get("text") or part.get("refusal") or "" for part in content if isinstance(part, dict))
        return whole("".join(str(one) for one in parts))
    if not isinstance(content, str):
        raise TypeError(type(content).__name__)
    return whole(content)


def _thoughts(message: dict[str, Any]) -> str:
    """The reasoning text beside the answer, under either of the two names in use."""
    for name in ("reasoning_content", "reasoning"):
        found = message.get(name)
        if isinstance(found, str) and found:
            return whole(found)
    return ""


def whole(text: str) -> str:
    """Return the text with surrogate pairs joined and lone ones replaced by U+FFFD, so that UTF-8 can encode it."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _finish_reason(choice: dict[str, Any], credentials: Credentials) -> str:
    given = choice.get("finish_reason")
    if not isinstance(given, str) or not given:
        return "stop"
    if given.lower().removeprefix("finish_reason_") in _CUT:
        return "length"
    return credentials.scrub(whole(given))[:_LONGEST_REASON]


def count(value: Any, most: int) -> int:
    """Return a number of tokens in [0, most]; 0 if it is not a finite positive number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if isinstance(value, float) and not math.isfinite(value):
        return 0
    return int(min(max(0, value), most))


def _prompt_tokens(usage: dict[str, Any], characters: int) -> int:
    """The host's count, limited to what a tokenizer can make of the characters; estimated if there is none."""
    most = int(characters / FEWEST_CHARACTERS_A_TOKEN) + 10_000
    counted = count(usage.get("prompt_tokens"), most) or characters // CHARACTERS_A_TOKEN
    return max(counted, int(characters / MOST_CHARACTERS_A_TOKEN))


def _completion_tokens(usage: dict[str, Any], characters: int) -> int:
    counted = count(usage.get("completion_tokens"), MOST_COMPLETION_TOKENS)
    counted = counted or max(1, characters // CHARACTERS_A_TOKEN)
    return max(counted, int(characters / MOST_CHARACTERS_A_TOKEN))


def _cached(usage: dict[str, Any]) -> int:
    details = usage.get("prompt_tokens_details")
    return count(details.get("cached_tokens"), MOST_COMPLETION_TOKENS) if isinstance(details, dict) else 0


def _bill(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= HIGHEST_BILL else None


def status_inside(error: Any) -> int:
    """Return the HTTP status that an error sent with status 200 names; 502 if none."""
    code = error.get("code") or error.get("status") if isinstance(error, dict) else None
    if isinstance(code, str) and code.isascii() and code.isdecimal() and len(code) == 3:
        code = int(code)
    return code if isinstance(code, int) and 400 <= code < 600 else 502


def _tokens(logprobs: Any) -> tuple[TokenLogprob, ...] | None:
    """The last tokens with their alternatives; None unless all of them are text with finite numbers."""
    content = (logprobs.get("content") or listed_logprobs(logprobs)) if isinstance(logprobs, dict) else None
    if not content or not isinstance(content, list):
        return None
    try:
        return tuple(
            TokenLogprob(
                _token(one["token"]),
                _logprob(one["logprob"]),
                tuple(
                    (_token(other["token"]), _logprob(other["logprob"]))
                    for other in (one.get("top_logprobs") or ())[:_MOST_ALTERNATIVES]
                ),
            )
            for one in content[-KEPT_TOKENS:]
        )
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def _token(value: Any) -> str:
    if type(value) is str and value.isascii() and len(value) <= _LONGEST_TOKEN:  # nearly all of them
        return value
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return whole(value)[:_LONGEST_TOKEN]


def _logprob(value: Any) -> float:
    """The log-probability in [-9999, 0]. Null stands for minus infinity. ValueError for NaN and non-numbers."""
    if type(value) is float and ABSENT <= value <= 0.0:  # nearly all of them
        return value
    if value is None:
        return ABSENT
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value > 1.0:
        raise ValueError(f"no log-probability: {value!r}"[:80])
    return float(max(ABSENT, min(value, 0.0)))


def fold_system(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the turns with the system text in the first user message, for models without a system role."""
    system = "\n\n".join(one["content"] for one in turns if one["role"] == "system")
    rest = [one for one in turns if one["role"] != "system"]
    if not system:
        return rest
    if not rest or rest[0]["role"] != "user":
        return [{"role": "user", "content": system}, *rest]
    return [{"role": "user", "content": f"{system}\n\n{rest[0]['content']}"}, *rest[1:]]


def alternating(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the turns with consecutive turns of one role merged, for templates that need alternating roles."""
    joined: list[dict[str, str]] = []
    for turn in turns:
        if joined and joined[-1]["role"] == turn["role"]:
            joined[-1] = {"role": turn["role"], "content": f"{joined[-1]['content']}\n\n{turn['content']}"}
        else:
            joined.append(turn)
    return joined


def complaint(body: bytes, credentials: Credentials = NO_CREDENTIALS) -> str:
    """Return the host's error message, at most 300 characters, without credentials and control characters."""
    try:
        error = load_json(body)
        error = error[0] if isinstance(error, list) and error and isinstance(error[0], dict) else error  # Gemini
        error = error["choices"][0]["error"] if isinstance(error, dict) and error.get("choices") else error
        error = error.get("error", error) if isinstance(error, dict) else error
        said = error.get("message") or error.get("detail") if isinstance(error, dict) else error
    except (ValueError, LookupError, TypeError, AttributeError):
        said = None
    sentence = one_line(str(said)[:4_000], credentials, 300) if said else short(body, credentials)
    return sentence.rstrip(". ") or "(nothing)"


def short(body: bytes, credentials: Credentials = NO_CREDENTIALS) -> str:
    """Return the beginning of an answer on one line."""
    return one_line(body[:2_000].decode("utf-8", "replace"), credentials, 160) or "(nothing)"


def one_line(text: str, credentials: Credentials, length: int) -> str:
    """Return a host's text on one line, scrubbed before truncation, without terminal control characters."""
    line = " ".join(whole(text).split())
    return "".join(one if one.isprintable() else "�" for one in credentials.scrub(line)[:length])
