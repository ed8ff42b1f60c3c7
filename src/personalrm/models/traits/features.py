"""Named traits of a response: its form, and its relation to the message it answers.

A text of 250 tokens takes about 80 µs: lower-casing, one byte table that maps everything but letters, digits and
apostrophes to spaces, and ``split``. No regular expression is used on a response, so time is linear in its length.
`reader` computes a matrix for many texts, with the columns ``TRAITS``.

    words = split_words("ten minutes.")                 # ["ten", "minutes"]
    counts_of("Ten minutes.", "ten minutes.", words)    # counts in the order of ``COUNTED``
    read_message("How do I boil an egg?").kinds         # kinds of message in the order of ``KINDS``

A row depends only on one response and its context, so a comparison is the difference of two rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalrm.models.traits import lexicon
from personalrm.preferences import Message

Array = NDArray[np.float64]

# Bytes that belong to words: letters, digits, the apostrophe and all non-ASCII bytes.
_BLANKED = bytes(code if (code >= 128 or chr(code).isalnum() or code == ord("'")) else ord(" ") for code in range(256))
_NOT_UPPER = bytes(code for code in range(256) if not 65 <= code <= 90)
_NOT_DIGIT = bytes(code for code in range(256) if not 48 <= code <= 57)
_ASCII = bytes(range(128))
_TYPOGRAPHIC = (("\u2019", "'"), ("\u2018", "'"), ("\u201c", '"'), ("\u201d", '"'), ("\u2013", "-"), ("\u2014", "-"))
_ROLES = ("user:", "human:", "assistant:", "system:", "question:", "answer:", "<|", "</", "[inst", "response:")
_BULLETS = frozenset("-*•–")

# Counts; the column is log(1 + count).
COUNTED = (
    "sentences", "lines", "paragraphs", "bullets", "numbered items", "headings", "bold", "code", "links", "numbers",
    "capital letters", "exclamation marks", "questions asked", "brackets", "colons", "quotations", "commas",
    "foreign characters", "repeated sentences", "role markers",
)  # fmt: skip
# Values used unchanged.
MARKS = (
    "ends with a question", "ends properly", "ends with an exclamation", "ends with a colon", "starts in lower case",
    "starts with a symbol", "starts with I", "starts with yes", "starts with no", "starts with a greeting",
    "starts with 'as a'", "starts plainly", "variety of words", "repetition",
)  # fmt: skip
RELATIONS = (
    "answers the question's words", "share of the question's words", "opens on the question",
    "stays on the question", "echoes the message", "starts as the message",
)  # fmt: skip
LENGTH_KNOTS = (15, 40, 80, 160, 320)
SHAPES = (
    "length",
    *(f"length beyond {knot} words" for knot in LENGTH_KNOTS),
    "words per sentence",
    "length of words",
    "share of function words",
    "empty",
    "a few words only",
    "share of foreign characters",
    "distance from 90 words",
)
_WORD_TRAITS = tuple(name for name in lexicon.WORDS if name != "function words")
TRAITS: tuple[str, ...] = (*SHAPES, *COUNTED, *MARKS, *_WORD_TRAITS, *lexicon.PHRASES, *RELATIONS)

KINDS: tuple[str, ...] = (
    "a question", "asks for a list", "asks for an opinion", "sets a task", "asks what or who", "asks how", "asks why",
    "asks yes or no", "wants it short", "is personal", "is contested", "is a greeting", "is tiny",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """Measurements of one text: ``words`` in order, their ``ids`` in the vocabulary, ``counts`` by `COUNTED`, ``plain``
    by `MARKS`."""

    words: list[str]
    distinct: frozenset[str]
    ids: list[int]
    counts: list[int]
    plain: list[float]
    phrases: list[int]
    letters: int
    characters: int
    lowered: str


@dataclass(frozen=True, slots=True)
class MessageReading:
    """Measurements of a message: its first 60 characters, the stems of its content words, and its kinds."""

    start: str
    stems: set[str]
    kinds: list[float]


def last_message(context: Sequence[Message]) -> str:
    """The text that the responses answer: the user's last message, else the last message, else empty."""
    for message in reversed(context):
        if message.role == "user":
            return message.content
    return context[-1].content if context else ""


def clean(text: str) -> tuple[str, str]:
    """The text and its lower-case form, both with straight quotes and plain dashes."""
    if not text.isascii():
        for curly, straight in _TYPOGRAPHIC:
            text = text.replace(curly, straight)
    return text, text.lower()


def split_words(lowered: str) -> list[str]:
    """Words of a lower-case text: runs of letters, digits and apostrophes (bytes are 5 times faster than ``re``)."""
    blanked = lowered.encode("utf-8", "replace").translate(_BLANKED)
    return blanked.decode("utf-8", "replace").split()


def _structure(text: str) -> tuple[int, int, int, int, int, int]:
    """Numbers of line breaks, blank lines, bullets, numbered items, headings and repeated lines."""
    lines = text.strip().split("\n")
    if len(lines) == 1 and lines[0][:1] not in _BULLETS:
        return 0, 0, 0, 0, 0, 0
    bullets = numbered = headings = blank = 0
    kept = []
    for line in lines:
        line = line.strip()
        if not line:
            blank += 1
            continue
        kept.append(line)
        head = line[0]
        if head in _BULLETS:
            if line[1:2] == " ":
                bullets += 1
            elif line.startswith("**") and len(line) < 90:
                headings += 1
        elif head.isdigit():
            mark = line.lstrip("0123456789")[:1]
            numbered += mark in (".", ")", ":") and mark != ""
        elif head == "#":
            headings += 1
    repeated = len(kept) - len(set(kept))
    return len(lines) - 1, blank, bullets, numbered, headings, repeated


def counts_of(text: str, lowered: str, words: list[str]) -> list[int]:
    """Counts of a text, in the order of ``COUNTED``."""
    encoded = text.encode("utf-8", "replace")
    lines, paragraphs, bullets, numbered, headings, repeated = _structure(text)
    stops, marks, asked = text.count("."), text.count("!"), text.count("?")
    sentences = text.count(". ") + text.count(".\n") + marks + asked + (text.rstrip()[-1:] == ".")
    parts = lowered.split(". ") if stops > 3 else []
    figures = sum(map(str.isdigit, words)) if encoded.translate(None, _NOT_DIGIT) else 0
    roles = sum(map(lowered.count, _ROLES)) if ":" in text or "<" in text or "[" in text else 0
    return [
        sentences, lines, paragraphs, bullets, numbered, headings, text.count("**") // 2,
        text.count("```") + (text.count("`") > 1), lowered.count("http") + lowered.count("www."), figures,
        max(len(encoded.translate(None, _NOT_UPPER)) - sentences, 0), marks, asked,
        text.count("("), text.count(":"), text.count('"') // 2, text.count(","),
        0 if text.isascii() else len(encoded.translate(None, _ASCII)), len(parts) - len(set(parts)) + repeated, roles,
    ]  # fmt: skip


def marks_of(text: str, words: list[str], distinct: frozenset[str], pairs: int) -> list[float]:
    """Values of a text in the order of ``MARKS``; ``pairs``: number of distinct pairs of neighbouring words."""
    bare = text.strip()
    end, start, first = bare[-1:], bare[:1], words[0] if words else ""
    return [
        end == "?", end != "" and end in ".!?\"')]`", end == "!", end == ":", start.islower(),
        start != "" and not start.isalnum() and start not in "\"*#(", first in ("i", "i'm", "i've"),
        first in lexicon.YES, first in lexicon.NO, first in lexicon.GREETINGS, first == "as", first in lexicon.OPENERS,
        len(distinct) / max(len(words), 1), 1.0 - pairs / max(len(words) - 1, 1) if len(words) > 1 else 0.0,
    ]  # fmt: skip


def _stems(words: Sequence[str]) -> set[str]:
    """The first five letters of each content word, as crude stems: 'translate' and 'translation' match."""
    return {word[:5] for word in words if len(word) > 2 and word not in lexicon.STOP_WORDS}


def relation_of(message: MessageReading, response: Reading) -> list[float]:
    """Relations of a response to its message, in the order of ``RELATIONS``."""
    asked, wanted = message.start, message.stems
    echo = float(len(asked) > 8 and asked in response.lowered)
    start = float(len(asked) > 8 and response.lowered.lstrip()[:30] == asked[:30])
    if not wanted:
        return [0.5, 0.0, 0.5, 0.5, echo, start]
    stems = [word[:5] for word in response.words]
    half = len(stems) // 2
    late = wanted.intersection(stems[half:])
    seen = late.union(wanted.intersection(stems[:half]))
    first = wanted.intersection(stems[:30])
    n = len(wanted)
    return [len(seen) / n, len(seen) / (len(response.distinct) + 5), len(first) / n, len(late) / n, echo, start]


def read_message(text: str) -> MessageReading:
    """Measure a message, of which fewer values are used than of a response."""
    lowered = clean(text)[1]
    words = split_words(lowered)
    return MessageReading(lowered.strip()[:60], _stems(words), _kinds(lowered, words, frozenset(words)))


def _kinds(lowered: str, words: list[str], distinct: frozenset[str]) -> list[float]:
    """Kinds of a message (0 or 1), in the order of ``KINDS``."""
    first = words[0] if words else ""
    return [
        "?" in lowered, not distinct.isdisjoint(lexicon.LIST_WANTED), not distinct.isdisjoint(lexicon.OPINION_WANTED),
        first in lexicon.TASKS, first in lexicon.WHAT, first == "how", "why" in distinct, first in lexicon.YES_NO,
        not distinct.isdisjoint(lexicon.BRIEF_WANTED), not distinct.isdisjoint(lexicon.FEELINGS),
        not distinct.isdisjoint(lexicon.CONTESTED), first in lexicon.GREETINGS, len(words) <= 4,
    ]  # fmt: skip
