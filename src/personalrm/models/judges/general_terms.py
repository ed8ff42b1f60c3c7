"""Whether criteria drawn from one person's choices are general enough to be shown in prompts about other people.

    general = GeneralTerms.of(neighbour)
    general.hold("Gives its main point in the first sentence.")      # True
    general.hold("Names a drug for migraine.")                       # False if the neighbour has asked about migraine

A criterion is refused if

* it quotes the person, names a topic of theirs or states who they are (`synthesis.guard`), or contains any word of
  their texts, responses included, outside the vocabulary of preference talk;
* it contains an identity (``nurse``, ``mother``), a part of their id, or what can be a name: a capitalised word within
  a sentence, a capital letter with a full stop, a word in capitals;
* it contains an address, a link, a tag, a number of four digits or more, or names response A or B;
* it cannot be checked: letters of another script than Latin, or a word spelled letter by letter.

Compatibility forms (full width) and invisible characters are removed first, in the criterion and in the texts.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from personalrm.preferences import History
from personalrm.synthesis.guard import Guard, content_words, preference_talk
from personalrm.synthesis.identity.lexicon import Words, term_at

_INSIDE = re.compile(r"(?<=[^.!?:\s\"“”'‘’(]\s)[\"“'‘(]*([^\W\d_][\w'’-]*)")
"""A word within a sentence: not after a full stop, colon, quotation mark or parenthesis."""
_CAPITALS = re.compile(r"\b[^\W\d_]{2,}\b|\b[^\W\d_]\.(?=\s?[^\W\d_])")
_ADDRESS = re.compile(r"[@<>]|https?:|\bwww\b|\w\.[a-z]{2,}\b", re.IGNORECASE)
_SPELLED = re.compile(r"(?:(?<!\w)[^\W\d_][\W_]+){3,}")
_NUMBER = re.compile(r"\d{4,}|\d[\d\s()/.+-]{4,}\d")
_USUAL = {*["I", "I'd", "I'll", "I'm", "I've"], *["AI", "FAQ", "FAQs", "OK", "PDF", "TLDR", "URL", "URLs"],
          *["English", "HTML", "JSON", "LaTeX", "Markdown"]}  # fmt: skip
"""Capitalised words that name nobody."""
_ABBREVIATIONS = re.compile(r"\b(?:e\.g|i\.e|etc|vs)\.", re.IGNORECASE)
_LEAST_PART = 3
"""Least letters of a part of a person's id for it to count as a name."""


@dataclass(frozen=True, slots=True)
class GeneralTerms:
    """One person's texts, against which criteria are checked.

    Attributes:
        guard: finds quotes, topics and statements about people.
        words: stems of all words in their texts outside the vocabulary of preference talk.
        names: finds their id and its parts as whole words.
    """

    guard: Guard
    words: frozenset[str]
    names: re.Pattern[str]

    @classmethod
    def of(cls, person: History) -> GeneralTerms:
        """The check for criteria that were drawn from this person's choices."""
        found: set[str] = set()
        for one in person:
            texts = (*(turn.content for turn in one.context), one.reason or "", one.chosen, one.rejected)
            found.update(*(content_words(_plain(text)) for text in texts))
        user = _plain(person.user).casefold()
        parts = {part for part in re.findall(r"[^\W\d_]+", user) if stem_of(part) not in preference_talk()}
        names = [re.escape(one) for one in sorted({user, *parts}) if len(one) >= _LEAST_PART]
        whole = re.compile(rf"(?<![^\W_])(?:{'|'.join(names)})(?![^\W_])" if names else r"(?!)")
        return cls(Guard.of([person]), frozenset(found - preference_talk()), whole)

    def hold(self, criterion: str) -> bool:
        """Whether the criterion may be shown in prompts about other people."""
        text = _ABBREVIATIONS.sub("", _plain(criterion))
        return not (
            self.guard.refusal(text)
            or self.words.intersection(content_words(text))
            or self.names.search(text.casefold())
            or _can_be_name(text)
            or _states_identity(text)
            or any(pattern.search(text) for pattern in (_ADDRESS, _SPELLED, _NUMBER))
            or not all(_is_latin(one) for one in text)
        )


def stem_of(word: str) -> str:
    """The stem of a word as in `content_words`; empty for a function word."""
    return "".join(content_words(word))


def _plain(text: str) -> str:
    """Without compatibility forms and invisible characters."""
    folded = unicodedata.normalize("NFKC", text)
    return folded if folded.isascii() else "".join(one for one in folded if unicodedata.category(one) != "Cf")


def _is_latin(one: str) -> bool:
    return one.isascii() or not one.isalpha() or unicodedata.name(one, "").startswith("LATIN")


def _can_be_name(text: str) -> bool:
    within = (found[1] for found in _INSIDE.finditer(text))
    capitals = (found[0] for found in _CAPITALS.finditer(text) if found[0].isupper())
    return any(word[0].isupper() and word.removesuffix("'s") not in _USUAL for word in within) or any(
        word not in _USUAL for word in capitals
    )


def _states_identity(text: str) -> bool:
    low = Words.of(text).low
    found = (term_at(low, at, "role", "trait", "thing", "place") for at in range(len(low)))
    talk = preference_talk() | {"english"}  # plain English
    return any(one is not None and not talk.issuperset(content_words(" ".join(one.words))) for one in found)
