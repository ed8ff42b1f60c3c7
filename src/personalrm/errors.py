"""Every error that personalrm raises on purpose.

    PersonalrmError                 anything of ours; its message is one sentence a person can act on
    ├── DataError                   a choice, a file of choices or a saved profile is not as expected
    │   ├── RowError                one row: names file, line and field, and what was expected
    │   ├── NotEnoughChoices        too few usable choices for what was asked
    │   ├── SeveralPeople           a file holds more than one person and none was named
    │   ├── UnknownPerson           the store holds nobody of that name
    │   ├── PersonErased            the person was erased and not taken in again
    │   └── ProfileError            a profile file is damaged, or from a newer version
    ├── EndpointError               asking the model failed
    │   ├── EndpointRefused         the host will not serve us: wrong key, unknown model, bad request
    │   │   └── RequestRefused      not this one request: too long for the model, or filtered
    │   ├── Unreachable             no answer: dead host, dropped connection, deadline passed
    │   └── UnusableResponse        the host answers, but nothing that can be used
    ├── PrivacyRefused              --private refuses to put several people's words into one prompt
    ├── TrainingFailed              the loss of a model in training is no number any more
    ├── Interrupted                 Ctrl-C where there is more to say of it than elsewhere
    ├── BudgetSpent                 --max-cost or --max-calls is used up; all answers so far are kept
    ├── StorageError                the cache, the store or an output file cannot be written (full disk, no rights)
    │   ├── StoreBusy               others are writing to the database: the same request may be sent again
    │   ├── StoreFull               the disk that holds the database is full
    │   └── StoreUnavailable        the database server cannot be reached
    ├── StoreConflict               what is asked contradicts what is stored (another content under a known id)
    └── MissingExtra                an optional package is needed and absent

Errors of other libraries become one of these at the one place where the library is called.
"""

from __future__ import annotations

from pathlib import Path

from personalrm.renamed import renamed


def printable(text: str) -> str:
    """The text with what is not Unicode text (bad bytes of a file, half surrogate pairs) written out as ``\\udc80``."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


class PersonalrmError(Exception):
    """Base of all errors raised on purpose; ``str(error)`` is one clear sentence that can be printed and sent."""

    def __init__(self, *said: object) -> None:
        super().__init__(*(printable(one) if isinstance(one, str) else one for one in said))


class DataError(PersonalrmError):
    """A choice, a file of choices or a profile is not as expected."""


class RowError(DataError):
    """One bad row.

    Args:
        expected: what should have stood there, in words.
        path: the file, if the row came from one.
        line: 1-based line (text files) or row (Parquet) number.
        field: the column or key at fault, dotted where nested (``context.0.role``).
        found: a short description of what stood there instead.
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
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        where = str(self.path) if self.path is not None else "input"
        if self.line is not None:
            where += f", line {self.line}"
        if self.field is not None:
            where += f", field '{self.field}'"
        found = f", found {self.found}" if self.found is not None else ""
        return f"{where}: expected {self.expected}{found}"


class NotEnoughChoices(DataError):
    """Too few usable choices for what was asked."""


class SeveralPeople(DataError):
    """A file holds choices of several people and the caller named none."""


class UnknownPerson(DataError):
    """The store holds nobody of that name."""


class PersonErased(DataError):
    """The person was erased from the store and not taken in again."""


class ProfileError(DataError):
    """A profile file is damaged, or written by a newer version."""


class EndpointError(PersonalrmError):
    """Asking the model failed."""


class EndpointRefused(EndpointError):
    """The host will not serve this request, now or later: wrong key, unknown model, bad request."""


class RequestRefused(EndpointRefused):
    """The host serves others, but not this one request: too long for the model, or stopped by a content filter."""


class Unreachable(EndpointError):
    """No answer within the deadline and its retries: dead host, dropped connection, overload."""


class UnusableResponse(EndpointError):
    """The host answers, but with nothing that can be used."""


class PrivacyRefused(PersonalrmError):
    """Several people's words would stand in one prompt, and ``--private`` or PERSONALRM_PRIVATE was given."""


class TrainingFailed(PersonalrmError):
    """The loss of a model in training is no number any more; what was good before is kept."""


class Interrupted(PersonalrmError):
    """Ctrl-C, where how to go on is said in other words than elsewhere."""


class BudgetSpent(PersonalrmError):
    """The run's limit of calls or cost is used up; all answers so far are in the cache."""


class StorageError(PersonalrmError):
    """A cache, a database or an output file cannot be read or written."""


class StoreBusy(StorageError):
    """Others are writing to the database; the same request may be sent again."""


class StoreFull(StorageError):
    """The disk that holds the database is full; nothing was written."""


class StoreUnavailable(StorageError):
    """The database server cannot be reached; the same request may be sent again."""


class StoreConflict(PersonalrmError):
    """What is asked contradicts what is stored, or what another process has just done."""


class MissingExtra(PersonalrmError):
    """An optional package is needed and not installed."""


__getattr__ = renamed(__name__, {"Refused": "EndpointRefused", "Unusable": "UnusableResponse"})
