"""Convert choices, candidates and conversations in any supported form to the package's records.

history_of("choices.jsonl"), history_of([preference, …]), history_of([{"prompt": …, "chosen": …, "rejected": …}])
messages_of("How do I boil an egg?"), messages_of([{"role": "user", "content": "How do I boil an egg?"}])
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from personalrm.data.candidates import Candidate, read_candidates
from personalrm.data.contents import message
from personalrm.data.inputs import Given
from personalrm.data.problems import Problems
from personalrm.data.reading import ColumnsGiven, read_history
from personalrm.errors import DataError, SeveralPeople
from personalrm.files import BROKEN, broken_text
from personalrm.formatting.texts import encodable
from personalrm.preferences import ME, History, Message, Preference
from personalrm.profile.merging import distinct

Context = str | Message | Mapping[str, Any] | Sequence[Message | Mapping[str, Any]]
Choices = History | Iterable[Preference] | Given
"""Choices as records, or files, rows or a table that hold them."""
Candidates = Iterable[Candidate | Preference] | Given
"""Pairs as records, or files, rows or a table that hold them."""
_TEXTS = (
    *("id", "user", "group", "chosen", "rejected", "domain"),
    *("time", "demographics", "reason", "split", "ranking", "source"),
)
_log = logging.getLogger("personalrm.data")


def messages_of(context: Context) -> tuple[Message, ...]:
    """Convert a prompt, a message or a conversation to messages; a message's content may be a list of parts.

    Raises:
        DataError: it is none of these; the error names the field.
    """
    if isinstance(context, str):
        return (Message("user", context),) if context else ()
    given = (context,) if isinstance(context, Message | Mapping) else context
    if not isinstance(given, Iterable):
        raise DataError("the context must be a text or messages with 'role' and 'content'")
    return tuple(_message(one, f"context.{position}") for position, one in enumerate(given))


def _message(given: Message | Mapping[str, Any], field: str) -> Message:
    if isinstance(given, Message) and isinstance(given.role, str) and isinstance(given.content, str):
        return given
    return message({"role": given.role, "content": given.content} if isinstance(given, Message) else given, field)


def check_texts(*responses: Any) -> None:
    """Raise DataError if a response is not text."""
    for one in responses:
        if not isinstance(one, str):
            raise DataError(f"a response must be a text, found {type(one).__name__}")


def responses_of(verb: str, responses: Sequence[str]) -> Sequence[str]:
    """The responses given to the method ``verb``. Raises DataError if the list is empty or has non-text items."""
    if not responses or isinstance(responses, str):
        raise DataError(f"{verb} needs a list of at least one response")
    check_texts(*responses)
    return responses


def candidates_of(given: Candidates) -> list[Candidate]:
    """Candidate pairs from records, files, rows or a table; labels are ignored."""
    listed = list(given) if isinstance(given, Iterator | tuple | History | frozenset | set) else given
    if isinstance(listed, list) and all(isinstance(one, Candidate | Preference) for one in listed):
        return [Candidate.of(one) if isinstance(one, Preference) else one for one in listed]
    return list(read_candidates(listed))


def history_of(choices: Choices, user: str | None = None, columns: ColumnsGiven = None) -> History:
    """One user's choices. Skipped rows are logged to ``personalrm.data``.

    Args:
        choices: a History, a list of Preference, or an input of `read_history` (files, rows, a table).
        user: the user to select; if the choices have no user, the name they are given.
        columns: roles of columns (see `mapping`), if their names are not known.

    Raises:
        SeveralPeople: there are several users and none was named.
        DataError: the choices cannot be read, or are not of one user.
    """
    if isinstance(choices, Preference):
        choices = [choices]
    if not isinstance(choices, History) and not _are_preferences(choices):
        return _named(_read(choices, user, columns), user)
    given: tuple[Any, ...] = tuple(choices)  # type: ignore[arg-type]
    if not all(isinstance(one, Preference) for one in given):
        raise DataError("expected one kind of choices, found Preference and others in one list")
    listed = _distinct(given)
    people = sorted({one.user for one in listed})
    if len(people) > 1:
        raise DataError(f"the choices are of {len(people)} people ({', '.join(people[:5])}): give one person's")
    if isinstance(choices, History):
        return choices.only(listed, choices.thumbs)
    return History(people[0] if people else user or ME, listed)


def _are_preferences(choices: Any) -> bool:
    return isinstance(choices, list | tuple) and (not choices or any(isinstance(one, Preference) for one in choices))


def _read(choices: Any, user: str | None, columns: ColumnsGiven) -> History:
    """Read the choices of the named user, or of the only user."""
    if isinstance(choices, Iterator):
        choices = list(choices)  # it may be read twice
        if _are_preferences(choices):
            return history_of(choices, user)
    problems = Problems()
    try:
        found = read_history(choices, columns=columns, problems=problems)
        if user is not None and ME not in (found.user, user):
            found = read_history(choices, user, columns=columns)
    except SeveralPeople:
        problems = Problems()
        found = read_history(choices, user, columns=columns, problems=problems)
    for remark in problems.remarks():
        _log.warning("%s", remark)
    return found


def _named(history: History, user: str | None) -> History:
    """The history with the given user, if its choices have no user."""
    if user is None or history.user != ME or user == ME:
        return history
    choices = tuple(replace(one, user=user) for one in history)
    return History(user, choices, tuple(replace(one, user=user) for one in history.thumbs))


def check_same_person(history: History, user: str) -> History:
    """The history itself. Raises DataError if it is of another user."""
    if (len(history) or history.thumbs) and history.user != user and ME not in (history.user, user):
        raise DataError(f"the choices are of '{history.user}', the profile is of '{user}': fit one for each")
    return history


def _distinct(choices: Iterable[Preference]) -> tuple[Preference, ...]:
    """The choices without repetitions. Raises DataError for an id of two different choices or an invalid text."""
    found = distinct(choices)
    for one in found:
        _check_texts(one)
    return found


def _check_texts(choice: Preference) -> None:
    """DataError if UTF-8 cannot encode a text of the choice."""
    texts = [value for name in _TEXTS if (value := getattr(choice, name))]
    try:
        "".join([*texts, *(turn.content for turn in choice.context)]).encode()
        place = broken_text((choice.stated, choice.judges)) and "stated or judges"
    except UnicodeEncodeError:
        place = broken_text(choice)
    if place is not None:
        raise DataError(f"choice '{encodable(choice.id)}': {place} {BROKEN}")
