"""What a text that others will read may not carry: words of the people it was drawn from, their topics, or guesses who
they are.

An optimiser is rewarded for what works on the people it sees, and an instruction that remembers them works best on
them; a scheme of criteria is shown where another person is judged for. So each is read before it is used:

* *quote*: five words in a row from a person's context or reason; four content words in a row from any training text
  (responses included), at least one of them no word of preference talk; or seven content words, whatever they are.
* *topic*: a word that a training person's context or reason holds, that is rare over people, and that is no word of
  preference talk. Rare: under 40 % of the people have it anywhere, responses included, or under five people do.
* *claim*: a sentence that says who the person is, as `synthesis.grounding` finds them in personas.

Preference talk are the words of the prompts that ship and of ``preference_words.txt``; ``function_words.txt`` are no
content words and the four and seven are counted without them. Words are compared without their endings.

    guard = Guard.of(people)
    guard.refusal("Say what they think of the war in Gaza.")       # "names 1 topic of the training people"
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from personalrm import prompts
from personalrm.preferences import History
from personalrm.synthesis.grounding import invents

OWN_RUN = 5
RUN = 4
LONG_RUN = 7
"""Words in a row that are a quote, see above."""
COMMON = 0.4
"""Share of the people from which on a word is everybody's, not a topic: 'political' 39 %, 'specific' 54 % of PRISM."""
COMMON_LEAST = 5
LONGEST = 4_000
"""Characters; the prompt that ships has 1,100."""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_ENDINGS = ("ations", "ation", "ively", "ingly", "edly", "ings", "ing", "ness", "ies", "ied", "ers", "ed", "er", "ly",
            "es", "s", "e", "y")  # fmt: skip
_LEAST_STEM = 4
CARRIES = ("quotes", "names")
"""How refusals begin whose text must not be kept: it holds what people said."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What is known of the training people: hashes of their runs of words, and the words that are topics of theirs."""

    own_runs: frozenset[int]
    runs: frozenset[int]
    long_runs: frozenset[int]
    topics: frozenset[str]

    @classmethod
    def of(cls, people: Sequence[History]) -> Guard:
        """The guard for these training people."""
        own, runs, long_runs = set[int](), set[int](), set[int]()
        said: set[str] = set()
        spread: Counter[str] = Counter()
        for history in people:
            everything: set[str] = set()
            for text, is_own in _texts(history):
                words = content_words(text)
                everything.update(words)
                runs.update(_runs(words, RUN))
                long_runs.update(_runs(words, LONG_RUN))
                if is_own:
                    said.update(words)
                    own.update(_runs(_words(text), OWN_RUN))
            spread.update(everything)
        common = max(COMMON_LEAST, COMMON * len(people))
        topics = frozenset(one for one in said - _talk() if spread[one] < common)
        return cls(frozenset(own), frozenset(runs), frozenset(long_runs), topics)

    def refusal(self, instruction: str) -> str | None:
        """Why this instruction must not be used; None if it may. The reason holds nothing of the people either."""
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
        telling = (hash(one) for one in _windows(words, RUN) if not _talk().issuperset(one))
        return not (
            self.own_runs.isdisjoint(_runs(_words(text), OWN_RUN))
            and self.runs.isdisjoint(telling)
            and self.long_runs.isdisjoint(_runs(words, LONG_RUN))
        )


def content_words(text: str) -> list[str]:
    """The words without function words and without their endings, in order."""
    return [stem(word) for word in _words(text) if len(word) > 2 and word.replace("'", "") not in _function_words()]


@cache
def stem(word: str) -> str:
    """The word without its endings, as far as four letters stay: ``details`` and ``detailed`` are ``detail``."""
    while True:
        ending = next((one for one in _ENDINGS if word.endswith(one) and len(word) - len(one) >= _LEAST_STEM), None)
        if ending is None:
            return word.removesuffix("s") if len(word) == _LEAST_STEM else word
        word = word.removesuffix(ending)


def _texts(history: History) -> Iterator[tuple[str, bool]]:
    """Every text, and whether it shows the person's topics: conversations before the responses and reasons do."""
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
def _talk() -> frozenset[str]:
    """Words of preference talk: those of the prompts that ship, and those listed."""
    listed = content_words(_listed("preference_words"))
    shipped = content_words(" ".join(map(prompts.load, prompts.hashes())))
    return frozenset([*listed, *shipped])


@cache
def _function_words() -> frozenset[str]:
    return frozenset(_listed("function_words").split())


def _listed(name: str) -> str:
    return files(__package__ or "").joinpath(f"{name}.txt").read_text("utf-8")
