"""Classifies a host's refusal: it concerns all requests, this request, its form, or this moment.

fault_of(429, response, host, "m", has_answered=True)       # AttemptFailed(overload=True): wait and retry
fault_of(403, …"not allowed to request logprobs"…)          # BadRequest: send without them
fault_of(429, …"requests per day"…)                         # EndpointRefused: stop for today
"""

from __future__ import annotations

import re

from personalrm.errors import EndpointRefused, RequestRefused
from personalrm.llm.complaints import complaint, is_page, one_line
from personalrm.llm.credentials import without_user
from personalrm.llm.host import Host
from personalrm.llm.meanings import Meaning, means, names_a_feature
from personalrm.llm.retry_after import wait_asked
from personalrm.llm.transport import AttemptFailed, BadRequest, Response

NOTABLE_WAIT_S = 60.0
"""Seconds from which an error names the wait that the host asks for."""
_SHORT_WINDOW = re.compile(rb"per_?minute|retrydelay", re.IGNORECASE)


def fault_of(status: int, response: Response, host: Host, model: str, *, has_answered: bool) -> Exception:
    """Return the error for a response without an answer; EndpointRefused affects all requests, RequestRefused one."""
    said, where = complaint(response.body, host.credentials), host.name
    if 300 <= status < 400:
        other = one_line(without_user(response.headers.get("Location", "another URL")), host.credentials, 200)
        return EndpointRefused(f"{where} has moved ({status}): give the base URL of {other}")
    too_large = status == 413 or (status == 429 and "too large" in said.lower())  # waiting does not help
    if too_large or (status in (400, 422, 500) and means(said, Meaning.TOO_LONG)):
        return RequestRefused(f"{where} refuses the request for {model} ({status}): {said}")
    for_all = _of_the_account(status, response, said, where) or _of_the_model(status, said, where, model)
    if for_all is not None:
        return for_all
    if status in (400, 403, 404, 405, 422, 500, 501) and names_a_feature(said):
        return BadRequest(status, said)
    if status in (400, 403, 451) and means(said, Meaning.FILTERED):
        return RequestRefused(f"{where} refuses the request for {model} by its content filter ({status}): {said}")
    if status in (400, 403) and (means(said, Meaning.RATE_LIMIT) or means(said, Meaning.BUSY)):
        return _of_the_moment(status, response, said, busy=True)
    if status in (404, 405, 501):
        return EndpointRefused(f"{where} has no model '{model}' or no such path ({status}): {said}")
    locked = _of_the_key(status, response, said, host, has_answered)
    return locked or _of_the_moment(status, response, said, busy=False)


def _of_the_account(status: int, response: Response, said: str, where: str) -> EndpointRefused | None:
    """No credit, or a limit of the day; a limit of the minute that mentions billing is neither."""
    body = response.body[:4_000]
    by_id = b"PerDay" in body and b"PerMinute" not in body  # Gemini's quotaId
    of_the_day = by_id or means(said, Meaning.LIMIT_OF_THE_DAY)
    if of_the_day and status in (403, 429, 503, 529):
        return EndpointRefused(
            f"{where} says that its limit of the day or month is used up ({status}): {said}; "
            "run the same command again when it allows more"
        )
    spent = means(said, Meaning.NO_CREDIT) or b"insufficient_quota" in body
    if status == 402 or (spent and status < 500 and not _SHORT_WINDOW.search(body)):
        return EndpointRefused(f"{where} says the account has no credit left ({status}): {said}")
    return None


def _of_the_model(status: int, said: str, where: str, model: str) -> EndpointRefused | None:
    if status == 410 or (status in (400, 422, 500, 503) and means(said, Meaning.NO_MODEL)):
        return EndpointRefused(f"{where} has no model '{model}' or no such path ({status}): {said}")
    return None


def _of_the_key(status: int, response: Response, said: str, host: Host, has_answered: bool) -> EndpointRefused | None:
    where = host.name
    if status == 407:
        return EndpointRefused(f"the proxy before {where} requires a user and password ({status}): {said}")
    if status in (400, 403, 451) and (means(said, Meaning.PLACE) or (status == 403 and is_page(response.body))):
        return EndpointRefused(f"{where} refuses access from here, regardless of the key ({status}): {said}")
    if status == 401 or (status == 403 and not has_answered) or (status == 400 and means(said, Meaning.KEY)):
        refuses = "refuses the key" if host.api_key else "requires a key"
        return EndpointRefused(f"{where} {refuses} ({status}): {said}; set OPENAI_API_KEY to a valid key for this host")
    return None


def _of_the_moment(status: int, response: Response, said: str, *, busy: bool) -> Exception:
    wait = wait_asked(response.headers, response.body[:4_000].decode("utf-8", "replace"))
    if busy or status in (429, 498, 503, 529):
        asks = f" (asks to wait {wait:.0f} s)" if wait >= NOTABLE_WAIT_S else ""
        return AttemptFailed(f"overloaded ({status}): {said}{asks}", overload=True, retry_after=wait)
    if status in (408, 409, 424, 425, 499) or status >= 500:
        return AttemptFailed(f"error of the host ({status}): {said}", retry_after=wait, unexplained=status == 500)
    return BadRequest(status, said)


def refused(refusal: BadRequest, host: Host, model: str) -> EndpointRefused:
    """Return the error for a request that the host accepts in no form."""
    filtered = means(refusal.said, Meaning.FILTERED)
    own = refusal.status == 413 or filtered or means(refusal.said, Meaning.TOO_LONG)
    by = " by its content filter" if filtered else ""
    kind = RequestRefused if own else EndpointRefused
    return kind(f"{host.name} refuses the request for {model}{by} ({refusal.status}): {refusal.said}")
