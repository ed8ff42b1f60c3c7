"""Every error that personalrm raises on purpose.

    PersonalrmError                 base class; the message is one sentence that says what to do
    ├── DataError                   a choice, a file of choices or a saved profile is not as expected
    │   ├── RowError                one row: names file, line and field, and what was expected
    │   ├── NotEnoughChoices        too few usable choices for the operation
    │   ├── SeveralPeople           a file holds more than one person and none was named
    │   ├── UnknownPerson           the store has no person with that name
    │   ├── UnknownRecord           the store has no such choice, answer, version, correction or key
    │   ├── UnknownStudy            the store has no study with that number
    │   ├── PersonErased            the person was erased from the store and has not been added again
    │   └── ProfileError            a profile file is damaged, or from a newer version
    ├── EndpointError               a call to the model failed
    │   ├── EndpointRefused         the host rejects all requests: wrong key, unknown model, bad request
    │   │   └── RequestRefused      the host rejects this one request: too long for the model, or filtered
    │   ├── Unreachable             no response: host down, connection dropped, deadline passed
    │   └── UnusableResponse        the host responds, but the response cannot be used
    ├── PrivacyRefused              --private refuses to put the texts of several people into one prompt
    ├── TrainingFailed              the training loss became NaN or infinite
    ├── Interrupted                 Ctrl-C, with a message of its own on how to resume
    ├── BudgetSpent                 --max-cost or --max-calls is reached; all answers so far are kept
    ├── StorageError                the cache, the store or an output file cannot be written (full disk, no rights)
    │   ├── StoreBusy               other processes are writing to the database: retry the request
    │   ├── StoreFull               the disk that holds the database is full
    │   └── StoreUnavailable        the database server cannot be reached
    ├── StoreConflict               the request contradicts the stored data (different content under a known id)
    └── MissingExtra                an optional package is required and not installed

Errors of other libraries are converted to one of these where the library is called.
"""

from __future__ import annotations

from pathlib import Path

from personalrm.renamed import renamed


def printable(text: str) -> str:
    """The text with lone surrogates and undecodable bytes escaped as ``\\udc80``, so that it can be encoded."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


class PersonalrmError(Exception):
    """Base of all errors raised on purpose; ``str(error)`` is one clear sentence that can be printed and sent."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(printable(one) if isinstance(one, str) else one for one in args))


class DataError(PersonalrmError):
    """A choice, a file of choices or a profile is not as expected."""


class RowError(DataError):
    """One invalid row of a file.

    Args:
        expected: description of the expected value.
        path: the file, if the row came from one.
        line: 1-based line (text files) or row (Parquet) number.
        field: the column or key with the invalid value, dotted if nested (``context.0.role``).
        found: short description of the value found.
    """

    def __init__(
        self,
        expected: str,
        *,
        path: str | Path | None = None,
        line: int | None = None,
        field: str | None = None,
        found: str | None = None,
    ) -> None:
        self.expected, self.path, self.line = printable(expected), path, line
        self.field = None if field is None else printable(field)
        self.found = None if found is None else printable(found)
        super().__init__(self.expected)

    def __str__(self) -> str:  # written when it is read: a file may have a million bad rows
        where = str(self.path) if self.path is not None else "input"
        if self.line is not None:
            where += f", line {self.line}"
        if self.field is not None:
            where += f", field '{self.field}'"
        found = f", found {self.found}" if self.found is not None else ""
        return f"{where}: expected {self.expected}{found}"


class NotEnoughChoices(DataError):
    """Too few usable choices for the operation."""


class SeveralPeople(DataError):
    """A file holds choices of several people and the caller did not name one."""


class UnknownPerson(DataError):
    """The store has no person with that name."""


class UnknownRecord(DataError):
    """The store has no such choice, answer, version, correction or key.

    Args:
        sentence: the message.
        field: the field of the request that names the record, such as ``choice_id`` or ``version``.
    """

    def __init__(self, sentence: str, field: str) -> None:
        super().__init__(sentence)
        self.field = field


class UnknownStudy(DataError):
    """The store has no study with that number."""


class PersonErased(DataError):
    """The person was erased from the store and has not been added again."""


class ProfileError(DataError):
    """A profile file is damaged, or written by a newer version."""


class EndpointError(PersonalrmError):
    """A call to the model failed."""


class EndpointRefused(EndpointError):
    """The host rejects the request permanently: wrong key, unknown model, bad request."""


class RequestRefused(EndpointRefused):
    """The host rejects this one request: too long for the model, or stopped by a content filter."""


class Unreachable(EndpointError):
    """No response within the deadline and its retries: host down, connection dropped, overload."""


class UnusableResponse(EndpointError):
    """The host responds, but the response cannot be used."""


class PrivacyRefused(PersonalrmError):
    """A prompt would contain the texts of several people, and ``--private`` or PERSONALRM_PRIVATE is set."""


class TrainingFailed(PersonalrmError):
    """The training loss became NaN or infinite; the last good checkpoint is kept."""


class Interrupted(PersonalrmError):
    """Ctrl-C in a command with a message of its own on how to resume."""


class BudgetSpent(PersonalrmError):
    """The run's limit of calls or cost is reached; all answers so far are in the cache."""


class StorageError(PersonalrmError):
    """A cache, a database or an output file cannot be read or written."""


class StoreBusy(StorageError):
    """Other processes are writing to the database; the request can be retried."""


class StoreFull(StorageError):
    """The disk that holds the database is full; nothing was written."""


class StoreUnavailable(StorageError):
    """The database server cannot be reached; the request can be retried."""


class StoreConflict(PersonalrmError):
    """The request contradicts the stored data, or a concurrent change by another process."""


class MissingExtra(PersonalrmError):
    """An optional package is required and not installed."""


__getattr__ = renamed(__name__, {"Refused": "EndpointRefused", "Unusable": "UnusableResponse"})
