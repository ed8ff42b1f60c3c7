"""CommunityAlignment: in each turn the annotator chose one of up to four responses, which continues the chat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from personalrm.data.columns import plain
from personalrm.data.fields import NOBODY, Fields, describe, missing
from personalrm.data.formats.base import Format
from personalrm.errors import RowError

TURNS = ("first", "second", "third", "fourth", "fifth")
LETTERS = "abcdefgh"
_ABOUT = ("age", "gender", "country", "education", "education_level", "political", "ethnicity", "religion")


def rows(row: Fields) -> Iterator[Fields]:
    shared = {
        "user": row.get("annotator_id"),
        "group": row.get("conversation_id"),
        "domain": row.get("assigned_lang"),
        "demographics": _demographics(row),
        "time": row.get("created_at"),
    }
    context: list[dict[str, object]] = []
    for number, turn in enumerate(TURNS, 1):
        asked = row.get(f"{turn}_turn_prompt")
        preferred = row.get(f"{turn}_turn_preferred_response")
        if missing(asked) or missing(preferred):
            break
        there = {f"response_{one}": row.get(f"{turn}_turn_response_{one}") for one in LETTERS}
        offered = {name: text for name, text in there.items() if not missing(text)}
        best = _named(preferred, offered)
        if best not in offered:
            field = f"{turn}_turn_preferred_response"
            raise RowError(f"one of {', '.join(offered)}", field=field, found=describe(preferred))
        context.append({"role": "user", "content": asked})
        yield {
            **shared,
            "id": f"{row['conversation_id']}-{number}",
            "context": list(context),
            "responses": list(offered.values()),
            "winner": f"response {list(offered).index(best) + 1}",
            "reason": row.get(f"{turn}_turn_feedback"),
        }
        context.append({"role": "assistant", "content": offered[best]})


def _named(preferred: object, offered: Mapping[str, object]) -> str:
    """The response column that the value names, also for "Response B" or "b"."""
    said = preferred if isinstance(preferred, str) else ""
    short = plain(said)
    column = f"response_{short[-1:]}"
    return column if said not in offered and short in (short[-1:], column) else said


def _demographics(row: Fields) -> str | None:
    told = [(name, row.get(f"annotator_{name}")) for name in _ABOUT]
    known = [
        f"{name.replace('_', ' ')}: {value}"
        for name, value in told
        if isinstance(value, str | int) and not missing(value) and value not in NOBODY
    ]
    return "; ".join(known) or None


FORMATS = (
    Format(
        "CommunityAlignment",
        ("conversation_id", "first_turn_prompt", "first_turn_response_a", "first_turn_preferred_response"),
        rows,
        (
            *("annotator_id", "assigned_lang", "created_at"),
            *(f"annotator_{name}" for name in _ABOUT),
            *(f"{turn}_turn_{name}" for turn in TURNS for name in ("prompt", "preferred_response", "feedback")),
            *(f"{turn}_turn_response_{one}" for turn in TURNS for one in LETTERS),
        ),
    ),
)
