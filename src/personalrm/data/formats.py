"""From a row as users have it to choices as the package has them.

| format | columns |
|---|---|
| ours | context, chosen, rejected; user, id, group and what else `Preference` has, as far as known |
| TRL explicit | prompt, chosen, rejected: texts or message lists |
| TRL implicit | chosen, rejected that both begin with the prompt (no prompt or context column) |
| reference package | context, chosen {role, content}, rejected {…}, conversation_id, user_id, chosen_score, … |
| two responses | prompt or context, response_a, response_b, winner (a, b or tie) or label (1: a, 0: b, 0.5: tie) |
| ratings | prompt or context, responses [{content, score}]; or prompt, response, score, one row a response |

Rows of PRISM, Chatbot Arena and MT-Bench as they are published become ratings and two responses before (`published`).

Which one a row is in follows from its columns and the kinds of its values, so that a file may even mix them:

    converted({"user": "ada", "prompt": "Hi", "chosen": "Hello!", "rejected": "?"}, Register(), min_gap=0)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from personalrm.data import columns, ratings
from personalrm.data.conversations import Turns, apart, apart_text, prompt_turns, turns
from personalrm.data.fields import (
    Fields,
    describe,
    encodable,
    first_of,
    flag,
    missing,
    moment,
    name_text,
    number,
    optional_text,
    text,
)
from personalrm.data.identity import Register
from personalrm.errors import RowError
from personalrm.preferences import ME, Message, Part, Preference, group_of, pair_id

KNOWN = (
    "context/prompt + chosen + rejected; chosen + rejected (shared beginning = prompt); "
    "prompt + response_a + response_b + winner; prompt + responses [{content, score}]; "
    "prompt + response + score (one row a response); conversation_history (PRISM); "
    "conversation_a + conversation_b + winner (Chatbot Arena)"
)

_TIE_WORDS = ("tie", "tied", "draw", "both", "equal", "same")


class ColumnsError(RowError):
    """The row's columns fit no known format."""


class Known(NamedTuple):
    """What a row says about its choice, apart from conversation and responses."""

    user: str
    id: str | None
    id_field: str
    row: Fields
    labels: bool = True
    source: str | None = None


def user_of(row: Fields) -> str:
    """Whose choice the row is; ``me`` if it has no such column.

    Raises:
        RowError: the column is there but holds nothing.
    """
    for name in columns.PEOPLE:
        if name in row:
            value = row[name]
            return value if type(value) is str and value.isascii() and value.strip() else name_text(value, name)
    return ME


def given_id(row: Fields) -> tuple[str, str | None]:
    """Field and value of the row's own id; None if it has none."""
    name, value = first_of(row, columns.IDS)
    return name, None if value is None else name_text(value, name)


def check_columns(row: Fields) -> None:
    """Raises `ColumnsError` if the row is in no known format."""
    if "chosen" in row or "rejected" in row or any(a in row and b in row for a, b in columns.SIDES):
        return
    if not any(name in row for name in columns.LISTS):
        there = ", ".join(map(str, row)) or "none"
        raise ColumnsError("the columns of a known format", found=f"the columns {there}")


def converted(
    row: Fields, register: Register, min_gap: float, labels: bool = True, source: str | None = None
) -> tuple[list[Preference], list[RowError], int]:
    """The choices in a row of known columns, the faults of single ones, and how many rated pairs were too close.

    Without ``labels`` nobody looks at which response won: every pair comes out as a tie of two different responses, in
    the order of the row, or of their texts where the order of the row is the label.

    Raises:
        RowError: the row as a whole cannot be used.
    """
    field, own_id = given_id(row)
    known = Known(user_of(row), own_id, field, row, labels, source)
    if "chosen" in row or "rejected" in row:
        return [_chosen(known, register)], [], 0
    for sides in columns.SIDES:
        if sides[0] in row and sides[1] in row:
            return [_labelled(known, sides, register)], [], 0
    return _rated(known, register, min_gap)


def _chosen(known: Known, register: Register) -> Preference:
    row = known.row
    for field in ("chosen", "rejected"):
        value = row.get(field)
        if value is None or value != value:
            found = describe(value) if field in row else "no such column"
            raise RowError("text", field=field, found=found)
    chosen, rejected = row["chosen"], row["rejected"]
    as_text = isinstance(chosen, str) and isinstance(rejected, str)
    if not any(name in row for name in columns.PROMPTS):
        if as_text:
            context, one, other = apart_text(text(chosen, "chosen"), text(rejected, "rejected"))
        else:
            context, one, other = apart((), turns(chosen, "chosen"), turns(rejected, "rejected"))
    elif as_text:
        context, one, other = _context(row), text(chosen, "chosen"), text(rejected, "rejected")
    else:
        context, one, other = apart(_context(row), turns(chosen, "chosen"), turns(rejected, "rejected"))
    if not known.labels:
        return _preference(known, register, context, min(one, other), max(one, other), tie=True, margin=None)
    return _preference(known, register, context, one, other, _is_tie(row), _margin(row))


def _labelled(known: Known, sides: tuple[str, str], register: Register) -> Preference:
    context = _context(known.row)
    if any(not isinstance(known.row[side], str) for side in sides):
        first, second = (turns(known.row[side], side) for side in sides)
        context, a, b = apart(context, first, second)
    else:
        a, b = (text(known.row[side], side) for side in sides)
    if not known.labels:
        return _preference(known, register, context, a, b, tie=True, margin=None)
    share = _share_of_a(known.row)
    chosen, rejected = (b, a) if share < 0.5 else (a, b)
    return _preference(known, register, context, chosen, rejected, tie=share == 0.5, margin=_margin(known.row))


def _rated(known: Known, register: Register, min_gap: float) -> tuple[list[Preference], list[RowError], int]:
    context = _context(known.row)
    responses = ratings.rated(known.row) if known.labels else ratings.unrated(known.row)
    made, too_close = ratings.pairs(responses, min_gap)
    texts = [one.response for one in responses]
    group = group_of(context, min(texts), max(texts))  # the pairs of a row share responses, so they share a group
    choices, faults = [], []
    for pair in made:
        own = known
        if known.id is not None:
            own = known._replace(id=f"{known.id}-{pair_id(known.user, (), pair.chosen, pair.rejected)[:8]}")
        try:
            choices.append(_preference(own, register, context, *pair, group=group))
        except RowError as error:
            faults.append(error)
    return choices, faults, too_close


def _preference(
    known: Known,
    register: Register,
    context: Turns,
    chosen: str,
    rejected: str,
    tie: bool,
    margin: float | None,
    group: str | None = None,
) -> Preference:
    row = known.row
    if chosen == rejected and not (tie and known.labels):
        found = "the chosen response again: nothing to learn from it" if known.labels else "the same response twice"
        second = "rejected" if known.labels else next((b for _, b in columns.SIDES if b in row), "rejected")
        raise RowError("two different responses", field=second, found=found)
    domain, reason = optional_text(row, columns.DOMAINS), optional_text(row, ("reason",))
    demographics = optional_text(row, columns.DEMOGRAPHICS)
    time, judges = moment(*reversed(first_of(row, columns.TIMES))), _judges(row.get("judges"))
    split, stated = _split(row.get("split")), _stated(row.get("stated"))
    own_group = _own_group(row)
    # The id is registered last: a row refused above leaves it free for a sound one.
    if known.id is not None:
        choice_id = register.given(known.user, known.id, known.id_field, known.source or "")
    else:
        label = 2 if tie else int(chosen > rejected)
        choice_id = register.made(pair_id(known.user, context, chosen, rejected), label)
    return Preference(
        id=choice_id,
        user=known.user,
        group=own_group or group or group_of(context, chosen, rejected),
        context=context,
        chosen=chosen,
        rejected=rejected,
        tie=tie,
        domain=domain,
        time=time,
        demographics=demographics,
        reason=reason,
        judges=judges,
        margin=margin,
        split=split,
        stated=stated,
        source=_own_text(row.get("source")) or known.source,
        ranking=_own_text(row.get("ranking")),
        weight=1.0 if missing(row.get("weight")) else number(row["weight"], "weight"),
    )


def _own_text(value: object) -> str | None:
    """Text of our own columns; what other formats keep under the same name is no text."""
    return value if isinstance(value, str) and value else None


def _own_group(row: Fields) -> str | None:
    field, value = first_of(row, columns.GROUPS)
    return None if value is None else name_text(value, field)


def _context(row: Fields) -> Turns:
    field, value = first_of(row, columns.PROMPTS)
    context = prompt_turns(value, field) if field else ()
    system = row.get("system")
    if isinstance(system, str) and system.strip() and not any(turn.role == "system" for turn in context):
        context = (Message("system", encodable(system, "system")), *context)
    return context


def _is_tie(row: Fields) -> bool:
    if not missing(row.get("tie")):
        return flag(row["tie"], "tie")
    winner, label = row.get("winner"), row.get("label")
    if isinstance(winner, str) and winner.strip().lower().startswith(_TIE_WORDS):
        return True
    return str(label) in ("0.5", "0.50") or (isinstance(label, str) and label.strip().lower() == "tie")


def _share_of_a(row: Fields) -> float:
    """1 if a won, 0 if b did, 0.5 for a tie."""
    if not missing(row.get("tie")) and flag(row["tie"], "tie"):
        return 0.5
    field, value = first_of(row, ("winner", "preference", "preferred", "label"))
    if field == "label" and not isinstance(value, bool):
        try:
            share = number(value, field)
        except RowError:
            share = -1.0
        if 0 <= share <= 1:
            return share
    word = value.strip().lower() if isinstance(value, str) else ""
    if word.startswith(_TIE_WORDS):
        return 0.5
    if word.removeprefix("model_").removeprefix("response_") in ("a", "b"):
        return 1.0 if word.endswith("a") else 0.0
    raise RowError("a, b or tie (in label: 1, 0 or 0.5)", field=field or "winner", found=describe(value))


def _margin(row: Fields) -> float | None:
    if not missing(row.get("margin")):
        return number(row["margin"], "margin")
    for better, worse in (("chosen_score", "rejected_score"), ("score_chosen", "score_rejected")):
        if not missing(row.get(better)) and not missing(row.get(worse)):
            return number(row[better], better) - number(row[worse], worse)
    return None


def _judges(value: object) -> dict[str, bool]:
    if missing(value):
        return {}
    if not isinstance(value, Mapping):
        raise RowError("an object of judge: true or false", field="judges", found=describe(value))
    return {
        encodable(str(name), "judges"): flag(verdict, f"judges.{name}")
        for name, verdict in value.items()
        if not missing(verdict)
    }


def _split(value: object) -> Part | None:
    """What the choice is for. Any other word is the user's own (a fold, a source) and says nothing here."""
    return columns.SPLITS.get(value) if isinstance(value, str) else None


def _stated(value: object) -> dict[str, str | float]:
    if missing(value):
        return {}
    if not isinstance(value, Mapping):
        raise RowError("an object of name: text or number", field="stated", found=describe(value))
    return {
        encodable(str(name), "stated"): text(said, f"stated.{name}")
        if isinstance(said, str)
        else number(said, f"stated.{name}")
        for name, said in value.items()
        if not missing(said)
    }
