"""Tables of crowdsourcing platforms, with a prefix that marks each column as input or answer.

Amazon Mechanical Turk: ``Input.prompt``, ``Answer.preference`` (also a column of true and false for each answer, or all
answers as JSON in ``Answer.taskAnswers``), ``WorkerId``. Toloka: ``INPUT:prompt``, ``OUTPUT:result``,
``ASSIGNMENT:worker_id``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from personalrm.data.columns import ROLES, plain
from personalrm.data.fields import Fields, missing
from personalrm.data.formats.base import Format, names_a_side
from personalrm.data.unpacking import structured

_SHOWN, _ANSWERED, _ABOUT = ("Input.", "INPUT:"), ("Answer.", "OUTPUT:"), ("ASSIGNMENT:",)
_JSON = "Answer.taskAnswers"


def rows(row: Fields) -> Iterator[Fields]:
    shown = {_stem(name): value for name, value in row.items() if name.startswith(_SHOWN)}
    answers = {_stem(name): value for name, value in row.items() if name.startswith(_ANSWERED) and name != _JSON}
    answers = _one_of_each(answers | _as_json(row.get(_JSON)))
    if not any(plain(name) in ROLES["winner"] for name in answers):
        sides = [name for name, value in answers.items() if names_a_side(value, shown)]
        if len(sides) == 1:
            answers["winner"] = answers.pop(sides[0])
    about = {_stem(name): value for name, value in row.items() if name.startswith(_ABOUT)}
    about |= {"user": row["WorkerId"]} if "WorkerId" in row else {}
    yield {**shown, **answers, **about}


def _stem(name: str) -> str:
    return name.partition(":" if ":" in name else ".")[2]


def _as_json(value: Any) -> dict[str, Any]:
    """Answers from JSON: a list with one object, in which a choice is an object of options with true or false."""
    found = structured(value, _JSON)
    found = found[0] if isinstance(found, list) and found else found
    answers: dict[str, Any] = {}
    for name, said in found.items() if isinstance(found, Mapping) else ():
        if isinstance(said, Mapping):
            answers |= {f"{name}.{option}": given for option, given in said.items()}
        else:
            answers[str(name)] = said
    return answers


def _one_of_each(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge options into one answer: ``{"best.a": "true", "best.b": "false"}`` becomes ``{"best": "a"}``."""
    found: dict[str, Any] = {}
    for name, value in answers.items():
        question, dot, option = name.rpartition(".")
        if not dot or (str(value).strip().lower() not in ("true", "false") and not missing(value)):
            found[name] = value
        elif str(value).strip().lower() == "true":
            found[question] = option
    return found


def _is_table(columns: Collection[str]) -> bool:
    return all(any(name.startswith(one) for name in columns) for one in (_SHOWN, _ANSWERED))


FORMATS = (Format("Mechanical Turk and Toloka tables", (), rows, also=_is_table, hands_on=True),)
