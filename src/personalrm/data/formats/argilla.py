"""Argilla records (`to_json`), and the flat columns of its data sets on the hub (``preference.responses``, …).

The answer to a question is the name of a field or a side, a ranking of fields, a rating of a field, or text. The
answers of each annotator are one choice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from personalrm.data.columns import plain
from personalrm.data.fields import Fields, describe, missing
from personalrm.data.formats.base import Format, names_a_side, one_judged, one_verdict, with_prompt
from personalrm.data.ratings import THUMBS
from personalrm.data.sides import find_sides
from personalrm.data.unpacking import structured
from personalrm.data.winners import as_number
from personalrm.errors import RowError

_SUBMITTED = (None, "submitted", "completed")
_RATED = frozenset(("rating", "score", "stars", "grade", "quality"))
_RESPONSES = ".responses"
_SUGGESTION = "-suggestion"
Answers = dict[str, dict[str, Any]]
"""Answers by annotator and question."""


def records(row: Fields) -> Iterator[Fields]:
    texts, responses = structured(row["fields"], "fields"), structured(row["responses"], "responses")
    if isinstance(responses, list):
        responses = _by_question(responses)
    if not isinstance(texts, Mapping) or not isinstance(responses, Mapping):
        raise RowError("objects of fields and of responses", field="responses", found=describe(responses))
    answers: Answers = {}
    for question, given in responses.items():
        for one in given if isinstance(given, list) else [given]:
            if not isinstance(one, Mapping):
                raise RowError("a response", field=f"responses.{question}", found=describe(one))
            if one.get("status") in _SUBMITTED and not missing(one.get("value")):
                answers.setdefault(str(one.get("user_id") or ""), {})[str(question)] = one["value"]
    said = {"id": row.get("id"), "time": row.get("inserted_at")}
    yield from _choices(texts, answers, said)


def _by_question(responses: Sequence[Any]) -> dict[str, list[Any]]:
    """Answers by question from version 1, which has an item for each annotator with the values of all questions."""
    found: dict[str, list[Any]] = {}
    for one in responses:
        values = one.get("values") if isinstance(one, Mapping) else None
        for question, value in (values or {}).items() if isinstance(values, Mapping | None) else ():
            said = value.get("value") if isinstance(value, Mapping) else value
            found.setdefault(str(question), []).append({**one, "value": said})
    return found


def flat(row: Fields) -> Iterator[Fields]:
    questions = [name.removesuffix(_RESPONSES) for name in row if name.endswith(_RESPONSES)]
    texts = {
        name: value for name, value in row.items() if "." not in name and name not in ("id", "_server_id", "status")
    }
    answers: Answers = {}
    for question in questions:
        values = row[question + _RESPONSES]
        users = row.get(f"{question}.responses.users") or [None] * len(values or ())
        status = row.get(f"{question}.responses.status") or [None] * len(values or ())
        for value, user, state in zip(values or (), users, status, strict=False):
            if state in _SUBMITTED and not missing(value):
                answers.setdefault(str(user or ""), {})[question] = value
    yield from _choices(texts, answers, {"id": row.get("id")})


def _choices(texts: Fields, answers: Answers, said: Fields) -> Iterator[Fields]:
    sides = find_sides(texts).responses.columns
    for user, given in answers.items():
        found = (None if sides else _one_judged(texts, given)) or _compared(texts, given, sides)
        yield {**found, **said, "user": user or None}


def _compared(texts: Fields, given: Mapping[str, Any], sides: Sequence[str]) -> dict[str, Any]:
    """Generic columns from one person's choice, ranking or ratings of several responses."""
    found: dict[str, Any] | None = None
    ratings: dict[str, Any] = {}
    verdicts: dict[str, str] = {}
    reasons: list[str] = []
    for question, value in given.items():
        rated = _field_of(question, texts)
        if isinstance(value, list | dict):
            found = _ranked(texts, value, question)
        elif as_number(value) is not None and rated:
            ratings[rated] = value
        elif isinstance(value, str) and (value in texts or names_a_side(value, texts)):
            verdicts[question] = value
        elif as_number(value) is not None:
            found = found or {**texts, "winner": value}
        else:
            reasons.append(str(value))
    verdict = one_verdict(verdicts, "responses")
    if verdict is not None:
        found = _chosen(texts, verdict, sides)
    if found is None and len(ratings) > 1:
        rest = {name: text for name, text in texts.items() if name not in ratings}
        responses = [{"content": texts[name], "score": value} for name, value in ratings.items()]
        found = {**with_prompt(rest), "responses": responses}
    if found is None:
        raise RowError("a choice, a ranking or ratings of the fields", field="responses", found=", ".join(given))
    return {**found, "reason": "\n".join(reasons) or None}


def _one_judged(texts: Fields, given: Mapping[str, Any]) -> dict[str, Any] | None:
    """Generic columns of a record with one response and its rating or thumb ("good", "no"); None for other records."""
    scores = {name: value for name, value in given.items() if as_number(value) is not None}
    thumbs = {name: one for name, one in given.items() if isinstance(one, str) and one.strip().lower() in THUMBS}
    found = one_judged(texts, [*scores.values()], [*thumbs.values()])
    if found is None:
        return None
    reasons = [str(one) for name, one in given.items() if name not in scores and name not in thumbs]
    return {**found, "reason": "\n".join(reasons) or None}


def _chosen(texts: Fields, value: str, sides: Sequence[str]) -> dict[str, Any]:
    """The named field against the other sides; a value such as "A" or "tie" becomes the ``winner`` column."""
    if value not in texts:
        return {**texts, "winner": value}
    others = [name for name in sides if name != value]
    if value not in sides or not others:
        others = [name for name, text in texts.items() if name != value and isinstance(text, str)][-1:]
    responses = [value, *others]
    rest = {name: text for name, text in texts.items() if name not in responses}
    return {**with_prompt(rest), "responses": [texts[name] for name in responses], "winner": "response 1"}


def _ranked(texts: Fields, value: Any, question: str) -> dict[str, Any]:
    """Responses and ranks from a ranking given as names in order, or as names with ranks."""
    ranks: dict[str, Any] = {}
    for at, one in enumerate(value if isinstance(value, list) else [value], 1):
        name = one.get("value") if isinstance(one, Mapping) else one
        ranks[str(name)] = one.get("rank", at) if isinstance(one, Mapping) else at
    if not ranks or not all(name in texts for name in ranks):
        there = ", ".join(map(str, texts))
        raise RowError(f"a ranking of the fields {there}", field=question, found=", ".join(ranks)[:80])
    rest = {name: text for name, text in texts.items() if name not in ranks}
    return {**with_prompt(rest), "responses": [texts[name] for name in ranks], "ranks": list(ranks.values())}


def _field_of(question: str, texts: Fields) -> str | None:
    """The field that a rating question names, or None."""
    words = plain(question)
    named = next((name for name in texts if plain(name) in words and plain(name) != words), None)
    if named is None and _RATED & {*words.split("_")}:
        sides = find_sides(texts).responses  # "rating_a" of "response_a"
        beside = [column for column, label in zip(*sides, strict=True) if label in words.split("_")]
        named = beside[0] if len(beside) == 1 else None
    return named


def _has_answers(columns: Collection[str]) -> bool:
    return any(name.endswith(_RESPONSES) and f"{name}.users" in columns for name in columns)


def first_version(row: Fields) -> Iterator[Fields]:
    """Columns of version 1 on the hub: each question has a column of answers and one of suggestions."""
    questions = [name.removesuffix(_SUGGESTION) for name in row if name.endswith(_SUGGESTION)]
    beside = ("id", "external_id", "metadata", *questions)
    texts = {name: one for name, one in row.items() if name not in beside and _SUGGESTION not in name}
    yield from records(
        {"id": row.get("id"), "fields": texts, "responses": {name: _rows_of(row[name] or []) for name in questions}}
    )


def by_column(row: Fields) -> Iterator[Fields]:
    """The same without suggestions; `datasets` gives the answers of a question as an object of lists."""
    questions = {name: _rows_of(value) for name, value in row.items() if _are_answers(value)}
    texts = {name: one for name, one in row.items() if name not in ("id", "external_id", "metadata", *questions)}
    yield from records({"id": row.get("id"), "fields": texts, "responses": questions})


def _rows_of(value: Any) -> Any:
    """The answers as objects, if they are an object of lists; else the value."""
    if not isinstance(value, Mapping) or not all(isinstance(one, list) for one in value.values()):
        return value
    return [dict(zip(value, one, strict=False)) for one in zip(*value.values(), strict=False)]


def _are_answers(value: Any) -> bool:
    """Whether a value has the answers to a question: a list of objects, or an object of lists."""
    answers = _rows_of(value)
    first = answers[0] if isinstance(answers, list) and answers else None
    return isinstance(first, Mapping) and {"user_id", "value", "status"} == {*first}


def _has_answered(row: Fields) -> bool:
    return any(_are_answers(value) for value in row.values())


def _may_be_version_1(columns: Collection[str]) -> bool:
    return {"external_id", "metadata"} <= {*columns} and not _has_suggestions(columns)


def _has_suggestions(columns: Collection[str]) -> bool:
    return any(name.endswith(_SUGGESTION) and name.removesuffix(_SUGGESTION) in columns for name in columns)


FORMATS = (
    Format("Argilla data sets on the hub, version 1", (), first_version, also=_has_suggestions, hands_on=True),
    Format("Argilla records", ("fields", "responses"), records, ("id", "inserted_at")),
    Format("Argilla data sets on the hub", (), flat, also=_has_answers, hands_on=True),
    Format(
        "Argilla data sets on the hub, version 1 without suggestions",
        (),
        by_column,
        accepts=_has_answered,
        also=_may_be_version_1,
        hands_on=True,
    ),
)
