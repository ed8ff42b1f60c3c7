"""Classifies a host's refusal: it concerns all requests, this request, its form, or this moment.

fault_of(429, response, host, "m", has_answered=True)       # Passing(overload=True): wait and retry
fault_of(403, …"not allowed to request logprobs"…)          # BadRequest: send without them
fault_of(429, …"requests per day"…)                         # EndpointRefused: stop for today
"""

from __future__ import annotations

import re

from personalrm.errors import EndpointRefused, RequestRefused
from personalrm.llm.host import Host
from personalrm.llm.retry_after import wait_asked
from personalrm.llm.transport import BadRequest, Passing, Response
from personalrm.llm.wire import complaint, one_line

CONTENT_FILTERED = frozenset({"content_filter", "content-filter", "contentfilter", "safety", "blocked", "moderation"})
"""Finish reasons of answers stopped by a content filter."""
_FILTER = re.compile(
    r"content.{0,16}(filter|polic|management)|responsible.?ai|moderation|flagged|safety (system|setting|polic)"
    r"|usage polic|prohibited (use|content)|blocked by",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context.{0,12}(length|size|window)|prompt is too long|too (large|many tokens)|exceeds?.{0,40}(context|tokens)"
    r"|`?inputs`? (tokens|must have)",
    re.IGNORECASE,
)
_OF_THE_DAY = re.compile(
    r"per[-_ ]?day|daily|per[-_ ]?month|monthly|\b[RT]PD\b|for today|until tomorrow|per[-_ ]?week|weekly", re.IGNORECASE
)
_OF_THE_FORM = re.compile(
    r"log_?prob|response_format|json_schema|json schema|reasoning_effort|max_(completion_)?tokens|temperature"
    r"|requested parameters|\bstop\b.{0,30}(support|parameter)"
    r"|(system|developer).{0,20}(role|message|prompt|instruction)"
    r"|role.{0,60}(alternat|system)|alternat.{0,30}role|must alternate|only user and assistant|chat template|jinja",
    re.IGNORECASE,
)
_KEY = re.compile(r"api.?key.{0,20}(not valid|invalid|expired)|(invalid|incorrect) api.?key", re.IGNORECASE)
_NO_CREDIT = re.compile(r"insufficient.(quota|credit|balance|fund)|no credits? left", re.IGNORECASE)


def fault_of(status: int, response: Response, host: Host, model: str, *, has_answered: bool) -> Exception:
    """Return the error for a response without an answer; EndpointRefused affects all requests, RequestRefused one."""
    said, where = complaint(response.body, host.credentials), host.name
    if 300 <= status < 400:
        other = one_line(response.headers.get("Location", "another URL"), host.credentials, 200)
        return EndpointRefused(f"{where} has moved ({status}): give the base URL of {other}")
    if status == 402 or _NO_CREDIT.search(said) or b"insufficient_quota" in response.body[:4_000]:
        return EndpointRefused(f"{where} says the account has no credit left ({status}): {said}")
    if status in (403, 429, 503, 529) and _OF_THE_DAY.search(said):
        return EndpointRefused(
            f"{where} says that its limit of the day or month is used up ({status}): {said}; "
            "run the same command again when it allows more"
        )
    if status in (400, 403, 404, 405, 422, 500, 501) and _OF_THE_FORM.search(said) and not _TOO_LONG.search(said):
        return BadRequest(status, said)
    if status in (403, 451) and _FILTER.search(said):
        return RequestRefused(f"{where} refuses the request for {model} by its content filter ({status}): {said}")
    if status == 401 or (status == 403 and not has_answered) or (status == 400 and _KEY.search(said)):
        refuses = "refuses the key" if host.api_key else "wants a key"
        return EndpointRefused(f"{where} {refuses} ({status}): {said}; set OPENAI_API_KEY to a valid key for this host")
    if status in (404, 405, 501):
        return EndpointRefused(f"{where} knows no model '{model}' or no such path ({status}): {said}")
    return _of_the_moment(status, response, said)


def _of_the_moment(status: int, response: Response, said: str) -> Exception:
    if status in (429, 503, 529) and not re.search(r"too large", said, re.IGNORECASE):  # waiting does not help
        return Passing(f"overloaded ({status}): {said}", overload=True, retry_after=wait_asked(response.headers))
    if status in (408, 409, 425) or status >= 500:
        return Passing(f"fault of the host ({status}): {said}", retry_after=wait_asked(response.headers))
    return BadRequest(status, said)


def refused(refusal: BadRequest, host: Host, model: str) -> EndpointRefused:
    """Return the error for a request that the host accepts in no form."""
    filtered = _FILTER.search(refusal.said)
    own = refusal.status == 413 or filtered or _TOO_LONG.search(refusal.said)
    by = " by its content filter" if filtered else ""
    kind = RequestRefused if own else EndpointRefused
    return kind(f"{host.name} refuses the request for {model}{by} ({refusal.status}): {refusal.said}")
