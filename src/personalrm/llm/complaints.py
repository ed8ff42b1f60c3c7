"""A host's error as one safe sentence, and the status of an error that was sent with status 200.

complaint(b'{"error": {"message": "No such model"}}')                      # "No such model"
complaint(b"<html><title>502 Bad Gateway</title>…")                        # "502 Bad Gateway"
error_inside({"object": "error", "message": "No such model", "code": 404}).status      # 404
"""

from __future__ import annotations

import re
from typing import Any

from personalrm.llm.credentials import NO_CREDENTIALS, Credentials
from personalrm.llm.host_json import load_json, whole
from personalrm.llm.meanings import status_of
from personalrm.llm.other_shapes import streamed, unwrapped

_TITLE = re.compile(r"<(title|h1|pre)\b[^<>]{0,200}>([^<]{1,300})<", re.IGNORECASE)
_HTML = re.compile(r"\A\s{0,64}<(?:!doctype|html|head|body|pre|center|h1|meta|title)\b", re.IGNORECASE)
_SAID_BESIDE = ("detail", "message", "msg", "errors", "errorMessage", "error_message", "error_msg", "status_msg")
_SAID = ("error", *_SAID_BESIDE, "error_description", "title", "reason", "base_resp")
_DEEPEST = 5


class ErrorInside(Exception):
    """An error that a gateway sent with status 200; ``status`` is the one it names or describes, 502 if none."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


def error_inside(answer: Any) -> ErrorInside | None:
    """Return the error in an answer without a choice; None if it is none."""
    if not isinstance(answer, dict):
        return None
    if answer.get("error"):
        return ErrorInside(status_inside(answer["error"]))
    failed = answer.get("success") is False or answer.get("object") == "error" or answer.get("type") == "error"
    if isinstance(answer.get("base_resp"), dict) and not answer.get("choices"):  # MiniMax
        return error_inside(answer["base_resp"])
    said = next((answer[name] for name in _SAID_BESIDE if answer.get(name)), None)
    if failed or isinstance(said, str | list):
        return ErrorInside(status_inside(answer))
    return None


def status_inside(error: Any) -> int:
    """Return the HTTP status that an error sent with status 200 names or describes; 502 if none."""
    names = ("code", "status", "status_code", "http_code") if isinstance(error, dict) else ()
    for code in (error[name] for name in names if name in error):
        number = int(code) if isinstance(code, str) and re.fullmatch("[0-9]{3}", code, re.ASCII) else code
        if isinstance(number, int) and not isinstance(number, bool) and 400 <= number < 600:
            return number
    said = str(error)
    if isinstance(error, dict):
        said = " ".join([_sentence(error), *(str(error[one])[:80] for one in ("code", "type") if error.get(one))])
    return status_of(said[:1_000]) or 502


def complaint(body: bytes, credentials: Credentials = NO_CREDENTIALS) -> str:
    """Return the host's error message, at most 300 characters, without credentials and control characters."""
    try:
        error = streamed(body) or unwrapped(load_json(body))
        error = error["choices"][0]["error"] if isinstance(error, dict) and error.get("choices") else error
        said = _sentence(error)
    except (ValueError, LookupError, TypeError, AttributeError):
        said = ""
    sentence = one_line(said[:4_000], credentials, 300) if said else short(body, credentials)
    return sentence.rstrip(". ") or "(nothing)"


def is_page(body: bytes) -> bool:
    """Return whether a body is an HTML page: of a proxy, a login or a captive portal."""
    return bool(_HTML.match(body[:1_000].decode("utf-8", "replace").lstrip("\ufeff")))


def short(body: bytes, credentials: Credentials = NO_CREDENTIALS) -> str:
    """Return the beginning of an answer on one line; of an HTML page, its title."""
    text = body[:4_000].decode("utf-8", "replace")
    title = _TITLE.search(text) if _HTML.match(text) else None
    return one_line(title[2] if title else text[:2_000], credentials, 160) or "(nothing)"


def one_line(text: str, credentials: Credentials, length: int) -> str:
    """Return a host's text on one line, scrubbed before truncation, without terminal control characters."""
    line = " ".join(whole(text).split())
    return "".join(one if one.isprintable() else "�" for one in credentials.scrub(line)[:length])


def _sentence(error: Any, depth: int = 0) -> str:
    """The message in an error, under any of the names in use; of a list, the first few."""
    if isinstance(error, str):
        return error
    if isinstance(error, list) and depth < _DEEPEST:
        return "; ".join(filter(None, (_sentence(one, depth + 1) for one in error[:4])))
    if not isinstance(error, dict) or depth == _DEEPEST:
        return ""
    said = next((said for name in _SAID if (said := _sentence(error.get(name), depth + 1))), "")
    where = error.get("loc")  # FastAPI: the parameter at fault
    place = ".".join(map(str, where))[:80] if isinstance(where, list) else ""
    return ": ".join(filter(None, (place, said, _upstream(error, said))))


def _upstream(error: dict[str, Any], said: str) -> str:
    """What OpenRouter's provider said: its own message is only "Provider returned error"."""
    beside = error.get("metadata")
    raw = beside.get("raw") if isinstance(beside, dict) else None
    if not isinstance(raw, str) or not said or raw in said:
        return ""
    try:
        inner = _sentence(load_json(raw.encode("utf-8", "replace")), _DEEPEST - 1) if raw[:1] in "[{" else ""
    except ValueError:
        inner = ""
    return inner or raw
