"""Sentences as tokens, and the subjects of their verbs.

A statement of identity ("they are autistic", "lives near Boston") differs from a taste that mentions one ("likes
recipes from Texas", "an answer a student could follow") in the subject of its verb, so the subject is searched. Every
search is bounded by a number of tokens, so time is linear in the length of the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Self

from personalrm.synthesis.identity import grammar as g
from personalrm.synthesis.identity.lexicon import Words, plurals, term_at

FAR = 30
"""Maximum distance, in tokens, between a verb and its subject."""
NEAR = 7
"""Maximum tokens of a noun phrase."""
NUMBER = re.compile(r"\d{1,3}")


@dataclass(frozen=True)
class Subjects:
    """One sentence as tokens: as written, and in lower case."""

    written: tuple[str, ...]
    low: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """Tokenize a sentence."""
        words = Words.of(text)
        return cls(words.written, words.low)

    def at(self, i: int) -> str:
        """Return the token at this index in lower case; "." outside the sentence."""
        return self.low[i] if 0 <= i < len(self.low) else "."

    def is_name(self, i: int) -> bool:
        """Whether the token is capitalised without being the first of its clause."""
        return 0 < i < len(self.low) and self.written[i][:1].isupper() and self.at(i - 1) not in g.ENDS

    @cached_property
    def start(self) -> int:
        """Index of the first word that is neither punctuation nor an adverb."""
        for i, word in enumerate(self.low[:FAR]):
            if word not in g.ENDS and not self.is_adverb(i) and word[0].isalnum():
                return i
        return 0

    @cached_property
    def person_subject(self) -> bool:
        """Whether the first words make the user the subject of the whole sentence."""
        first = self.at(self.start)
        if any(first in one for one in (g.PRONOUNS, g.TASTES, g.FACTS, g.BREAKS, g.HELPERS, g.HAVE, g.ANYTHING)):
            return True
        if first.endswith(("ed", "ing")) and self.at(self.start + 1) in ("and", ",", "by"):
            return True
        i = self.start + (first in g.DETERMINERS)
        return any(
            self.at(at) in g.PEOPLE or term_at(self.low, at, "role") is not None
            for at in range(i, min(i + 3, self.end(i)))
        )

    def end(self, i: int) -> int:
        """Return the largest possible end index of the noun phrase that begins at ``i``."""
        return min(len(self.low), i + NEAR)

    def speaks_of_person(self, i: int) -> bool:
        """Whether the user is the subject of the verb at ``i``, named or implied."""
        for _ in range(FAR):
            j = self._before_helpers(i)
            if self.at(j) in g.TASTES and self.at(j + 1) == "to" and j != i - 1:  # "wants to become a mother"
                if j == self.start:
                    return True
            elif not (self.at(j) in g.STRIVES and self.at(j + 1) == "to"):  # "is training to become a pilot"
                return self._has_subject(i, j)
            i = j
        return False

    def _before_helpers(self, i: int) -> int:
        """Return the index of the word before the auxiliaries and adverbs of the verb at ``i``."""
        j = i - 1
        while j >= 0 and i - j < FAR and (self.low[j] in g.ADVERBS - {"and", "or", "as"} or self.low[j] in g.HELPERS):
            j -= 1
        return j

    def _has_subject(self, i: int, j: int) -> bool:
        """Whether the word at ``j``, before the verb at ``i``, makes the user its subject."""
        word = self.at(j)
        if j < 0 or word in g.ENDS:
            return self.at(i) != "be" or j < i - 1  # "Be a detective" tells a model what to do
        if word in g.PRONOUNS:
            return not self._is_supposed(j)
        if word == "who":
            return self._is_meant(j - 1 - (self.at(j - 1) == ","))
        if word in g.PEOPLE:
            said = j - 1 - (self.at(j - 1) in g.DETERMINERS)
            supposed = self.at(said) in g.ASSUMES and self.at(said - 1) in ("that", "which")  # "answers that assume …"
            return self.is_bound(j) and not supposed
        if word in (",", "and", "but", "or", "while", "yet", "then", "from", "after", "since", "like", "as", '"', "”"):
            beside = self.at(i).endswith("ing") and word == "and" and not self.at(self.start).endswith(("ing", "ed"))
            return self.person_subject and not beside and not self._is_relative(j)
        return False

    def _is_supposed(self, j: int) -> bool:
        """Whether an answer assumes it, not the persona: "dislikes it when a response assumes they are religious"."""
        at = j - 1 - (self.at(j - 1) == "that")
        return self.at(at) in g.ASSUMES and any(self.at(back) in g.ANSWERS for back in range(at - 6, at))

    def speaks_of_answers(self, i: int) -> bool:
        """Whether an answer or a part of one is named from ``i`` on."""
        return not g.ANSWERS.isdisjoint(self.low[i : i + FAR])

    def is_bound(self, j: int) -> bool:
        """Whether the noun for a person at ``j`` refers to the user rather than to any person."""
        first = next((at for at in (j - 1, j - 2, j - 3) if self.at(at) in ("a", "an")), j)
        while first > 0 and j - first < 4 and self.at(first) not in ("a", "an") and not self._opens(first - 1):
            first -= 1
        before = self.at(first - 1) if self.at(first) in ("a", "an") else self.at(j - 1)
        determiner = self.at(first) if first != j else self.at(j - 1)
        if self.at(j) in ("someone", "somebody"):
            return self.at(j - 2) in g.HINTS or before not in (
                "that",
                "to",
                "for",
                "about",
                "by",
                "from",
                "with",
                "of",
                "when",
                "if",
                "how",
                "what",
            )
        if determiner in g.DEFINITE or self.at(first - 1) in g.DEFINITE:
            return True
        if first <= self.start or self.at(first - 1) in g.ENDS:
            return True
        hinted = before == "of" and self.at(first - 2) in ("that", *g.HINTS)
        return before in g.BE or before in g.SEEM or before in ("like", "as", ",") or hinted

    def _opens(self, i: int) -> bool:
        word = self.at(i)
        return word in g.ENDS or word in g.BREAKS or word in g.BE or word in g.TASTES or word in (",", "and", "or")

    def _is_meant(self, j: int) -> bool:
        """Whether the noun before "who" refers to the user."""
        if self.at(j) in g.PEOPLE:
            return self.is_bound(j)
        return term_at(self.low, j, "role") is not None and self.is_subject_start(j)

    def is_subject_start(self, j: int) -> bool:
        """Whether no verb precedes ``j`` in its clause."""
        return all(not self._is_verb(at) for at in range(self._clause(j), j))

    def _is_verb(self, i: int) -> bool:
        return self.at(i) in g.TASTES or self.at(i) in g.BE or self.at(i) in g.MODALS

    def _clause(self, j: int) -> int:
        at = j
        while at > 0 and j - at < FAR and self.low[at - 1] not in g.ENDS:
            at -= 1
        return at

    def _is_relative(self, j: int) -> bool:
        """Whether a relative clause about something else is still open before the coordinator at ``j``."""
        for at in range(j - 1, max(-1, j - FAR), -1):
            word = self.low[at]
            if word in g.ENDS:
                return False
            if word in ("who", "whom"):
                return not self._is_meant(at - 1)
            if word in g.PRONOUNS:
                return False
            if word in ("that", "which", "whose", "how", "what", "where", "when", "whether"):
                return at > self.start
        return False

    def is_adverb(self, i: int) -> bool:
        """Whether the token is an adverb and not the start of a term ("highly educated")."""
        return self.at(i) in g.ADVERBS and term_at(self.low, i, *g.KINDS, "thing") is None

    def past_adverbs(self, i: int, others: Container[str]) -> int:
        """Return the index from ``i`` on, at most `FAR` further, of the first word not an adverb or in ``others``."""
        k = i
        while k < i + FAR and (self.at(k) in others or self.is_adverb(k)):
            k += 1
        return k

    def begins(self, i: int) -> bool:
        """Whether a clause begins here."""
        return i == self.start or (i > 0 and self.at(i - 1) in g.ENDS)

    def praises(self, i: int) -> bool:
        """Whether the clause says that something is liked: "a writer with a clear voice is preferred"."""
        for at in range(i, min(len(self.low), i + FAR)):
            if self.low[at] in g.WELCOME or (self.low[at] in g.BE and self.at(at + 1) in ("what", "how", "best")):
                return True
        return False

    def lists_adjectives(self, i: int) -> bool:
        """Whether only adjectives follow the comma at ``i``: "Canadian, polite, and careful."."""
        words = (self.low[at] for at in range(i, len(self.low)) if self.low[at] not in g.ENDS)
        rest = list(islice(words, 13))  # not the whole rest, which would make a list of jobs quadratic
        if len(rest) > 12 or rest.count(",") < 2 - ("and" in rest):
            return False
        return rest[-2:-1] in ([","], ["and"])

    def is_age(self, i: int) -> bool:
        """Whether the token is a number of years."""
        return bool(NUMBER.fullmatch(self.at(i))) and self.follows(i + 1)

    def follows(self, i: int) -> bool:
        """Whether the noun phrase ends before the token at ``i``, which is then no further noun."""
        word = self.at(i)
        if not word[0].isalnum() and word not in ("'s", "'"):
            return True
        if word in g.BREAKS or word in g.HELPERS or word in g.MODALS or word in g.TASTES or word in g.FACTS:
            return True
        if word in g.ADVERBS or word in g.PRONOUNS or word in g.DETERMINERS or word.endswith("ly"):
            return True
        return (word.endswith("ing") and word not in g.NO_HEADS) or word in (
            "themselves",
            "himself",
            "herself",
            "there",
        )

    def has_other(self, i: int) -> bool:
        """Whether "their" at ``i`` may refer to other people named before: "stories of people and their pets"."""
        seen = False
        for at in range(i - 1, max(-1, i - 15), -1):
            word = self.low[at]
            if word in g.ENDS or word in g.PRONOUNS:
                return False
            if seen and (word in g.TASTES or word in g.BREAKS):
                return True
            seen = seen or word in g.OTHERS or word in plurals() or term_at(self.low, at, "role") is not None
        return False
