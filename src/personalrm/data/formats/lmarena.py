"""Chatbot Arena as published (33k, 55k, 100k, 140k), and MT-Bench: votes on two conversations with equal questions.

    battle(row)                                          # the row as two responses with a winner, in generic columns
    accepts(row, ArenaFilter(languages=("English",)))    # whether the row passes the filter

The user (`judge`, `judge_hash`; not identified in the 55k and 140k sets) wrote the same questions to two models and
voted on the two conversations as a whole. The identical messages at the beginning are the context. The rest of each
side is its response: one answer for votes after one turn (nearly all), or a transcript from the first different answer
on for longer conversations. Thus everything that was voted on is included, no side's earlier answers are in the other's
context, and the split does not depend on the vote.

MT-Bench's votes have the same columns; `turn` gives the turn after which the vote was cast, and later turns are cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from personalrm.data.contents import messages
from personalrm.data.fields import Fields, describe, first_of, flag, missing, number, without
from personalrm.data.formats.base import Format
from personalrm.data.unpacking import structured
from personalrm.errors import RowError
from personalrm.preferences import Message

A, B = "conversation_a", "conversation_b"
_ONE_HOT = ("winner_model_a", "winner_model_b", "winner_tie")
_PEOPLE, _IDS, _TIMES = ("judge", "judge_hash", "user_id"), ("question_id", "id"), ("tstamp", "timestamp")
_SPEAKER = {"user": "User", "assistant": "Assistant"}


@dataclass(frozen=True, slots=True)
class ArenaFilter:
    """A filter of rows.

    Attributes:
        languages: accepted values of the column `language`; all if empty.
        anonymous_only: accept only votes cast before the models' names were shown (`anony`).
        leave_out_toxic: reject rows flagged by a moderation model (`toxic_chat_tag`, `openai_moderation`).
    """

    languages: tuple[str, ...] = ()
    anonymous_only: bool = False
    leave_out_toxic: bool = False


def accepts(row: Fields, arena_filter: ArenaFilter) -> bool:
    """Whether the row passes the filter; a missing language or anonymity fails, a missing moderation result passes."""
    languages = {one.lower() for one in arena_filter.languages}
    if languages and str(row.get("language")).lower() not in languages:
        return False
    if arena_filter.anonymous_only and row.get("anony") is not True:
        return False
    return not (arena_filter.leave_out_toxic and _is_toxic(row))


def battle(row: Fields) -> dict[str, Any]:
    """Convert a row to generic columns: user, id, context, response_a, response_b, winner, domain (language), time.

    Raises:
        RowError: the sides have different questions, or one of them does not end with an answer.
    """
    turn = row.get("turn")
    one, other = (_until(messages(row[side], side), turn) for side in (A, B))
    for side, said in ((A, one), (B, other)):
        if not said or said[-1].role != "assistant":
            raise RowError("a conversation that ends with an answer", field=side, found=describe(row[side]))
    if _questions(one) != _questions(other):
        raise RowError(f"the same user turns as in {A}", field=B, found="different ones")
    shared = _shared(one, other)
    return {
        "user": first_of(row, _PEOPLE)[1],
        "id": first_of(row, _IDS)[1],
        "context": [{"role": message.role, "content": message.content} for message in one[:shared]],
        "response_a": _transcript(one[shared:]),
        "response_b": _transcript(other[shared:]),
        "winner": row.get("winner"),
        "domain": row.get("language"),
        "time": first_of(row, _TIMES)[1],
        "reason": row.get("reason"),
        "model_a": row.get("model_a"),
        "model_b": row.get("model_b"),
    }


def lists(row: Fields) -> dict[str, Any]:
    """Convert a row of the 55k set, whose prompt and responses are lists with an item for each turn, like `battle`.

    Raises:
        RowError: the lists differ in length, or not exactly one of the three winner columns is 1.
    """
    asked = _items(row, "prompt")
    won = [name for name in _ONE_HOT if not missing(row.get(name)) and flag(row[name], name)]
    if len(won) != 1:
        raise RowError("1 in exactly one of " + ", ".join(_ONE_HOT), field=_ONE_HOT[0], found=f"{len(won)} of them")
    rest = without(row, *_ONE_HOT, "prompt", "response_a", "response_b")
    told = {**rest, "winner": won[0].removeprefix("winner_")}
    for side, column in ((A, "response_a"), (B, "response_b")):
        answers = _items(row, column)
        if len(answers) != len(asked):
            raise RowError(f"{len(asked)} items, one for each turn", field=column, found=f"{len(answers)}")
        told[side] = [
            {"role": role, "content": said}
            for pair in zip(asked, answers, strict=True)
            for role, said in zip(("user", "assistant"), pair, strict=True)
        ]
    return battle(told)


def _items(row: Fields, column: str) -> list[str]:
    value = structured(row[column], column)
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed:
        raise RowError("a list with a text for each turn", field=column, found=describe(listed))
    return ["" if missing(one) else one for one in listed]


def _battles(row: Fields) -> Iterator[Fields]:
    yield battle(row)


def _of_lists(row: Fields) -> Iterator[Fields]:
    yield lists(row)


def _until(said: tuple[Message, ...], turn: object) -> tuple[Message, ...]:
    """The messages up to the end of a turn; all messages if no turn is given."""
    if missing(turn):
        return said
    last, asked = number(turn, "turn"), 0
    for position, message in enumerate(said):
        asked += message.role == "user"
        if asked > last:
            return said[:position]
    return said


def _questions(said: tuple[Message, ...]) -> list[tuple[int, str]]:
    """All messages that are not answers, with their indices."""
    return [(at, message.content) for at, message in enumerate(said) if message.role != "assistant"]


def _shared(one: tuple[Message, ...], other: tuple[Message, ...]) -> int:
    """Number of identical messages at the beginning of both sides, never including the last answer."""
    most = min(len(one), len(other)) - 1
    return next((at for at in range(most) if one[at] != other[at]), most)


def _transcript(said: tuple[Message, ...]) -> str:
    first, *later = said
    lines = [f"{_SPEAKER.get(message.role, message.role)}: {message.content}" for message in later]
    return "\n\n".join([first.content, *lines])


def _is_toxic(row: Fields) -> bool:
    """Whether any moderation model flagged the row."""
    tags = row.get("toxic_chat_tag")
    verdicts = list(tags.values()) if isinstance(tags, Mapping) else []
    verdicts.append(row.get("openai_moderation"))
    return any(
        isinstance(verdict, Mapping) and not missing(verdict.get("flagged")) and flag(verdict["flagged"], "flagged")
        for verdict in verdicts
    )


_READS = (*_PEOPLE, *_IDS, *_TIMES, "language", "turn", "model_a", "model_b", "reason", "anony")
FORMATS = (
    Format("Chatbot Arena (33k, 100k, 140k) and MT-Bench", (A, B, "winner"), _battles, _READS),
    Format("LMArena 55k", ("prompt", "response_a", "response_b", *_ONE_HOT), _of_lists, _READS),
)
