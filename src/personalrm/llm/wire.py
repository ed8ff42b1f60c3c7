"""The OpenAI wire format: an answer's JSON to a Completion, a host's complaint to one safe sentence.

read_completion(b'{"choices": [{"message": {"content": "A"}}]}', prompt_characters=40).text     # "A"
"""

from __future__ import annotations

import contextlib
import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from personalrm.errors import UnusableResponse
from personalrm.llm.endpoint import ABSENT, Completion, TokenLogprob

CHARACTERS_A_TOKEN = 4
KEPT_TOKENS = 24
"""Log-probabilities matter at the verdict, which a reasoned answer gives last; the tail keeps the cache small."""
SECRET_CHARACTERS = 8
"""Shorter keys are the stand-ins of local servers ("EMPTY", "ollama"), and words that answers may hold."""

_LONGEST_COMPLAINT = 2_000
"""Characters searched for keys: the time is quadratic in text without a blank, 0.2 s for 8,000 characters."""
_SECRETS = re.compile(r"\bBearer\s+[\w\-*.~+/=]{6,}|\b(?:sk|pk|rk|key)[-_][\w\-*.]{6,}|\S*\*{3,}\S*", re.IGNORECASE)


class ErrorInside(Exception):
    """An error that a gateway sent with status 200; ``status`` is the one it names, 502 if it names none."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


def read_completion(body: bytes, prompt_characters: int, secret: str | None = None) -> Completion:
    """The first choice of an answer, without the secret should the host echo it.

    Raises:
        Unusable: it is not a chat completion.
        ErrorInside: it is an error.
    """
    try:
        answer = orjson.loads(body)
        choices = answer.get("choices")
        if not choices and answer.get("error"):
            raise ErrorInside(status_inside(answer["error"]))
        choice = choices[0]
        text = _text(choice["message"])
        tokens = _tokens(choice.get("logprobs"))
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        said = redact(short(body), secret)
        raise UnusableResponse(f"the host answered with something that is no chat completion: {said}") from None
    if secret and len(secret) >= SECRET_CHARACTERS and secret in text:
        text, tokens = text.replace(secret, "[key]"), None
    usage = answer.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    cost = usage.get("cost")
    return Completion(
        text=text,
        tokens=tokens,
        prompt_tokens=_count(usage.get("prompt_tokens")) or prompt_characters // CHARACTERS_A_TOKEN,
        completion_tokens=_count(usage.get("completion_tokens")) or max(1, len(text) // CHARACTERS_A_TOKEN),
        cached_tokens=_count(details.get("cached_tokens")) if isinstance(details, dict) else 0,
        finish_reason=str(choice.get("finish_reason") or "stop"),
        cost=float(cost) if isinstance(cost, int | float) and cost >= 0 else None,
    )


def _text(message: dict[str, Any]) -> str:
    """The answer's text: a string, or content parts; a refusal counts as the answer."""
    content = message.get("content") or message.get("refusal") or ""
    if isinstance(content, list):
        parts = (part.get("text") or part.get("refusal") or "" for part in content if isinstance(part, dict))
        return "".join(str(one) for one in parts)
    if not isinstance(content, str):
        raise TypeError(type(content).__name__)
    return content


def _count(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and value > 0 else 0


def status_inside(error: Any) -> int:
    """The HTTP status that an error sent with status 200 names; 502 if it names none."""
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 502


def _tokens(logprobs: Any) -> tuple[TokenLogprob, ...] | None:
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not content:
        return None
    try:
        return tuple(
            TokenLogprob(
                one["token"],
                _logprob(one["logprob"]),
                tuple((other["token"], _logprob(other["logprob"])) for other in one.get("top_logprobs") or ()),
            )
            for one in content[-KEPT_TOKENS:]
        )
    except (LookupError, TypeError, ValueError):
        return None


def _logprob(value: Any) -> float:
    """Minus infinity has no JSON: hosts send null or -9999."""
    return ABSENT if value is None else float(value)


def fold_system(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    """For models without a system role: its text opens the first user message."""
    system = "\n\n".join(one["content"] for one in turns if one["role"] == "system")
    rest = [one for one in turns if one["role"] != "system"]
    if not system:
        return rest
    if not rest or rest[0]["role"] != "user":
        return [{"role": "user", "content": system}, *rest]
    return [{"role": "user", "content": f"{system}\n\n{rest[0]['content']}"}, *rest[1:]]


def complaint(body: bytes, secret: str | None) -> str:
    """What a host says is wrong, in at most 300 characters, with anything that looks like a key removed."""
    try:
        error = orjson.loads(body)
        error = error.get("error", error) if isinstance(error, dict) else error
        said = error.get("message") or error.get("detail") if isinstance(error, dict) else error
    except orjson.JSONDecodeError:
        said = None
    sentence = " ".join((str(said) if said else short(body)).split())[:_LONGEST_COMPLAINT]
    sentence = redact(sentence, secret)[:300]
    return sentence.rstrip(". ") or "(nothing)"


def redact(text: str, secret: str | None) -> str:
    """The text without the given secret, any eight characters of it in a row, and anything that looks like a key."""
    if secret and len(secret) >= SECRET_CHARACTERS:
        text = text.replace(secret, "[key]")
        pieces = {secret[at : at + SECRET_CHARACTERS] for at in range(len(secret) - SECRET_CHARACTERS + 1)}
        if any(piece in text for piece in pieces):  # cut off, or split by the host
            text = re.sub("|".join(map(re.escape, pieces)), "[key]", text)
    return _SECRETS.sub("[key]", text)


def wait_asked(headers: Any) -> float:
    """Seconds that a host asks us to wait: Retry-After as seconds or as a date, or retry-after-ms; 0 if it does not."""
    milliseconds, given = headers.get("retry-after-ms"), headers.get("Retry-After") or "0"
    if milliseconds is not None and milliseconds.isdecimal():
        return int(milliseconds) / 1000
    with contextlib.suppress(ValueError):
        seconds = float(given)
        return max(0.0, seconds) if math.isfinite(seconds) else 0.0
    try:
        until = parsedate_to_datetime(given)
    except ValueError:
        return 0.0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def short(body: bytes) -> str:
    """How an answer begins, on one line."""
    text = " ".join(body[:400].decode("utf-8", "replace").split())
    return text[:160] or "(nothing)"
