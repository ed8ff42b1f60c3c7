"""Renders choices and pairs as prompt text.

Untrusted text (conversations, responses, the user's own words) is put between tags. Anything in it that resembles one
of our tags or a chat-template marker is broken up (`prompts.marks`), so that no response can close its own tag, add a
past choice, write a persona or start a turn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from personalrm.formatting.texts import encodable
from personalrm.preferences import Message, Preference
from personalrm.prompts.marks import break_marks

LONGEST_TEXT = 24_000
"""Maximum characters of one response or message in a prompt (6,000 tokens); a longer one loses its middle."""

LONGEST_REMEMBERED = 4_000
"""Maximum characters of a text whose safe form is kept for the next prompt."""


def safe(text: str) -> str:
    """Return the text, without its middle if overlong, and without anything that reads as a tag or marker."""
    if len(text) > LONGEST_TEXT:
        half = LONGEST_TEXT // 2
        text = f"{text[:half]}\n[… {len(text) - 2 * half:,} characters left out …]\n{text[-half:]}"
    return (_remembered if len(text) <= LONGEST_REMEMBERED else _unmarked)(text)


def _unmarked(text: str) -> str:
    return encodable(break_marks(text))


_remembered = lru_cache(maxsize=1024)(_unmarked)
"""A pair is rendered for every arm and order, and as a past choice."""


def conversation(context: Sequence[Message]) -> str:
    """Return the rendered conversation before the responses."""
    turns = "\n".join(f'<message role="{_role(one.role)}">{safe(one.content)}</message>' for one in context)
    return f"<conversation>\n{turns}\n</conversation>"


def pair(context: Sequence[Message], first: str, second: str) -> str:
    """Return the rendered conversation and the two responses to judge, in the order shown."""
    return f"<pair>\n{_body(context, first, second)}\n</pair>"


def past_choice(number: int, choice: Preference, seed: int, why: str | None) -> str:
    """Return a rendered choice with its label, in the order drawn with the seed, and its reasoning if given."""
    first, second = choice.shown(seed)
    words = f"\n<own_words>{safe(choice.reason)}</own_words>" if choice.reason else ""
    explained = f"\n<why>{safe(why)}</why>" if why else ""
    label = choice.preferred_side(seed).upper()
    return (
        f'<past_choice n="{number}">\n{_body(choice.context, first, second)}{words}{explained}\n'
        f"<preferred>{label}</preferred>\n</past_choice>"
    )


def tagged(tag: str, text: str) -> str:
    """Return a text about the user (persona, memory, …) or the query (rubric) between its tags."""
    return f"<{tag}>\n{safe(text)}\n</{tag}>"


def _body(context: Sequence[Message], first: str, second: str) -> str:
    return f"{conversation(context)}\n<response_a>{safe(first)}</response_a>\n<response_b>{safe(second)}</response_b>"


@lru_cache(maxsize=64)
def _role(role: str) -> str:
    return re.sub(r"[^\w .-]", "", role)[:40]
