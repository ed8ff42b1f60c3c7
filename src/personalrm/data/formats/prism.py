"""PRISM as published: conversations with rated responses, and the survey of the participants.

    for row in rated_turns(conversation): ...        # a row of `conversations.jsonl` → a row of ratings for each turn
    people = read_survey("survey.jsonl")             # user id → survey answers
    joined(choice, people)                           # the choice with the user's survey answers

Every turn offers several responses (turn 0: from up to four models; later turns: two from the chosen model). The
context of a turn is the conversation before it: the user's messages and the chosen responses. A text offered twice in a
turn is one response with the mean of its scores; responses without a score make no pair. Only coarse survey answers
become demographics (no free text, no location finer than a country); stated preferences are kept separately, in
`Preference.stated`. Format: Kirk et al. 2024, arXiv 2404.16019, codebook of the data set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from personalrm.data.fields import Fields, describe, flag, missing, name_text, number, text
from personalrm.data.files import rows
from personalrm.data.formats.base import Format
from personalrm.data.problems import Problems
from personalrm.data.unpacking import structured
from personalrm.errors import DataError, RowError
from personalrm.preferences import Preference

HISTORY = "conversation_history"
MOST = 100.0
"""The highest score. The lowest is 1; 0 is accepted as well."""
SURVEY = ("user_id", "self_description", "system_string", "stated_prefs")
"""Columns by which the survey is recognized."""
_PLAIN = {
    "age": "age",
    "gender": "gender",
    "education": "education",
    "employment_status": "employment",
    "marital_status": "marital status",
    "english_proficiency": "English",
}
_GROUPED = ("religion", "ethnicity")
_PLACES = {"birth_country": "born in", "reside_country": "lives in"}
_UNTOLD = "prefer not to say"


@dataclass(frozen=True, slots=True)
class Person:
    """Survey answers of one user, in the form of the fields of `Preference`."""

    demographics: str | None = None
    stated: Mapping[str, str | float] = field(default_factory=dict)


def rated_turns(row: Fields) -> Iterator[Fields]:
    """Yield a row of ratings for each turn with at least two different scored responses, in order.

    Raises:
        RowError: a turn cannot be read; the turns already yielded are valid.
    """
    conversation, user = _name(row, "conversation_id"), row.get("user_id")
    about = {"user": user, "domain": row.get("conversation_type"), "time": row.get("generated_datetime")}
    context: list[dict[str, str]] = []
    turns = _turns(structured(row[HISTORY], HISTORY))
    for turn, said in turns.items():
        if said.asked is None:
            raise RowError(f"a message of the user in turn {turn}", field=HISTORY, found="none")
        context.append({"role": "user", "content": said.asked})
        responses = said.ratings()
        if len(responses) > 1:
            yield {**about, "id": f"{conversation}-{turn}", "context": list(context), "responses": responses}
        if turn != max(turns):
            context.append({"role": "assistant", "content": said.chosen(turn)})


@dataclass(slots=True)
class _Turn:
    """One turn: the user's message, the chosen responses, and the scores of each response text."""

    asked: str | None = None
    picked: list[str] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=dict)

    def ratings(self) -> list[dict[str, Any]]:
        return [{"content": one, "score": sum(given) / len(given)} for one, given in self.scores.items() if given]

    def chosen(self, turn: int) -> str:
        if len(set(self.picked)) != 1:
            found = f"{len(set(self.picked))} with if_chosen"
            raise RowError(
                f"one chosen response in turn {turn}, which later turns build on", field=HISTORY, found=found
            )
        return self.picked[0]


def _turns(history: object) -> dict[int, _Turn]:
    """The turns by number, in order. Raises RowError for a bad item."""
    if not isinstance(history, list) or not history:
        raise RowError("a list of messages", field=HISTORY, found=describe(history))
    turns: dict[int, _Turn] = {}
    for position, item in enumerate(history):
        where = f"{HISTORY}.{position}"
        if not isinstance(item, Mapping):
            raise RowError("an object with turn, role and content", field=where, found=describe(item))
        _add(turns.setdefault(_turn_number(item, where), _Turn()), item, where)
    return dict(sorted(turns.items()))


def _add(turn: _Turn, item: Fields, where: str) -> None:
    content = text(item.get("content"), f"{where}.content")
    if item.get("role") == "user":
        if turn.asked is not None:
            raise RowError("one message of the user a turn", field=where, found="a second one")
        turn.asked = content
    elif item.get("role") == "model":
        turn.scores.setdefault(content, []).extend(_score(item.get("score"), f"{where}.score"))
        if not missing(item.get("if_chosen")) and flag(item["if_chosen"], f"{where}.if_chosen"):
            turn.picked.append(content)
    else:
        raise RowError("the role user or model", field=f"{where}.role", found=describe(item.get("role")))


def _turn_number(item: Fields, where: str) -> int:
    value = number(item.get("turn"), f"{where}.turn")
    if value < 0 or not value.is_integer():
        raise RowError("a whole number from 0 on", field=f"{where}.turn", found=describe(item.get("turn")))
    return int(value)


def _score(value: object, where: str) -> list[float]:
    if missing(value):
        return []
    score = number(value, where)
    if not 0 <= score <= MOST:
        raise RowError("a score from 1 to 100", field=where, found=describe(value))
    return [score]


def _name(row: Fields, column: str) -> str:
    return name_text(row.get(column), column)


def read_survey(path: str, *, strict: bool = False, problems: Problems | None = None) -> dict[str, Person]:
    """Read the survey; returns survey answers by user id. Rows that cannot be used are counted in ``problems``.

    Raises:
        DataError: the file cannot be read or is not a PRISM survey.
        RowError: the first bad row, if ``strict``.
    """
    people: dict[str, Person] = {}
    for line, row in rows(path):
        try:
            if isinstance(row, RowError):
                raise row
            if not people:
                _check_survey(path, row)
            user = _name(row, "user_id")
            if user in people:
                raise RowError("a user_id not used before", field="user_id", found=f"'{user}' again")
            people[user] = surveyed(row)
        except RowError as error:
            placed = RowError(error.expected, path=path, line=line, field=error.field, found=error.found)
            if strict:
                raise placed from None
            if problems is not None:
                problems.add(placed)
    if not people:
        raise DataError(f"{path}: no row of the PRISM survey can be used")
    return people


def surveyed(row: Fields) -> Person:
    """Convert one row of the survey. Raises RowError if a stated preference is not a number."""
    stated: dict[str, str | float] = {}
    for column in ("self_description", "system_string"):
        if not missing(row.get(column)):
            stated[column] = text(row[column], column)
    wishes = row.get("stated_prefs")
    if not missing(wishes) and not isinstance(wishes, Mapping):
        raise RowError("an object of name: 0 to 100", field="stated_prefs", found=describe(wishes))
    for name, value in (wishes or {}).items():
        if not missing(value):
            where = f"stated_prefs.{name}"
            stated[name] = text(value, where) if name == "other_text" else number(value, where)
    return Person(_demographics(row), stated)


def joined(choice: Preference, people: Mapping[str, Person]) -> Preference:
    """The choice with its user's survey answers; unchanged if the survey has no row of the user."""
    person = people.get(choice.user)
    return choice if person is None else replace(choice, demographics=person.demographics, stated=person.stated)


def _demographics(row: Fields) -> str | None:
    parts = [(label, row.get(column)) for column, label in _PLAIN.items()]
    parts += [(column, _coarse(row.get(column))) for column in _GROUPED]
    location = row.get("location")
    if isinstance(location, Mapping):
        parts += [(label, location.get(column)) for column, label in _PLACES.items()]
    told = [f"{label}: {value}" for label, value in parts if isinstance(value, str) and _is_told(value)]
    return "; ".join(told) or None


def _is_told(value: str) -> bool:
    return bool(value.strip()) and value.strip().lower() != _UNTOLD


def _coarse(value: object) -> object:
    """The coarsest coding available; never the user's own words."""
    if isinstance(value, Mapping):
        return value.get("simplified") or value.get("categorised")
    return None


def _check_survey(path: str, row: Fields) -> None:
    absent = [column for column in SURVEY if column not in row]
    if absent:
        there = ", ".join(list(map(str, row))[:8])
        raise DataError(f"{path} is not a PRISM survey: it has no column {', '.join(absent)}, but {there}")


_READS = ("opening_prompt", "conversation_id", "user_id", "conversation_type", "generated_datetime")
FORMATS = (
    Format(
        "PRISM conversations",
        (HISTORY, "conversation_id"),
        rated_turns,
        _READS,
        accepts=lambda row: "chosen" not in row,
    ),
)
