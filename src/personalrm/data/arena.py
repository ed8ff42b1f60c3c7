"""Chatbot Arena as it is published: two conversations with the same questions, and which of them a person preferred.

    battle(row)                                          # the row as two responses with a winner, in columns we know
    wanted(row, ArenaFilter(languages=("English",)))            # whether to take this row at all

The person (`judge`) wrote the same questions to two models and voted on the two conversations as wholes. What both
sides share, to the last word, is the context. What follows on a side is its response: one answer in a vote after one
turn (nearly all), and a transcript from the first answer that differs in a longer one. So nothing that was voted on is
left out, neither side's earlier answers stand as the truth in the other's context, and nothing depends on the vote.

MT-Bench's votes have the same columns, where `turn` says after which turn it was voted: what was said later is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from personalrm.data.fields import Fields, describe, flag, messages, missing, name_text, number
from personalrm.errors import RowError
from personalrm.preferences import Message

A, B = "conversation_a", "conversation_b"
_SPEAKER = {"user": "User", "assistant": "Assistant"}


@dataclass(frozen=True, slots=True)
class ArenaFilter:
    """Which rows to take.

    Attributes:
        languages: only these, by the column `language`; all if empty.
        anonymous_only: only votes cast before the models' names were shown (`anony`).
        leave_out_toxic: not those that a moderation model flagged (`toxic_chat_tag`, `openai_moderation`).
    """

    languages: tuple[str, ...] = ()
    anonymous_only: bool = False
    leave_out_toxic: bool = False


def is_battle(row: Fields) -> bool:
    """Whether the row is a vote on two conversations."""
    return A in row and B in row


def accepts(row: Fields, wish: ArenaFilter) -> bool:
    """Whether the row is to be taken; what a row does not say counts against it only for language and anonymity."""
    if wish.languages and str(row.get("language")).lower() not in {one.lower() for one in wish.languages}:
        return False
    if wish.anonymous_only and row.get("anony") is not True:
        return False
    return not (wish.leave_out_toxic and _is_toxic(row))


def battle(row: Fields) -> dict[str, Any]:
    """The row in our columns: user, id, context, response_a, response_b, winner, domain (the language), time.

    Raises:
        RowError: the sides hold different questions, or one of them does not end in an answer.
    """
    turn = row.get("turn")
    one, other = (_until(messages(row[side], side), turn) for side in (A, B))
    for side, said in ((A, one), (B, other)):
        if not said or said[-1].role != "assistant":
            raise RowError("a conversation that ends in an answer", field=side, found=describe(row[side]))
    if _questions(one) != _questions(other):
        raise RowError(f"the same user turns as in {A}", field=B, found="others")
    shared = _shared(one, other)
    return {
        "user": name_text(row.get("judge"), "judge"),
        "id": row.get("question_id"),
        "context": [{"role": message.role, "content": message.content} for message in one[:shared]],
        "response_a": _transcript(one[shared:]),
        "response_b": _transcript(other[shared:]),
        "winner": row.get("winner"),
        "domain": row.get("language"),
        "time": row.get("tstamp"),
    }


def _until(said: tuple[Message, ...], turn: object) -> tuple[Message, ...]:
    """What was said up to the end of that turn; everything if no turn is given."""
    if missing(turn):
        return said
    last, asked = number(turn, "turn"), 0
    for position, message in enumerate(said):
        asked += message.role == "user"
        if asked > last:
            return said[:position]
    return said


def _questions(said: tuple[Message, ...]) -> list[tuple[int, str]]:
    """Every message that is no answer, with its place."""
    return [(at, message.content) for at, message in enumerate(said) if message.role != "assistant"]


def _shared(one: tuple[Message, ...], other: tuple[Message, ...]) -> int:
    """How many messages both sides begin with; the last answer is never among them."""
    most = min(len(one), len(other)) - 1
    return next((at for at in range(most) if one[at] != other[at]), most)


def _transcript(said: tuple[Message, ...]) -> str:
    first, *later = said
    lines = [f"{_SPEAKER.get(message.role, message.role)}: {message.content}" for message in later]
    return "\n\n".join([first.content, *lines])


def _is_toxic(row: Fields) -> bool:
    """Whether any of the moderation models said so."""
    tags = row.get("toxic_chat_tag")
    verdicts = list(tags.values()) if isinstance(tags, Mapping) else []
    verdicts.append(row.get("openai_moderation"))
    return any(
        isinstance(verdict, Mapping) and not missing(verdict.get("flagged")) and flag(verdict["flagged"], "flagged")
        for verdict in verdicts
    )
