"""Noun phrases that state an identity."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from personalrm.synthesis.identity import grammar as g
from personalrm.synthesis.identity.lexicon import Term, term_at
from personalrm.synthesis.identity.subjects import FAR, NUMBER, Subjects

_BEFORE_AGE = ("the", "a", "an", "his", "her", "their", "near", "early", "late", "mid", "-", "around")
_AGED = re.compile(r"\d{1,3}-year-old|\d{1,3}-\d{1,3}-year-old|\w{1,20}-year-old")


@dataclass(frozen=True, slots=True)
class Hit:
    """An identity statement found in a sentence.

    Attributes:
        key: the words that carry it.
        evidence: the kind of self-description that supports it (see `own_words`).
        end: index of the token after the phrase.
        category: category of the term, if a term was found.
    """

    key: tuple[str, ...]
    evidence: str
    end: int = 0
    category: str = ""


@dataclass(frozen=True)
class Sentence(Subjects):
    """One sentence of a persona."""

    def identity(self, i: int, kinds: Sequence[str] = g.KINDS) -> Hit | None:
        """Return the identity stated by the noun phrase or adjective that begins at ``i``, or None."""
        at, end = i, self.end(i)
        while at < end:
            word = self.at(at)
            if word in ("(", ")"):
                at += 1
                continue
            if word in g.BREAKS or word in g.TASTES or word in g.MODALS or word in g.ENDS:
                return None
            if at > i and word in g.DETERMINERS and self.at(at - 1) not in ("and", "or", ",", "also", *g.ADVERBS):
                return None
            if _AGED.fullmatch(word) and (self.follows(at + 1) or self._heads_person(at + 1)):
                return Hit((word.partition("-year")[0],), "self", at + 1)
            if NUMBER.fullmatch(word) and self.at(at + 1) in ("years", "year", "-year") and self.at(at + 2) == "old":
                return Hit((word,), "self", at + 3)
            if word in g.PEOPLE and at > i - 1 and (found := self.after_person(at)):
                return found
            term = term_at(self.low, at, *kinds)
            if term is None:
                at += 1
                continue
            after = at + len(term.words)
            if self._says(term, after):
                heads = term.kind != "role" and not self.follows(after)
                return Hit(term.words, term.evidence, after + heads)
            at = after
        return None

    def _says(self, term: Term, after: int) -> bool:
        """Whether the term is the head of the phrase, not the modifier of a noun that follows."""
        if term.kind == "loose":
            goes_on = self.at(after) in ("who", "because", "and", "from", "so", "since") or self.lasts(after)
            topical = self.at(after) in g.BREAKS and not goes_on
            return (self.follows(after) and not topical) or self._heads_person(after)
        if term.kind == "trait":
            return self.follows(after) or self._heads_person(after)
        return self.follows(after)

    def lasts(self, i: int) -> bool:
        """Whether a time follows: "(sober) for two years"."""
        word = self.at(i + 1)
        return self.at(i) == "for" and (word in g.NUMBERS or word.isdigit() or word in g.SPANS)

    def _heads_person(self, i: int) -> bool:
        """Whether a noun for a person comes next, with at most one adjective between."""
        for at in (i, i + 1):
            if self.at(at) in ("judge", "reader", "user") and self.at(at + 1) == "of":
                return False
            if self.at(at) in g.PEOPLE or self.at(at) in g.FANS:
                return at == i or self.at(i) not in g.FANS
            if term_at(self.low, at, "role") is not None:
                return True
        return False

    def after_person(self, j: int) -> Hit | None:
        """Return the identity stated after a noun for the user: "someone from Texas", "someone over 60"; or None."""
        word = self.at(j + 1)
        if word == "with" or (word == "of" and self.at(j) == "member"):
            named = self.at(j + 2) == "the" and self.is_name(j + 3) and word == "of"
            return Hit((self.at(j + 3),), "have") if named else self.thing(j + 2)
        if word == "aged":
            return Hit((self.at(j + 2),), "self")
        return self.state(j + 1)

    def thing(self, i: int, *, owned: bool = False) -> Hit | None:
        """Return the possession that the noun phrase at ``i`` states: children, an illness, a mortgage; or None.

        ``owned``: the phrase follows "their", so that a noun may follow ("their church music").
        """
        at, end = i, self.end(i)
        while at < end:
            word = self.at(at)
            going_on = word == "of" and self.at(at - 1) in g.PORTIONS
            if (word in g.BREAKS and not going_on) or word in g.ENDS or (word == "," and at > i):
                return None
            term = term_at(self.low, at, "thing") or self._relative_noun(at)
            after = at + (len(term.words) if term is not None else 1)
            if term is not None and (
                owned or term.words[-1] in g.BREAKS or self.follows(after) or self.at(after) == "'s"
            ):
                return Hit(term.words, "have" if term.kind == "thing" else term.evidence, after, term.category)
            at += 1 if term is None else len(term.words)
        return None

    def _relative_noun(self, i: int) -> Term | None:
        term = term_at(self.low, i, "role")
        return term if term is not None and term.category in ("health", "family") else None

    def state(self, i: int) -> Hit | None:
        """Return the identity stated by a preposition at ``i``: "from Texas", "of Irish descent"; or None."""
        for phrase in g.STATES.get(self.at(i), ()):
            if self.low[i : i + len(phrase)] == phrase:
                return Hit((phrase[-1],), "have")
        word = self.at(i)
        if word in ("in", "over", "under", "around", "about", "past", "nearly", "of", "near"):
            next_ = next((at for at in range(i + 1, i + FAR) if self.at(at) not in _BEFORE_AGE), i + FAR)
            if self._age(next_):
                return Hit((self.at(next_),), "self")
        if word == "of":
            last = next((at for at in range(i + 1, self.end(i)) if self.at(at) in g.ORIGINS), None)
            return None if last is None or last == i + 1 else Hit(self.low[last - 1 : last], "self")
        if word in ("in", "on") and (head := self._head(i + 1)):
            return Hit((head,), "have")
        if word == "in" and self.at(i + 2) in ("middle", "midst", "process"):
            return self.thing(i + 4)
        if word in ("from", "in", "near", "outside", "within", "around", "at"):
            return self._place(i + 1, word)
        return None

    def _head(self, i: int) -> str | None:
        """The noun for a state that ends a phrase of at most five words: "(a) long-distance relationship"."""
        for at in range(i, i + 5):
            if self.at(at) in g.HEADS:
                return self.at(at)
            if self.at(at) in g.BREAKS or self.at(at) in g.ENDS:
                return None
        return None

    def _age(self, i: int) -> bool:
        word = self.at(i).replace("mid-", "").replace("late-", "").replace("early-", "")
        own = any(self.at(i - back) in ("their", "his", "her") for back in (1, 2, 3))
        if word in g.DECADES and own:
            return True
        return (
            bool(NUMBER.fullmatch(word))
            and self.follows(i + 1)
            and self.at(i - 1) in ("over", "under", "around", "past")
        )

    def _place(self, i: int, preposition: str) -> Hit | None:
        for at in range(i, self.end(i)):
            word = self.at(at)
            term = term_at(self.low, at, "place")
            if term is not None:
                return Hit(tuple(one for one in term.words if one not in ("the", "a", "an")), "live")
            if self.is_name(at):
                return Hit((word,), "live")
            if word in g.PLACES and preposition in ("from", "in", "near", "outside"):
                return Hit((word,), "live")
            if word in g.BREAKS or word in g.ENDS or word == ",":
                return None
        return None

    def content(self, i: int) -> tuple[str, ...]:
        """Return up to three content words from ``i`` to the end of the phrase."""
        found: list[str] = []
        for at in range(i, self.end(i)):
            word = self.at(at)
            if word in g.ENDS or word in ("and", "who", "that", ",", "but", "because", "so") or len(found) == 3:
                break
            if word not in g.DETERMINERS and word not in g.BREAKS and word not in g.ADVERBS and word[0].isalnum():
                found.append(word)
        return tuple(found) or (self.at(i - 1),)
