"""Choices and pairs as the text a model reads.

Untrusted text (conversations, responses, a person's own words) stands between tags. Whatever in it looks like one of
our tags or like a mark of a chat template is broken up (`prompts.marks`), so that no response can close its own tag,
add a past choice, write a persona or open a turn of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from personalrm.preferences import Message, Preference
from personalrm.prompts.marks import break_marks

LONGEST_TEXT = 24_000
"""Characters of one response or message that a model is shown (6,000 tokens); the middle of a longer one is left
out."""


def safe(text: str) -> str:
    """The text with its middle cut if it is over-long, and without anything that reads as a tag or a mark."""
    if len(text) > LONGEST_TEXT:
        half = LONGEST_TEXT // 2
        text = f"{text[:half]}\n[… {len(text) - 2 * half:,} characters left out …]\n{text[-half:]}"
    text = break_marks(text)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text


def conversation(context: Sequence[Message]) -> str:
    """The conversation before the responses."""
    turns = "\n".join(f'<message role="{_role(one.role)}">{safe(one.content)}</message>' for one in context)
    return f"<conversation>\n{turns}\n</conversation>"


def pair(context: Sequence[Message], first: str, second: str) -> str:
    """A conversation and the two responses to judge, in the order shown."""
    return f"<pair>\n{_body(context, first, second)}\n</pair>"


def past_choice(number: int, choice: Preference, seed: int, why: str | None) -> str:
    """A choice with its label, shown in the order that the seed draws for it, and the reasoning if there is one."""
    first, second = choice.shown(seed)
    words = f"\n<own_words>{safe(choice.reason)}</own_words>" if choice.reason else ""
    explained = f"\n<why>{safe(why)}</why>" if why else ""
    label = choice.preferred_side(seed).upper()
    return (
        f'<past_choice n="{number}">\n{_body(choice.context, first, second)}{words}{explained}\n'
        f"<preferred>{label}</preferred>\n</past_choice>"
    )


def tagged(tag: str, text: str) -> str:
    """A text about the person (persona, memory, …) or the query (rubric) between its tags."""
    return f"<{tag}>\n{safe(text)}\n</{tag}>"


def _body(context: Sequence[Message], first: str, second: str) -> str:
    return f"{conversation(context)}\n<response_a>{safe(first)}</response_a>\n<response_b>{safe(second)}</response_b>"


def _role(role: str) -> str:
    return re.sub(r"[^\w .-]", "", role)[:40]
