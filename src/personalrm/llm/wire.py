"""The OpenAI wire format: an answer's JSON to a Completion (`complaints` reads errors, `other_shapes` other formats).

Nothing from a host is trusted: log-probabilities are finite numbers of text tokens or absent, counts and bills lie in
plausible ranges, text is valid Unicode (lone surrogates replaced) and of bounded length.

    read_completion(b'{"choices": [{"message": {"content": "A"}}]}', prompt_characters=40).text     # "A"
"""

from __future__ import annotations

import gc
import math
from itertools import chain
from typing import Any

from personalrm.errors import UnusableResponse
from personalrm.llm.complaints import ErrorInside, error_inside, short, status_inside
from personalrm.llm.credentials import MASK, NO_CREDENTIALS, Credentials
from personalrm.llm.endpoint import ABSENT, Completion, TokenLogprob
from personalrm.llm.host_json import whole
from personalrm.llm.other_shapes import as_chat, first_choice, listed_logprobs, message_of, text_of, thoughts_of

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
_BLANKS = " \t\r\n▁Ġ"
_LONGEST_REASON = 40
_PROMPT_COUNTS = ("prompt_tokens", "input_tokens", "promptTokenCount", "prompt_eval_count")
_COMPLETION_COUNTS = ("completion_tokens", "output_tokens", "candidatesTokenCount", "eval_count")
_CUT = frozenset(("length", "max_tokens", "max_output_tokens", "model_length"))
"""Finish reasons of answers that were cut off."""
_FAILED = frozenset(("error", "abort", "aborted", "cancelled", "canceled", "failed", "unknown_error", "other"))
"""Finish reasons that say that the host failed, if there is no text (OpenRouter, SGLang, vLLM)."""


def read_completion(body: bytes, prompt_characters: int, credentials: Credentials = NO_CREDENTIALS) -> Completion:
    """Return the first choice of an answer, without credentials that the host may echo.

    Raises:
        UnusableResponse: not a chat completion.
        ErrorInside: an error.
    """
    collects = gc.isenabled()
    gc.disable()  # log-probabilities make thousands of objects, nearly all of them short-lived
    try:
        return _read_completion(body, prompt_characters, credentials)
    finally:
        if collects:
            gc.enable()


def _read_completion(body: bytes, prompt_characters: int, credentials: Credentials) -> Completion:
    try:
        answer = as_chat(body)
        choice = first_choice(answer)
        if choice is None:
            raise error_inside(answer) or LookupError("no choice")
        message = message_of(choice)
        text, thoughts = text_of(message), thoughts_of(message)
        tokens = _tokens(choice.get("logprobs"), text)
        if not text and choice.get("error"):
            raise ErrorInside(status_inside(choice["error"]))
    except (ValueError, LookupError, TypeError, AttributeError):
        said = short(body, credentials)
        raise UnusableResponse(f"the host answered with something that is not a chat completion: {said}") from None
    finish_reason = _finish_reason(choice, credentials)
    if finish_reason.lower() in _FAILED and not text.strip():
        raise UnusableResponse(f"the host broke its answer off (finish reason '{finish_reason}', no text)")
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


def _finish_reason(choice: dict[str, Any], credentials: Credentials) -> str:
    given = choice.get("finish_reason")
    if given == "stop" or given == "length":  # nearly all of them
        return str(given)
    if not isinstance(given, str) or not given:
        return "stop"
    if given.lower().removeprefix("finish_reason_") in _CUT:
        return "length"
    return credentials.scrub(whole(given))[:_LONGEST_REASON]


def count(value: Any, most: int) -> int:
    """Return a number of tokens in [0, most]; 0 if it is not a finite positive number."""
    if type(value) is int and 0 <= value <= most:  # nearly all of them
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:20])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if isinstance(value, float) and not math.isfinite(value):
        return 0
    return int(min(max(0, value), most))


def _prompt_tokens(usage: dict[str, Any], characters: int) -> int:
    """The host's count, limited to what a tokenizer can make of the characters; estimated if there is none."""
    most = int(characters / FEWEST_CHARACTERS_A_TOKEN) + 10_000
    counted = count(_first(usage, _PROMPT_COUNTS), most) or characters // CHARACTERS_A_TOKEN
    return max(counted, int(characters / MOST_CHARACTERS_A_TOKEN))


def _completion_tokens(usage: dict[str, Any], characters: int) -> int:
    counted = count(_first(usage, _COMPLETION_COUNTS), MOST_COMPLETION_TOKENS)
    counted = counted or max(1, characters // CHARACTERS_A_TOKEN)
    return max(counted, int(characters / MOST_CHARACTERS_A_TOKEN))


def _first(usage: dict[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        if usage.get(name):
            return usage[name]
    return None


def _cached(usage: dict[str, Any]) -> int:
    details = usage.get("prompt_tokens_details")
    return count(details.get("cached_tokens"), MOST_COMPLETION_TOKENS) if isinstance(details, dict) else 0


def _bill(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= HIGHEST_BILL else None


def _tokens(logprobs: Any, text: str) -> tuple[TokenLogprob, ...] | None:
    """The last tokens with their alternatives; None unless all are text of the answer with finite numbers."""
    content = (logprobs.get("content") or listed_logprobs(logprobs)) if isinstance(logprobs, dict) else None
    if not content or not isinstance(content, list):
        return None
    try:
        read = _read_tokens(content)
    except (LookupError, TypeError, ValueError, AttributeError):
        return None
    inside = sum([one.token.strip(_BLANKS) in text for one in read])
    return read if not text or 2 * inside >= len(read) else None  # vLLM may give "token_id:32" for each


def _read_tokens(content: list[Any]) -> tuple[TokenLogprob, ...]:
    kept = content[-KEPT_TOKENS:]
    tops = [(one.get("top_logprobs") or ())[:_MOST_ALTERNATIVES] for one in kept]
    listed = [*kept, *chain.from_iterable(tops)]
    tokens, values = [one["token"] for one in listed], [one["logprob"] for one in listed]
    if not _are_ordinary(tokens, values):
        tokens, values = [*map(_token, tokens)], [*map(_logprob, values)]
    pairs = [*zip(tokens, values, strict=True)]
    read, at = [], len(kept)
    for (token, value), top in zip(pairs, tops, strict=False):
        end = at + len(top)
        read.append(TokenLogprob(token, value, tuple(pairs[at:end])))
        at = end
    return tuple(read)


def _are_ordinary(tokens: list[Any], values: list[Any]) -> bool:
    """Whether `_token` and `_logprob` would return all of them as they are. Checked together, because it is five times
    as fast as one by one. TypeError if a token is no text."""
    if {*map(type, values)} != {float}:
        return False
    total, text = sum(values), "".join(tokens)  # the sum is NaN if one of them is
    in_range = total == total and min(values) >= ABSENT and max(values) <= 0.0
    return in_range and text.isascii() and (len(text) <= _LONGEST_TOKEN or max(map(len, tokens)) <= _LONGEST_TOKEN)


def _token(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return whole(value)[:_LONGEST_TOKEN]


def _logprob(value: Any) -> float:
    """The log-probability in [-9999, 0]. Null means minus infinity. ValueError for NaN and non-numbers."""
    if value is None:
        return ABSENT
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value > 1.0:
        raise ValueError(f"not a log-probability: {value!r}"[:80])
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
