"""The noun phrases of a sentence that say who somebody is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from personalrm.synthesis.identity import grammar as g
from personalrm.synthesis.identity.lexicon import Term, term_at
from personalrm.synthesis.identity.subjects import NUMBER, Subjects

_BEFORE_AGE = ("the", "a", "an", "his", "her", "their", "near", "early", "late", "mid", "-", "around")
_AGED = re.compile(r"\d{1,3}-year-old|\d{1,3}-\d{1,3}-year-old|\w{1,20}-year-old")


@dataclass(frozen=True, slots=True)
class Hit:
    """What a sentence says of who somebody is.

    Attributes:
        key: the words that it rests on.
        evidence: how the person must have said it of themselves (see `own_words`).
        end: where in the sentence the phrase ends.
        category: of the term, where there is one.
    """

    key: tuple[str, ...]
    evidence: str
    end: int = 0
    category: str = ""


@dataclass(frozen=True)
class Sentence(Subjects):
    """One sentence of a persona."""

    def identity(self, i: int, kinds: Sequence[str] = g.KINDS) -> Hit | None:
        """What the noun phrase or adjective that begins at ``i`` says of who somebody is."""
        at, end = i, self.end(i)
        while at < end:
            word = self.at(at)
            if word in g.BREAKS or word in g.TASTES or word in g.MODALS or (word in g.ENDS and word not in "()"):
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
        """Whether the term is what the phrase is about, not the topic of a noun that follows."""
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
        """Whether a noun for a person comes next, one adjective between at most."""
        for at in (i, i + 1):
            if self.at(at) in ("judge", "reader", "user") and self.at(at + 1) == "of":
                return False
            if self.at(at) in g.PEOPLE or self.at(at) in g.FANS:
                return at == i or self.at(i) not in g.FANS
            if term_at(self.low, at, "role") is not None:
                return True
        return False

    def after_person(self, j: int) -> Hit | None:
        """What follows a noun for the person: "someone from Texas", "a user with two kids", "someone over 60"."""
        word = self.at(j + 1)
        if word == "with" or (word == "of" and self.at(j) == "member"):
            named = self.at(j + 2) == "the" and self.is_name(j + 3) and word == "of"
            return Hit((self.at(j + 3),), "have") if named else self.thing(j + 2)
        if word == "aged":
            return Hit((self.at(j + 2),), "self")
        return self.state(j + 1)

    def thing(self, i: int, *, owned: bool = False) -> Hit | None:
        """What the noun phrase at ``i`` says that somebody has: children, an illness, a mortgage.

        ``owned``: it stands behind "their", so that a noun may follow ("their church music").
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
        """What a preposition at ``i`` says: "from Texas", "on the spectrum", "in their forties", "of Irish descent"."""
        for phrase in g.STATES.get(self.at(i), ()):
            if self.low[i : i + len(phrase)] == phrase:
                return Hit((phrase[-1],), "have")
        word, next_ = self.at(i), i + 1
        while self.at(next_) in _BEFORE_AGE:
            next_ += 1
        if word in ("in", "over", "under", "around", "about", "past", "nearly", "of", "near") and self._age(next_):
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
        """The noun for a state that a phrase of five words at most ends in: "(a) long-distance relationship"."""
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
        """Up to three words of weight from ``i`` on, to the end of their phrase."""
        found: list[str] = []
        for at in range(i, self.end(i)):
            word = self.at(at)
            if word in g.ENDS or word in ("and", "who", "that", ",", "but", "because", "so") or len(found) == 3:
                break
            if word not in g.DETERMINERS and word not in g.BREAKS and word not in g.ADVERBS and word[0].isalnum():
                found.append(word)
        return tuple(found) or (self.at(i - 1),)
