"""Errors as RFC 9457 problems: ``application/problem+json`` with the invalid field and the way to fix it.

    raise Problem(413, "body-too-large", f"the body holds more than {limit} bytes", "send it in several requests")

`problem_of` converts the package's errors to problems. A body never contains a traceback, a user's text or a key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from personalrm import errors

MEDIA_TYPE = "application/problem+json"
URN = "urn:personalrm:problem:"
OPENAI_PATHS = frozenset({"/v1/chat/completions", "/v1/models"})
"""Paths of OpenAI's API, whose clients expect the member ``error``."""
AGAIN = "send the same request again after the seconds in Retry-After"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """An invalid field and the reason."""

    field: str
    problem: str


@dataclass
class Problem(Exception):
    """See the module's docstring; ``more`` are additional members of the JSON object."""

    status: int
    name: str
    detail: str
    way_out: str
    fields: Sequence[FieldProblem] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def phrase(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase

    def response(self, request_id: str | None = None) -> Response:
        """The HTTP response."""
        body: dict[str, Any] = {
            "type": URN + self.name,
            "title": self.phrase,
            "status": self.status,
            "detail": self.detail,
            "way_out": self.way_out,
        }
        if self.fields:
            body["field"] = self.fields[0].field
            body["errors"] = [{"field": one.field, "problem": one.problem} for one in self.fields]
        if request_id is not None:
            body["request_id"] = request_id
        return Response(orjson.dumps({**body, **self.more}), self.status, dict(self.headers), MEDIA_TYPE)

    def answering(self, scope: Mapping[str, Any]) -> Response:
        """For the client of this request (its ASGI scope): with the request's id, for OpenAI's with ``error``."""
        number = scope.get("personalrm.id")
        if scope["path"] not in OPENAI_PATHS:
            return self.response(number)
        at = self.fields[0].field if self.fields else None
        error = {"message": self.detail, "type": self.name, "code": self.name, "param": at}
        return replace(self, more={**self.more, "error": error}).response(number)


def later(status: int, name: str, detail: str, seconds: float = 1.0) -> Problem:
    """A temporary problem: the client may retry after this many seconds."""
    return Problem(status, name, detail, AGAIN, headers={"Retry-After": str(max(1, round(seconds)))})


def invalid(field_name: str, problem: str, way_out: str = "correct the field and send the request again") -> Problem:
    """A problem about one field of the request."""
    return Problem(422, "invalid-request", f"{field_name}: {problem}", way_out, (FieldProblem(field_name, problem),))


# Subclasses come before their base classes.
_PROBLEMS: tuple[tuple[type[errors.PersonalrmError], int, str, str], ...] = (
    (errors.UnknownPerson, 404, "unknown-person", "check the name, and that the key belongs to the person's space"),
    (errors.UnknownStudy, 404, "unknown-study", "check the number, and that the key belongs to the study's space"),
    (errors.PersonErased, 410, "person-erased", "PUT /v1/people/{user} adds the person again, with their consent"),
    (errors.NotEnoughChoices, 409, "not-enough-choices", "send choices of the person other than ties"),
    (errors.ProfileError, 409, "profile-unusable", "ask for a refit: POST /v1/people/{user}/refit"),
    (errors.StoreConflict, 409, "conflict", "read the current state and try again"),
    (errors.StoreFull, 507, "store-full", "free disk space for the database; no data was lost"),
    (errors.BudgetSpent, 402, "budget-spent", "raise the space's budget: personalrm serve budget SPACE"),
    (errors.EndpointRefused, 502, "model-refused", "check the model's name and key in the service's settings"),
    (errors.UnusableResponse, 502, "model-unusable", "try again, or choose another model"),
    (errors.MissingExtra, 501, "not-installed", "install the named package on the server"),
    (errors.DataError, 422, "invalid-request", "correct the request and send it again"),
)
_PASSING: tuple[tuple[type[errors.PersonalrmError], int, str], ...] = (
    (errors.StoreBusy, 503, "store-busy"),
    (errors.StoreUnavailable, 503, "store-unavailable"),
    (errors.Unreachable, 504, "model-unreachable"),
    (errors.StorageError, 503, "storage-failed"),
)


# For an `UnknownRecord`, by its field: the kind of record, and how to find valid values.
_UNKNOWN: Mapping[str, tuple[str, str]] = {
    "id": ("answer", "use the id of a chat answer; answers are kept for a month"),
    "preferred_over": ("answer", "use the id of a chat answer; answers are kept for a month"),
    "choice_id": ("choice", "take source and id from GET /v1/people/{user}/choices"),
    "version": ("version", "take a number from GET /v1/people/{user}/versions"),
    "number": ("number", "take an id from GET /v1/people/{user}/corrections"),
}


def no_room() -> Problem:
    """The problem for a full disk that holds the service's temporary files."""
    way_out = "free disk space for temporary files (TMPDIR) and send it again; nothing of it was stored"
    return Problem(507, "no-room", "the disk that holds the service's temporary files is full", way_out)


def problem_of(error: errors.PersonalrmError) -> Problem:
    """The problem for one of the package's errors."""
    if isinstance(error, errors.UnknownRecord):
        what, where = _UNKNOWN.get(error.field, ("record", "check the request"))
        return Problem(404, f"unknown-{what}", str(error), where, (FieldProblem(error.field, "does not exist"),))
    for kind, status, name in _PASSING:
        if isinstance(error, kind) and not isinstance(error, errors.StoreFull):
            return later(status, name, str(error), 2.0)
    for kind, status, name, way_out in _PROBLEMS:
        if isinstance(error, kind):
            return Problem(status, name, str(error), way_out)
    return Problem(500, "failed", str(error), "see the log of the service under this request's id")
