"""Traits of many texts as matrices.

    reader = TraitReader()
    rows = reader.rows([("How do I boil an egg?", "Ten minutes."), ("How do I boil an egg?", "I can't help.")])
    rows.traits.shape, rows.words.shape     # (2, len(TRAITS)), (2, number of common words)

Recent rows are cached by a hash of their texts (0.5 kB per row); the texts are not stored.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain, pairwise, repeat

import numpy as np
from numpy.typing import NDArray

from personalrm.models.traits import lexicon
from personalrm.models.traits.features import (
    COUNTED,
    KINDS,
    LENGTH_KNOTS,
    MARKS,
    RELATIONS,
    TRAITS,
    Array,
    Reading,
    clean,
    counts_of,
    marks_of,
    read_message,
    relation_of,
    split_words,
)

REMEMBERED = 8_192
"""Maximum rows in a reader's cache: 5 MB."""
_CHUNK = 64  # responses processed at once; more would exceed the CPU cache
_Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Rows:
    """Traits (n, T), common words present (n, W) and kinds of message (n, K) of n responses."""

    traits: Array
    words: NDArray[np.float32]
    kinds: Array

    def packed(self) -> list[bytes]:
        """Each row as compact bytes, with traits in single precision."""
        traits = np.ascontiguousarray(self.traits, dtype=np.float32).view(np.uint8)
        words = np.packbits(self.words > 0, axis=1)
        return [row.tobytes() for row in np.hstack([traits, self.kinds.astype(np.uint8), words])]

    @classmethod
    def unpacked(cls, rows: Sequence[bytes], words: int) -> Rows:
        """The inverse of `packed`."""
        width = 4 * len(TRAITS)
        row_bytes = width + len(KINDS) + (words + 7) // 8
        all_bytes = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), row_bytes)
        traits = np.ascontiguousarray(all_bytes[:, :width]).view(np.float32).astype(float)
        bits = np.unpackbits(all_bytes[:, width + len(KINDS) :], axis=1, count=words)
        return cls(traits, bits.astype(np.float32), all_bytes[:, width : width + len(KINDS)].astype(float))


class TraitReader:
    """Computes traits of texts; caches the last ``remember`` rows. Several threads may use one reader."""

    def __init__(self, *, remember: int = REMEMBERED) -> None:
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
        self._known: OrderedDict[bytes, bytes] = OrderedDict()

    def rows(self, pairs: Sequence[tuple[str, str]]) -> Rows:
        """Features of n (message, response) pairs."""
        keys = [_key(*pair) for pair in pairs]
        found = {key: row for key in keys if (row := self._known.get(key)) is not None}
        new = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in found}
        texts = list(new.values())
        read = [self._rows(texts[at : at + _CHUNK]).packed() for at in range(0, len(texts), _CHUNK)]
        fresh = dict(zip(new, chain.from_iterable(read), strict=True))
        self._known.update(fresh)
        while len(self._known) > self._remember:
            self._known.popitem(last=False)
        return Rows.unpacked([found.get(key) or fresh[key] for key in keys], self.common)

    def _rows(self, pairs: Sequence[tuple[str, str]]) -> Rows:
        messages = {asked: read_message(asked) for asked in dict.fromkeys(asked for asked, _ in pairs)}
        responses = [self._read(answer) for _, answer in pairs]
        related = [relation_of(messages[asked], one) for (asked, _), one in zip(pairs, responses, strict=True)]
        kinds = [messages[asked].kinds for asked, _ in pairs]
        tally = self._tally([response.ids for response in responses], self._unknown + 1)
        return Rows(
            _assemble(responses, tally @ self._categories, np.array(related, dtype=float)),
            np.minimum(tally[:, : self.common], 1.0),
            np.array(kinds, dtype=float).reshape(len(pairs), len(KINDS)),
        )

    def _read(self, text: str) -> Reading:
        plain, lowered = clean(text)
        words = split_words(lowered)
        distinct = frozenset(words)
        pairs = set(pairwise(words))
        return Reading(
            words=words,
            distinct=distinct,
            ids=list(map(self._vocabulary.get, words, repeat(self._unknown))),
            counts=counts_of(plain, lowered, words),
            plain=marks_of(plain, words, distinct, len(pairs)),
            phrases=[self._phrases[pair] for pair in self._phrases.keys() & pairs],
            letters=len("".join(words)),
            characters=len(text),
            lowered=lowered,
        )

    @staticmethod
    def _tally(ids: list[list[int]], width: int) -> NDArray[np.float32]:
        """Counts (n, width) of the word ids of n texts, with one bincount."""
        sizes = [len(one) for one in ids]
        flat = np.fromiter(chain.from_iterable(ids), dtype=np.int64, count=sum(sizes))
        flat += np.repeat(np.arange(len(ids), dtype=np.int64) * width, sizes)
        return np.bincount(flat, minlength=len(ids) * width).reshape(len(ids), width).astype(np.float32)


def _key(message: str, response: str) -> bytes:
    """Cache key of a message and a response: a hash of 16 bytes."""
    both = f"{len(message)}\0{message}{response}"
    return blake2b(both.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _assemble(responses: list[Reading], categories: NDArray[np.float32], related: Array) -> Array:
    """The columns of ``TRAITS`` (n, T) from readings, word categories (n, C) and relations (n, R)."""
    n = len(responses)
    counts = np.array([one.counts for one in responses], dtype=float).reshape(n, len(COUNTED))
    plain = np.array([one.plain for one in responses], dtype=float).reshape(n, len(MARKS))
    size = np.array([(len(one.words), one.letters, one.characters) for one in responses], dtype=float).reshape(n, 3)
    phrases = np.zeros((n, len(lexicon.PHRASES)))
    for row, one in enumerate(responses):
        for column in one.phrases:
            phrases[row, column] += 1.0
    function = list(lexicon.WORDS).index("function words")
    shares = categories[:, function] / np.maximum(size[:, 0], 5.0)
    return np.hstack(
        [
            _shapes(size, counts[:, 0], shares, counts[:, COUNTED.index("foreign characters")]),
            np.log1p(counts),
            plain,
            np.log1p(np.delete(categories, function, axis=1)),
            np.log1p(phrases),
            related.reshape(n, len(RELATIONS)),
        ]
    )


def _shapes(size: Array, sentences: Array, function_share: Array, foreign: Array) -> Array:
    """Columns in the order of ``SHAPES``; log length is piecewise linear with knots, so its effect can change sign."""
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
