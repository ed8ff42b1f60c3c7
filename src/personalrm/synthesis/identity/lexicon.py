"""Identity terms (``terms.txt``), and sentences as tokens.

words = Words.of("They're a single mother of two.")
words.low                                      # ("they", "are", "a", "single", "mother", "of", "two", ".")
term_at(words.low, 3, ROLES)                   # Term(("single", "mother"), "role", "self", "gender")
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

LONGEST_TERM = 4
_WORD = re.compile(r"[^\W_]+(?:[-+][^\W_]+)*\+?|['’](?:s|re|ve|m|d|ll)\b|[^\w\s]")
_SHORT = {
    "’re": "are",
    "'re": "are",
    "’ve": "have",
    "'ve": "have",
    "’m": "am",
    "'m": "am",
    "’ll": "will",
    "'ll": "will",
}
_WRITTEN_OUT = (
    (re.compile(r"\bU\.S\.(?:A\.)?|\bU\.S\b"), "USA"),
    (re.compile(r"\bU\.K\.|\bU\.K\b"), "UK"),
    (re.compile(r"\bPh\. ?D\b\.?", re.IGNORECASE), "PhD"),
    (re.compile(r"\bcan['’]?t\b|\bcannot\b", re.IGNORECASE), "can not"),
    (re.compile(r"n['’]t\b"), " not"),
)
_PRONOUNS = ("he", "she", "they", "who", "it", "that", "there", "what")


@dataclass(frozen=True, slots=True)
class Term:
    """One or several words; ``evidence`` names the kind of self-description needed (``self``, ``have`` or ``live``)."""

    words: tuple[str, ...]
    kind: str
    evidence: str
    category: str


_READING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Words:
    """Tokens of a sentence: as written, and in lower case with contractions expanded."""

    written: tuple[str, ...]
    low: tuple[str, ...]

    @classmethod
    def of(cls, sentence: str) -> Words:
        """Tokenize the sentence; dotted abbreviations become words."""
        for pattern, word in _WRITTEN_OUT:
            sentence = pattern.sub(word, sentence)
        written = tuple(_WORD.findall(sentence))
        low: list[str] = []
        for word in written:
            small = _SHORT.get(word.lower(), word.lower().replace("’", "'"))
            low.append("is" if small == "'s" and low and low[-1] in _PRONOUNS else small)
        return cls(written, tuple(low))


def terms() -> dict[str, tuple[Term, ...]]:
    """Return every term by its first word, longest first; nouns are listed in the plural too."""
    return _lexicon()[0]


def plurals() -> frozenset[str]:
    """Return the last words of the plural nouns for people."""
    return _lexicon()[1]


def _lexicon() -> tuple[dict[str, tuple[Term, ...]], frozenset[str]]:
    """`terms` and `plurals`. The first personas of a run are checked in several threads, of which one reads (30 ms)."""
    with _READING:
        return _read_once()


@cache
def _read_once() -> tuple[dict[str, tuple[Term, ...]], frozenset[str]]:
    found: dict[str, list[Term]] = {}
    people = set()
    for one in _read():
        counted = one.kind in ("role", "thing") and one.words[-1].isalpha()
        several = _plural(one.words) if counted or one.kind == "role" else one.words
        if one.kind == "role":
            people.add(several[-1])
        for words in {one.words, several if counted else one.words}:
            found.setdefault(words[0], []).append(Term(words, one.kind, one.evidence, one.category))
    by_length = {first: tuple(sorted(known, key=lambda one: -len(one.words))) for first, known in found.items()}
    return by_length, frozenset(people)


def term_at(low: Sequence[str], at: int, *kinds: str) -> Term | None:
    """Return the longest term of these kinds that begins at this token, or None."""
    if at >= len(low):
        return None
    for one in terms().get(low[at], ()):
        if one.kind in kinds and tuple(low[at : at + len(one.words)]) == one.words:
            return one
    return None


def _read() -> Iterator[Term]:
    kind = evidence = category = ""
    for line in files(__package__ or "").joinpath("terms.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            kind, evidence, category = line.strip("[]").split()
        elif line and not line.startswith("#"):
            for term in line.split(","):
                yield Term(Words.of(term.strip()).low, kind, evidence, category)


def _plural(words: tuple[str, ...]) -> tuple[str, ...]:
    last = words[-1]
    if last.endswith("man"):
        plural = f"{last[:-3]}men"
    elif last.endswith("child"):
        plural = f"{last}ren"
    elif last.endswith(("s", "x", "ch", "sh")):
        plural = f"{last}es"
    elif last.endswith("y") and last[-2:-1] not in "aeou":
        plural = f"{last[:-1]}ies"
    elif last.endswith("wife"):
        plural = f"{last[:-2]}ves"
    else:
        plural = f"{last}s"
    return (*words[:-1], plural)
