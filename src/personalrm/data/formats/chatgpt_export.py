"""ChatGPT's data export: conversations without ratings, and ratings without texts. Neither file has a choice."""

from __future__ import annotations

from collections.abc import Iterator

from personalrm.data.fields import Fields
from personalrm.data.formats.base import Format
from personalrm.errors import RowError


def conversations(_: Fields) -> Iterator[Fields]:
    raise RowError(
        "which answer was preferred",
        field="mapping",
        found="a conversation of ChatGPT's export, which has no ratings (those are in message_feedback.json)",
    )


def feedback(_: Fields) -> Iterator[Fields]:
    raise RowError(
        "the text of the rated answer",
        field="rating",
        found="a rating of ChatGPT's export, whose texts are in conversations.json under the message with this id",
    )


FORMATS = (
    Format("ChatGPT conversations", ("mapping", "current_node"), conversations),
    Format("ChatGPT feedback", ("conversation_id", "rating", "create_time", "content"), feedback),
)
