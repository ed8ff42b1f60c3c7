"""The words that say who somebody is (``terms.txt``), and a sentence as words.

words = Words.of("They're a single mother of two.")
words.low                                      # ("they", "are", "a", "single", "mother", "of", "two", ".")
term_at(words.low, 3, ROLES)                   # Term(("single", "mother"), "role", "self", "gender")
"""

from __future__ import annotations

import re
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
    """A word or several; ``evidence`` names what the person must have said (``self``, ``have`` or ``live``)."""

    words: tuple[str, ...]
    kind: str
    evidence: str
    category: str


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence as words and signs: as written, and in small letters with contractions written out."""

    written: tuple[str, ...]
    low: tuple[str, ...]

    @classmethod
    def of(cls, sentence: str) -> Words:
        """Take the sentence apart; dotted abbreviations become words."""
        for pattern, word in _WRITTEN_OUT:
            sentence = pattern.sub(word, sentence)
        written = tuple(_WORD.findall(sentence))
        low: list[str] = []
        for word in written:
            small = _SHORT.get(word.lower(), word.lower().replace("’", "'"))
            low.append("is" if small == "'s" and low and low[-1] in _PRONOUNS else small)
        return cls(written, tuple(low))


@cache
def terms() -> dict[str, tuple[Term, ...]]:
    """Every term by its first word, the longest first; nouns for people and things stand there in the plural too."""
    found: dict[str, list[Term]] = {}
    for one in _read():
        counted = one.kind in ("role", "thing") and one.words[-1].isalpha()
        for words in {one.words, _plural(one.words) if counted else one.words}:
            found.setdefault(words[0], []).append(Term(words, one.kind, one.evidence, one.category))
    return {first: tuple(sorted(known, key=lambda one: -len(one.words))) for first, known in found.items()}


@cache
def plurals() -> frozenset[str]:
    """The last words of nouns for people in the plural."""
    return frozenset(_plural(one.words)[-1] for one in _read() if one.kind == "role")


def term_at(low: Sequence[str], at: int, *kinds: str) -> Term | None:
    """The longest term of these kinds that begins at this word."""
    if at >= len(low):
        return None
    here = tuple(low[at : at + LONGEST_TERM + 1])
    for one in terms().get(low[at], ()):
        if one.kind in kinds and here[: len(one.words)] == one.words:
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
