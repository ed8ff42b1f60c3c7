"""Rejects texts that leak words or topics of the people they were derived from, or assume who a person is.

An optimiser is rewarded for what works on the training people, and an instruction that memorises them works best; a
rubric is shown when another person is judged. So each text is checked before it is used:

* *quote*: five words in a row from a person's context or reason; four content words in a row from any training text
  (responses included), at least one of them outside the vocabulary of preference talk; or seven content words of any
  kind.
* *topic*: a word from a training person's context or reason that is rare over people, and outside the vocabulary of
  preference talk. Rare: under 40 % of the people have it anywhere, responses included, or under five people do.
* *claim*: a sentence that states who the person is, as `synthesis.grounding` finds them in personas.

Preference talk is the vocabulary of the shipped prompts and of ``preference_words.txt``; content words are all but
those of ``function_words.txt``. Words are compared without their endings.

    guard = Guard.of(people)
    guard.refusal("Say what they think of the war in Gaza.")       # "names 1 topic of the training people"
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from personalrm import prompts
from personalrm.preferences import History
from personalrm.synthesis.grounding import invents

OWN_RUN = 5
RUN = 4
LONG_RUN = 7
"""Lengths of the runs of words that count as a quote, see above."""
COMMON = 0.4
"""Share of people from which a word is common, not a topic: 'political' 39 %, 'specific' 54 % of PRISM."""
COMMON_LEAST = 5
LONGEST = 4_000
"""Maximum characters; the shipped prompt has 1,100."""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_ENDINGS = ("ations", "ation", "ively", "ingly", "edly", "ings", "ing", "ness", "ies", "ied", "ers", "ed", "er", "ly",
            "es", "s", "e", "y")  # fmt: skip
_LONGEST_WORD = 60
"""Letters of a word; a longer run of letters has no endings."""
_LEAST_STEM = 4
CARRIES = ("quotes", "names")
"""Prefixes of refusals whose instruction must not be stored, because it holds text of people."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Hashes of the training people's runs of words, and the words that are their topics."""

    own_runs: frozenset[int]
    runs: frozenset[int]
    long_runs: frozenset[int]
    topics: frozenset[str]

    @classmethod
    def of(cls, people: Sequence[History]) -> Guard:
        """The guard for these training people."""
        own, runs, long_runs = set[int](), set[int](), set[int]()
        own_words: set[str] = set()
        document_frequency: Counter[str] = Counter()
        for history in people:
            vocabulary: set[str] = set()
            for text, is_own in _texts(history):
                words = content_words(text)
                vocabulary.update(words)
                runs.update(_runs(words, RUN))
                long_runs.update(_runs(words, LONG_RUN))
                if is_own:
                    own_words.update(words)
                    own.update(_runs(_words(text), OWN_RUN))
            document_frequency.update(vocabulary)
        common = max(COMMON_LEAST, COMMON * len(people))
        topics = frozenset(one for one in own_words - preference_talk() if document_frequency[one] < common)
        return cls(frozenset(own), frozenset(runs), frozenset(long_runs), topics)

    def refusal(self, instruction: str) -> str | None:
        """Why this instruction must not be used; None if it may. The reason holds no text of the people either."""
        text = instruction.strip()
        if not text:
            return "is empty"
        if len(text) > LONGEST:
            return f"is longer than {LONGEST:,} characters"
        if self._quotes(text):
            return "quotes a training person"
        words = content_words(text)
        named = len(self.topics.intersection(words))
        if named:
            return f"names {named} topic{'s' if named > 1 else ''} of the training people"
        if invents(text, ""):
            return "claims who the person is"
        return None

    def _quotes(self, text: str) -> bool:
        words = content_words(text)
        telling = (hash(one) for one in _windows(words, RUN) if not preference_talk().issuperset(one))
        return not (
            self.own_runs.isdisjoint(_runs(_words(text), OWN_RUN))
            and self.runs.isdisjoint(telling)
            and self.long_runs.isdisjoint(_runs(words, LONG_RUN))
        )


def content_words(text: str) -> list[str]:
    """The words without function words and without their endings, in order."""
    return [stem(word) for word in _words(text) if len(word) > 2 and word.replace("'", "") not in _function_words()]


@lru_cache(100_000)
def stem(word: str) -> str:
    """The word without its endings, but at least four letters: ``details`` and ``detailed`` become ``detail``."""
    while len(word) <= _LONGEST_WORD:  # a text without blanks may have a million endings
        ending = next((one for one in _ENDINGS if word.endswith(one) and len(word) - len(one) >= _LEAST_STEM), None)
        if ending is None:
            return word.removesuffix("s") if len(word) == _LEAST_STEM else word
        word = word.removesuffix(ending)
    return word


def _texts(history: History) -> Iterator[tuple[str, bool]]:
    """Every text, and whether it shows the person's topics: conversations and reasons do, responses do not."""
    for choice in history:
        yield from ((turn.content, True) for turn in choice.context)
        yield choice.reason or "", True
        yield choice.chosen, False
        yield choice.rejected, False


def _words(text: str) -> list[str]:
    return [word.replace("’", "'").removesuffix("'s") for word in _WORD.findall(text.casefold())]


def _windows(words: list[str], size: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[at : at + size]) for at in range(len(words) - size + 1))


def _runs(words: list[str], size: int) -> Iterator[int]:
    return map(hash, _windows(words, size))


@cache
def preference_talk() -> frozenset[str]:
    """Stems of the vocabulary of preference talk: that of the shipped prompts, and the list."""
    listed = content_words(_listed("preference_words"))
    shipped = content_words(" ".join(map(prompts.load, prompts.hashes())))
    return frozenset([*listed, *shipped])


@cache
def _function_words() -> frozenset[str]:
    return frozenset(_listed("function_words").split())


def _listed(name: str) -> str:
    return files(__package__ or "").joinpath(f"{name}.txt").read_text("utf-8")
