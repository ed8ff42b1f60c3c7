"""The simulated LLM's prompt parser: naive about tags, so it can be fooled by prompt injection (for tests only).

A block reaches from a closing tag back to the nearest opening one, fields are first matches, and the last persona in
the prompt counts. A prompt that escapes untrusted text is parsed correctly; without escaping, a response that closes
its own tag or contains a persona changes the result.

    asked = read_prompt("Judge.\\n<persona>Likes lists.</persona>\\n<pair>…</pair>")
    asked.persona, asked.pair, asked.past, asked.outside
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

_CLOSING = re.compile(r"</(past_choice|pair|persona|memory|rubric)>")
_NUMBER = re.compile(r'n="?(\w+)')
_LAST_USER = '<message role="user">'


@dataclass(frozen=True, slots=True)
class Pair:
    """Two responses to a conversation; ``question`` is the user's last message."""

    question: str
    a: str
    b: str


@dataclass(frozen=True, slots=True)
class PastChoice:
    """A past choice in the prompt; ``number`` is its number there, ``preferred`` is A or B."""

    number: str
    pair: Pair
    preferred: str
    why: str
    own_words: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The parts of a prompt: ``outside`` is the text outside all blocks, ``past`` the blocks of past choices."""

    outside: str
    past: tuple[str, ...]
    pair: str | None
    persona: str
    own_words: str
    memory: str = ""
    rubric: str = ""


def read_prompt(text: str) -> Asked:
    """Split a prompt into its parts; past choices are not parsed here (they are cached by text)."""
    outside: list[str] = []
    past: list[str] = []
    pair, at = None, 0
    for closing in _CLOSING.finditer(text):
        tag = closing[1]
        start = text.rfind(f"<{tag}", 0, closing.start())
        if start < 0:
            continue
        outside.append(text[at:start])
        at = closing.end()
        block = text[start : closing.start()]
        if tag == "past_choice":
            past.append(block)
        elif tag == "pair" and "<response_a>" in block:
            pair = block
    rest = "\n".join([*outside, text[at:]])
    own_words = _last(rest, "own_words")
    rest = rest.replace(own_words, "") if own_words else rest
    told = (html.unescape(_last(text, tag)) for tag in ("memory", "rubric"))
    return Asked(rest, tuple(past), pair, html.unescape(_last(text, "persona")), html.unescape(own_words), *told)


def read_pair(block: str) -> Pair:
    """The two responses and the question of a block, by first matches; entities are unescaped."""
    start = block.rfind(_LAST_USER, 0, max(0, block.find("<response_a>")))
    question = block[start + len(_LAST_USER) : block.find("</message>", start)] if start >= 0 else ""
    a, b = _first(block, "response_a"), _first(block, "response_b")
    return Pair(html.unescape(question), html.unescape(a), html.unescape(b))


def read_past_choice(block: str) -> PastChoice:
    """One past choice; ``preferred`` is empty if the block's label is neither A nor B."""
    number = _NUMBER.search(block, 0, block.find(">"))
    preferred = _first(block, "preferred").strip().upper()[-1:]
    return PastChoice(
        number=number[1] if number else "",
        pair=read_pair(block),
        preferred=preferred if preferred in ("A", "B") else "",
        why=html.unescape(_first(block, "why")),
        own_words=html.unescape(_first(block, "own_words")),
    )


def _first(text: str, tag: str) -> str:
    start = text.find(f"<{tag}>")
    if start < 0:
        return ""
    end = text.find(f"</{tag}>", start)
    return text[start + len(tag) + 2 : end] if end >= 0 else ""


def _last(text: str, tag: str) -> str:
    end = text.rfind(f"</{tag}>")
    start = text.rfind(f"<{tag}>", 0, max(0, end))
    return text[start + len(tag) + 2 : end] if start >= 0 else ""
