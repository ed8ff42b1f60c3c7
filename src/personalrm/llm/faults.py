"""Classifies a host's refusal: it concerns all requests, this request, its form, or this moment.

fault_of(429, response, host, "m", has_answered=True)       # Passing(overload=True): wait and retry
fault_of(403, …"not allowed to request logprobs"…)          # BadRequest: send without them
fault_of(429, …"requests per day"…)                         # EndpointRefused: stop for today
"""

from __future__ import annotations

import re

from personalrm.errors import EndpointRefused, RequestRefused
from personalrm.llm.capabilities import is_too_long
from personalrm.llm.complaints import complaint, one_line
from personalrm.llm.credentials import without_user
from personalrm.llm.host import Host
from personalrm.llm.retry_after import wait_asked
from personalrm.llm.transport import BadRequest, Passing, Response

NOTABLE_WAIT_S = 60.0
"""Seconds from which an error names the wait that the host asks for."""
_FILTERED = re.compile(
    r"content.?filter|safety|blocked|blocklist|moderation|prohibited|guardrail|recitation|spii|sensitive|refusal",
    re.IGNORECASE,
)
_FILTER = re.compile(
    r"content.{0,16}(filter|polic|management|safety)|responsible.?ai|moderation|flagged|safety (system|setting|polic)"
    r"|usage polic|prohibited (use|content)|blocked by|inappropriate|data.?inspection|guardrail"
    r"|sensitive (content|word)",
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
_NO_CREDIT = re.compile(
    r"insufficient.(quota|credit|balance|fund)|no credits? left|credit.{0,12}(balance|limit)|billing (hard )?limit"
    r"|prepaid|purchase credits|suspended|arrears|overdue|unpaid",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"\bmodel\b.{0,48}(not found|not exist|no longer|deprecated|decommissioned|is unknown|invalid model)"
    r"|(unknown|no such|invalid) model|no available channel|model_not_found",
    re.IGNORECASE,
)
_PLACE = re.compile(r"\b(country|region|territory|location)\b", re.IGNORECASE)
_BUSY = re.compile(r"(rate|per.?minute).{0,20}limit|too many requests|per minute|busy|overloaded|try again later", re.I)
_SHORT_WINDOW = re.compile(rb"per_?minute|retrydelay", re.IGNORECASE)
_PAGE = re.compile(rb"\A\s{0,64}<(!doctype|html)", re.IGNORECASE)


def is_filtered(finish_reason: str) -> bool:
    """Return whether a finish reason says that a content filter stopped the answer."""
    return bool(_FILTERED.search(finish_reason))


def fault_of(status: int, response: Response, host: Host, model: str, *, has_answered: bool) -> Exception:
    """Return the error for a response without an answer; EndpointRefused affects all requests, RequestRefused one."""
    said, where = complaint(response.body, host.credentials), host.name
    if 300 <= status < 400:
        other = one_line(without_user(response.headers.get("Location", "another URL")), host.credentials, 200)
        return EndpointRefused(f"{where} has moved ({status}): give the base URL of {other}")
    too_large = status == 413 or (status == 429 and "too large" in said.lower())  # waiting does not help
    if too_large or (status in (400, 422, 500) and is_too_long(said)):
        return RequestRefused(f"{where} refuses the request for {model} ({status}): {said}")
    for_all = _of_the_account(status, response, said, where) or _of_the_model(status, said, where, model)
    if for_all is not None:
        return for_all
    if status in (400, 403, 404, 405, 422, 500, 501) and _OF_THE_FORM.search(said):
        return BadRequest(status, said)
    if status in (400, 403, 451) and _FILTER.search(said):
        return RequestRefused(f"{where} refuses the request for {model} by its content filter ({status}): {said}")
    if status in (400, 403) and _BUSY.search(said):
        return _of_the_moment(status, response, said, busy=True)
    if status in (404, 405, 501):
        return EndpointRefused(f"{where} has no model '{model}' or no such path ({status}): {said}")
    locked = _of_the_key(status, response, said, host, has_answered)
    return locked or _of_the_moment(status, response, said, busy=False)


def _of_the_account(status: int, response: Response, said: str, where: str) -> EndpointRefused | None:
    """No credit, or a limit of the day; a limit of the minute that mentions billing is neither."""
    body = response.body[:4_000]
    of_the_day = _OF_THE_DAY.search(said) or (b"PerDay" in body and b"PerMinute" not in body)  # Gemini's quotaId
    if of_the_day and status in (403, 429, 503, 529):
        return EndpointRefused(
            f"{where} says that its limit of the day or month is used up ({status}): {said}; "
            "run the same command again when it allows more"
        )
    spent = _NO_CREDIT.search(said) or b"insufficient_quota" in body
    if status == 402 or (spent and status < 500 and not _SHORT_WINDOW.search(body)):
        return EndpointRefused(f"{where} says the account has no credit left ({status}): {said}")
    return None


def _of_the_model(status: int, said: str, where: str, model: str) -> EndpointRefused | None:
    if status == 410 or (status in (400, 422, 500, 503) and _NO_MODEL.search(said)):
        return EndpointRefused(f"{where} has no model '{model}' or no such path ({status}): {said}")
    return None


def _of_the_key(status: int, response: Response, said: str, host: Host, has_answered: bool) -> EndpointRefused | None:
    where = host.name
    if status == 407:
        return EndpointRefused(f"the proxy before {where} requires a user and password ({status}): {said}")
    if status == 403 and (_PLACE.search(said) or _PAGE.match(response.body)):
        return EndpointRefused(f"{where} refuses access from here, regardless of the key ({status}): {said}")
    if status == 401 or (status == 403 and not has_answered) or (status == 400 and _KEY.search(said)):
        refuses = "refuses the key" if host.api_key else "requires a key"
        return EndpointRefused(f"{where} {refuses} ({status}): {said}; set OPENAI_API_KEY to a valid key for this host")
    return None


def _of_the_moment(status: int, response: Response, said: str, *, busy: bool) -> Exception:
    wait = wait_asked(response.headers, response.body[:4_000].decode("utf-8", "replace"))
    if busy or status in (429, 498, 503, 529):
        asks = f" (asks to wait {wait:.0f} s)" if wait >= NOTABLE_WAIT_S else ""
        return Passing(f"overloaded ({status}): {said}{asks}", overload=True, retry_after=wait)
    if status in (408, 409, 424, 425, 499) or status >= 500:
        return Passing(f"error of the host ({status}): {said}", retry_after=wait)
    return BadRequest(status, said)


def refused(refusal: BadRequest, host: Host, model: str) -> EndpointRefused:
    """Return the error for a request that the host accepts in no form."""
    filtered = _FILTER.search(refusal.said)
    own = refusal.status == 413 or filtered or is_too_long(refusal.said)
    by = " by its content filter" if filtered else ""
    kind = RequestRefused if own else EndpointRefused
    return kind(f"{host.name} refuses the request for {model}{by} ({refusal.status}): {refusal.said}")
