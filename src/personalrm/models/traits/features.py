"""Text to named traits: what a response looks like and how it relates to the message it answers.

A text is read once (``TraitReader.read``, about 80 µs for 250 tokens): lower case, one byte table that turns
everything but letters, digits and apostrophes into blanks, ``split``. No regular expression runs over a response,
so 200,000 characters take time in proportion. The counts of many texts then become one matrix:

    reader = TraitReader()
    rows = reader.rows([("How do I boil an egg?", "Ten minutes."), ("How do I boil an egg?", "I can't help.")])
    rows.traits.shape, rows.words.shape     # (2, len(TRAITS)), (2, number of common words)

Columns of ``traits`` are named by ``TRAITS``; ``kinds`` says what kind of message was answered (``KINDS``).
Every row depends on one response and its context only, so that a comparison is a difference of two rows.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, repeat

import numpy as np
from numpy.typing import NDArray

from personalrm.models.traits import lexicon
from personalrm.preferences import Message

Array = NDArray[np.float64]

# Bytes that stay inside a word: letters, digits, the apostrophe and everything that is not ASCII.
_BLANKED = bytes(code if (code >= 128 or chr(code).isalnum() or code == ord("'")) else ord(" ") for code in range(256))
_NOT_UPPER = bytes(code for code in range(256) if not 65 <= code <= 90)
_NOT_DIGIT = bytes(code for code in range(256) if not 48 <= code <= 57)
_ASCII = bytes(range(128))
_TYPOGRAPHIC = (("\u2019", "'"), ("\u2018", "'"), ("\u201c", '"'), ("\u201d", '"'), ("\u2013", "-"), ("\u2014", "-"))
_ROLES = ("user:", "human:", "assistant:", "system:", "question:", "answer:", "<|", "</", "[inst", "response:")
_BULLETS = frozenset("-*•–")

# What is counted as it stands; the column is log(1 + count).
_COUNTED = (
    "sentences", "lines", "paragraphs", "bullets", "numbered items", "headings", "bold", "code", "links", "numbers",
    "capital letters", "exclamation marks", "questions asked", "brackets", "colons", "quotations", "commas",
    "foreign characters", "repeated sentences", "role markers",
)  # fmt: skip
# What is used as it stands.
_PLAIN = (
    "ends with a question", "ends properly", "ends with an exclamation", "ends with a colon", "starts in lower case",
    "starts with a symbol", "starts with I", "starts with yes", "starts with no", "starts with a greeting",
    "starts with 'as a'", "starts plainly", "variety of words", "repetition",
)  # fmt: skip
_RELATED = (
    "answers the question's words", "share of the question's words", "opens on the question",
    "stays on the question", "echoes the message", "starts as the message",
)  # fmt: skip
LENGTH_KNOTS = (15, 40, 80, 160, 320)
_SHAPES = (
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
TRAITS: tuple[str, ...] = (*_SHAPES, *_COUNTED, *_PLAIN, *_WORD_TRAITS, *lexicon.PHRASES, *_RELATED)

KINDS: tuple[str, ...] = (
    "a question", "asks for a list", "asks for an opinion", "sets a task", "asks what or who", "asks how", "asks why",
    "asks yes or no", "wants it short", "is personal", "is contested", "is a greeting", "is tiny",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """One text, read: ``words`` in order, ``ids`` in the vocabulary, ``counts`` and ``plain`` as named above."""

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
class _Message:
    """A message, read: its first 60 characters, the stems of its content words, its kinds."""

    start: str
    stems: set[str]
    kinds: list[float]


@dataclass(frozen=True, slots=True)
class Rows:
    """Traits (n, T), common words present (n, W) and kinds of message (n, K) of n responses."""

    traits: Array
    words: NDArray[np.float32]
    kinds: Array


def last_message(context: Sequence[Message]) -> str:
    """What the responses answer: the last message of the user, else the last message, else nothing."""
    for message in reversed(context):
        if message.role == "user":
            return message.content
    return context[-1].content if context else ""


def _clean(text: str) -> tuple[str, str]:
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
    """Lines, paragraphs, bullets, numbered items, headings and repeated lines beyond the first."""
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


def _counts(text: str, lowered: str, words: list[str]) -> list[int]:
    """In the order of ``_COUNTED``."""
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


def _plain(text: str, words: list[str], distinct: frozenset[str], pairs: int) -> list[float]:
    """In the order of ``_PLAIN``."""
    bare = text.strip()
    end, start, first = bare[-1:], bare[:1], words[0] if words else ""
    return [
        end == "?", end != "" and end in ".!?\"')]`", end == "!", end == ":", start.islower(),
        start != "" and not start.isalnum() and start not in "\"*#(", first in ("i", "i'm", "i've"),
        first in lexicon.YES, first in lexicon.NO, first in lexicon.GREETINGS, first == "as", first in lexicon.OPENERS,
        len(distinct) / max(len(words), 1), 1.0 - pairs / max(len(words) - 1, 1) if len(words) > 1 else 0.0,
    ]  # fmt: skip


def _stems(words: Sequence[str]) -> set[str]:
    """Content words cut to five letters, so that 'votes' meets 'voting' halfway."""
    return {word[:5] for word in words if len(word) > 2 and word not in lexicon.STOP_WORDS}


def _relation(message: _Message, response: Reading) -> list[float]:
    """In the order of ``_RELATED``."""
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


def _message(text: str) -> _Message:
    """Read a message: less is needed of it than of a response."""
    lowered = _clean(text)[1]
    words = split_words(lowered)
    return _Message(lowered.strip()[:60], _stems(words), _kinds(lowered, words, frozenset(words)))


def _kinds(lowered: str, words: list[str], distinct: frozenset[str]) -> list[float]:
    """In the order of ``KINDS``."""
    first = words[0] if words else ""
    return [
        "?" in lowered, not distinct.isdisjoint(lexicon.LIST_WANTED), not distinct.isdisjoint(lexicon.OPINION_WANTED),
        first in lexicon.TASKS, first in lexicon.WHAT, first == "how", "why" in distinct, first in lexicon.YES_NO,
        not distinct.isdisjoint(lexicon.BRIEF_WANTED), not distinct.isdisjoint(lexicon.FEELINGS),
        not distinct.isdisjoint(lexicon.CONTESTED), first in lexicon.GREETINGS, len(words) <= 4,
    ]  # fmt: skip


class TraitReader:
    """Reads texts and lays their traits out in matrices; keeps the ``remember`` last readings."""

    def __init__(self, *, remember: int = 64) -> None:
        common = lexicon.common_words()
        vocabulary = {word: index for index, word in enumerate(common)}
        for words in lexicon.WORDS.values():
            for word in words:
                vocabulary.setdefault(word, len(vocabulary))
        self.common = len(common)
        self._vocabulary, self._unknown = vocabulary, len(vocabulary)
        self._categories = np.zeros((len(vocabulary) + 1, len(lexicon.WORDS)), dtype=np.float32)
        for column, words in enumerate(lexicon.WORDS.values()):
            self._categories[[vocabulary[word] for word in words], column] = 1.0
        self._phrases = {pair: column for column, pairs in enumerate(lexicon.PHRASES.values()) for pair in pairs}
        self._remember = remember
        self._readings: OrderedDict[str, Reading] = OrderedDict()

    def read(self, text: str) -> Reading:
        """Read one text (or recall it)."""
        known = self._readings.get(text)
        if known is not None:
            self._readings.move_to_end(text)
            return known
        reading = self._read(text)
        self._readings[text] = reading
        if len(self._readings) > self._remember:
            self._readings.popitem(last=False)
        return reading

    def _read(self, text: str) -> Reading:
        plain, lowered = _clean(text)
        words = split_words(lowered)
        distinct = frozenset(words)
        pairs = set(pairwise(words))
        return Reading(
            words=words,
            distinct=distinct,
            ids=list(map(self._vocabulary.get, words, repeat(self._unknown))),
            counts=_counts(plain, lowered, words),
            plain=_plain(plain, words, distinct, len(pairs)),
            phrases=[self._phrases[pair] for pair in self._phrases.keys() & pairs],
            letters=sum(map(len, words)),
            characters=len(text),
            lowered=lowered,
        )

    def rows(self, pairs: Sequence[tuple[str, str]]) -> Rows:
        """Traits of n (message, response) pairs."""
        messages = {asked: _message(asked) for asked in dict.fromkeys(asked for asked, _ in pairs)}
        responses = [self.read(answer) for _, answer in pairs]
        related = [_relation(messages[asked], one) for (asked, _), one in zip(pairs, responses, strict=True)]
        kinds = [messages[asked].kinds for asked, _ in pairs]
        tally = self._tally([response.ids for response in responses], self._unknown + 1)
        return Rows(
            _assemble(responses, tally @ self._categories, np.array(related, dtype=float)),
            np.minimum(tally[:, : self.common], 1.0),
            np.array(kinds, dtype=float).reshape(len(pairs), len(KINDS)),
        )

    @staticmethod
    def _tally(ids: list[list[int]], width: int) -> NDArray[np.float32]:
        """Counts (n, width) of the ids of n texts, by one bincount over all."""
        sizes = [len(one) for one in ids]
        flat = np.fromiter(chain.from_iterable(ids), dtype=np.int64, count=sum(sizes))
        flat += np.repeat(np.arange(len(ids), dtype=np.int64) * width, sizes)
        return np.bincount(flat, minlength=len(ids) * width).reshape(len(ids), width).astype(np.float32)


def _assemble(responses: list[Reading], categories: NDArray[np.float32], related: Array) -> Array:
    """The columns of ``TRAITS`` from readings, word categories (n, C) and relations (n, R)."""
    n = len(responses)
    counts = np.array([one.counts for one in responses], dtype=float).reshape(n, len(_COUNTED))
    plain = np.array([one.plain for one in responses], dtype=float).reshape(n, len(_PLAIN))
    size = np.array([(len(one.words), one.letters, one.characters) for one in responses], dtype=float).reshape(n, 3)
    phrases = np.zeros((n, len(lexicon.PHRASES)))
    for row, one in enumerate(responses):
        for column in one.phrases:
            phrases[row, column] += 1.0
    function = list(lexicon.WORDS).index("function words")
    shares = categories[:, function] / np.maximum(size[:, 0], 5.0)
    return np.hstack(
        [
            _shapes(size, counts[:, 0], shares, counts[:, _COUNTED.index("foreign characters")]),
            np.log1p(counts),
            plain,
            np.log1p(np.delete(categories, function, axis=1)),
            np.log1p(phrases),
            related.reshape(n, len(_RELATED)),
        ]
    )


def _shapes(size: Array, sentences: Array, function_share: Array, foreign: Array) -> Array:
    """In the order of ``_SHAPES``; length bends at the knots, so that more can become too much."""
    words = size[:, 0]
    length = np.log1p(words)
    bends = [np.maximum(length - np.log1p(knot), 0.0) for knot in LENGTH_KNOTS]
    columns = [
        length,
        *bends,
        np.log1p(words / np.maximum(sentences, 1.0)),
        np.minimum(size[:, 1] / np.maximum(words, 1.0), 12.0),
        function_share,
        (words < 3).astype(float),
        (words < 8).astype(float),
        foreign / np.maximum(size[:, 2], 1.0),
        np.abs(length - 4.5),
    ]
    return np.stack(columns, axis=1)
