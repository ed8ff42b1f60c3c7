"""Self-descriptions in a user's own words: the evidence that an identity statement in a persona needs.

    said = SelfStatements.of("i am a nurse. my two kids love tram rides. should i ask a doctor?")
    said.state("self", ("nurse",))         # True
    said.state("have", ("kids",))          # True
    said.state("self", ("doctor",))        # False: the doctor is somebody else

A statement is the text after "I am", "as a", "my", "I live" and the like, up to the end of the sentence, at most 60
characters. "If I were a nurse", "I am not a nurse" and "imagine I am a nurse" are not statements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

_REACH = 60
_OWNED = 4
"""Words after "my" that belong to it: "my two young kids", but not all of "my doctor asked me about students"."""
_MOST = 5_000
"""Maximum number of statements that are read."""
_SELF = (
    r"(?:i am|i['’]?m|im|i was|i['’]ve been|i have been|i became|i work|i worked|i study|i studied|i teach|i identify"
    r"|i grew up|my job|my name is|my career|call me|this is|me,|being|as|we are|we['’]re|both|my age|aged|speaking as"
    r"|i consider myself|i come from|i was born|i live|my wife and i|my husband and i)"
)
_HAVE = (
    r"(?:my|our|i have|i['’]ve|i had|i got|we have|we['’]ve|with my|i use|i take|i suffer|i was diagnosed|i attend"
    r"|i go to|i raise|i own|i rent|i earn|i support|i speak|i practi[sc]e|i keep|i hold|i lost|i care for|i run"
    r"|living with|i live with|i deal with|i struggle with|i cope with|i vote|i voted|i believe in|i pray|i follow)"
)
_LIVE = (
    r"(?:i live|we live|i['’]?m (?:from|in|based|living|near)|i am (?:from|in|based|living|near)|i come from|i was born"
    r"|i grew up|i moved|we moved|i reside|my home ?town|my home is|here in|i['’]ve lived|i have lived|i work in"
    r"|i was raised|i stay in|we['’]?re (?:from|in))"
)
_MARKS = {
    "self": re.compile(rf"\b{_SELF}(?![\w’'])"),
    "have": re.compile(rf"\b{_HAVE}(?![\w])"),
    "live": re.compile(rf"\b{_LIVE}(?![\w])"),
}
_SUPPOSED = re.compile(r"\b(?:if|imagine|pretend|suppose|assume|were|wish|not|never|unless|whether)\b")
_DENIALS = frozenset(("not", "never", "no", "t", "hardly", "neither", "isn", "don"))
_END = re.compile(r"[.!?;\n]")
_WORD = re.compile(r"[^\W_]+")
_ONE = {"kid": "child", "kids": "child", "children": "child", "mom": "mother", "mum": "mother", "dad": "father"}
_TENS = {"teens": 10, "twenties": 20, "thirties": 30, "forties": 40, "fifties": 50, "sixties": 60, "seventies": 70,
         "eighties": 80, "nineties": 90}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SelfStatements:
    """Statements of a user about themselves: per kind of evidence, the numbers of the statements with each word."""

    said: Mapping[str, Mapping[str, frozenset[int]]]

    @classmethod
    def of(cls, words: str) -> SelfStatements:
        """Find the statements in a user's own words (lower case)."""
        return cls({kind: _index(_statements(pattern, words)) for kind, pattern in _MARKS.items()})

    def state(self, evidence: str, key: Sequence[str]) -> bool:
        """Return whether one statement holds all of these words; False for no words."""
        wanted = {_form(one) for word in key for one in _WORD.findall(word)}
        kinds = {"self": ("self",), "have": ("have", "self"), "live": ("live",)}[evidence]
        return bool(wanted) and any(_held(wanted, self.said[kind]) for kind in kinds)


@lru_cache(maxsize=16)
def statements_of(words: str) -> SelfStatements:
    """`SelfStatements.of`, cached for the users whose personas are being written (in several threads)."""
    return SelfStatements.of(words)


def _statements(pattern: re.Pattern[str], words: str) -> Iterator[frozenset[str]]:
    for mark in islice(pattern.finditer(words), _MOST):
        after = words[mark.end() : mark.end() + _REACH]
        end = _END.search(after)
        said = after[: end.start()] if end else after
        before = _END.split(words[max(0, mark.start() - _REACH) : mark.start()])[-1]
        held = _WORD.findall(said)
        owned = mark[0] in ("my", "our")
        denied = not owned and not _DENIALS.isdisjoint(held[:_OWNED])
        if not denied and not _SUPPOSED.search(before):
            yield frozenset(_form(one) for one in (held[:_OWNED] if owned else held))


def _index(statements: Iterable[frozenset[str]]) -> Mapping[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for number, words in enumerate(dict.fromkeys(statements)):
        for word in words:
            found.setdefault(word, set()).add(number)
    return {word: frozenset(numbers) for word, numbers in found.items()}


def _held(wanted: set[str], said: Mapping[str, frozenset[int]]) -> bool:
    """Whether one statement holds every word; an age matches its decade."""
    holding = [said.get(one) or _of_decade(one, said) for one in wanted]
    return bool(frozenset.intersection(*holding))


def _of_decade(word: str, said: Mapping[str, frozenset[int]]) -> frozenset[int]:
    tens = _TENS.get(word)
    if tens is None:
        return frozenset()
    return frozenset().union(*(said.get(str(age), frozenset()) for age in range(tens, tens + 10)))


def _form(word: str) -> str:
    """One form for singular and plural, and for common synonyms."""
    word = _ONE.get(word, word)
    if word in _TENS:
        return word
    word = f"{word[:-3]}man" if word.endswith("men") and len(word) > 4 else word
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
