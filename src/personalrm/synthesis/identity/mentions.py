"""Identity phrases without a verb: possessives, "as a nurse", "this Texan user", ages, labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Container

from personalrm.synthesis.identity import grammar as g
from personalrm.synthesis.identity.lexicon import plurals, term_at
from personalrm.synthesis.identity.sentence import Hit, Sentence

_BORN = re.compile(r"(?:18|19|20)\d\d")
_CAUSES = ("because", "due", "owing", "given", "despite")
_CONDITIONS = ("while", "when", "if", "though")
_POSSESSED = ("his", "her", "their")
_IN_DECADE = frozenset(f"{part}-{decade}" for part in ("mid", "late", "early") for decade in g.DECADES)
_TURNS = ("turned", "turning", "reached", "reaching")


def _whose(one: Sentence, i: int) -> Hit | None:
    """ "their wheelchair", "the user's two children", "his job as a paralegal"."""
    word = one.at(i)
    own = (
        word in g.POSSESSIVES
        or (word == "whose" and one.at(i - 1) in g.PEOPLE)
        or (word == "'s" and one.at(i - 1) in g.PEOPLE and one.at(i - 2) in g.DEFINITE)
    )
    if not own or (word in g.POSSESSIVES and one.has_other(i)):
        return None
    k = i + 1
    for at in range(k, one.end(k)):
        if one.at(at) in ("job", "career", "profession", "occupation", "work", "role") and one.at(at + 1) in (
            "as",
            "is",
            "in",
        ):
            return Hit(one.content(at + 2), "self")
        if one.at(at) in g.KIN and (found := _from_where(one, at + 1)):
            return found
        if one.at(at) in g.LABELS and one.at(at + 1) == "is" and one.begins(i - 2 * (word == "'s")):
            return Hit(one.content(at + 2), "self")
    found = one.thing(k, owned=True)
    bare = found is not None and found.key[0] in ("job", "career", "profession", "occupation", "religion")
    return None if bare else found


def _from_where(one: Sentence, i: int) -> Hit | None:
    """ "(their family) is from Nigeria", "(her parents) came to Canada from Iran"."""
    if one.at(i) not in (*g.BE, "come", "comes", "came", "hails", "hail", "emigrated", "immigrated", "fled"):
        return None
    places = (one.state(at) for at in range(i + 1, i + 5) if one.at(at) in ("from", "of", "to", "in"))
    return next((found for found in places if found is not None), None)


def _as_one(one: Sentence, i: int) -> Hit | None:
    """ "as a nurse", "being a mother of two", "that of a retired teacher", "fellow Texans"."""
    word = one.at(i)
    if word == "fellow":
        term = term_at(one.low, i + 1, "role", "trait")
        return None if term is None else Hit(term.words, term.evidence)
    if word not in ("as", "being", "of") or one.at(i + 1) not in ("a", "an"):
        return None
    owned = any(one.at(at) in ("has", "have", "having", "with", "shows", "shares") for at in range(i - 5, i))
    if word == "of" and not owned and one.at(i - 1) not in ("that", "those", "typical", "characteristic"):
        return None
    if word == "of" and one.at(i - 2) == "like":  # "answers like those of an engineer"
        return None
    found = one.identity(i + 2)
    if found is None or (word == "as" and _is_treated(one, i)):
        return None
    return found


def _is_treated(one: Sentence, i: int) -> bool:
    """ "explains things as a teacher would", "to be treated as an adult"."""
    before = any(one.at(at) in g.TREATED for at in range(i - 4, i))
    return before or any(one.at(at) in g.MODALS or one.at(at) in ("does", "do") for at in range(i + 2, i + 6))


def _opens(one: Sentence, i: int) -> Hit | None:
    """ "A busy nurse who …", "This Texan mother of three wants …", "Female, likes …", "From Ohio; wants …"."""
    if not one.begins(i):
        return None
    if found := one.state(i):
        return found
    found = _opening_phrase(one, i)
    return None if found is None or one.praises(i) else found


def _opening_phrase(one: Sentence, i: int) -> Hit | None:
    word = one.at(i)
    if word in ("a", "an", "this", "the", "our", "one", "another"):
        found = one.identity(i + 1)
        modal = any(one.at(at) in g.MODALS for at in range(i + 2, i + 6))
        return None if found is None or modal else found
    if word in ("with", "having") and (found := one.thing(i + 1)):
        return found
    if word in g.BREAKS or word in g.TASTES or word in g.MODALS or word in g.HELPERS - g.BE:
        return None
    found = one.identity(i)
    if found is None or word in g.BE:
        return found
    return found if _stands_alone(one, found) else None


def _stands_alone(one: Sentence, found: Hit) -> bool:
    """Whether a clause that begins with a noun or adjective describes the user: "Nurse, likes …", "Retired."."""
    after, last = one.at(found.end), one.at(found.end - 1)
    if last.endswith("s") and last in plurals():
        return False
    if after == ",":
        after = one.at(found.end + 1)
        going_on = after in g.TASTES | g.FACTS | g.GUESSES | g.HELPERS or after in ("who", "with", "and", "so", "but")
        return going_on or after[0].isdigit() or one.lists_adjectives(found.end)
    return after in g.ENDS or after in g.BEHIND


def _named_person(one: Sentence, i: int) -> Hit | None:
    """ "this Texan user", "the autistic person", "the user in Boston", "someone with diabetes"."""
    if one.at(i) not in g.PEOPLE or not one.is_bound(i):
        return None
    for back in (3, 2, 1):
        term = term_at(one.low, i - back, "trait", "loose") if i >= back else None
        if (
            term is not None
            and len(term.words) == back
            and (one.at(i - back - 1) in g.DETERMINERS or i - back <= one.start)
        ):
            return Hit(term.words, term.evidence)
    return one.after_person(i)


def _like_them(one: Sentence, i: int) -> Hit | None:
    """ "fit for a nurse like them", "other mothers like herself"."""
    if one.at(i) not in ("like", "as") or one.at(i + 1) not in (
        "them",
        "themselves",
        "her",
        "him",
        "herself",
        "himself",
    ):
        return None
    for at in range(max(0, i - 4), i):
        term = term_at(one.low, at, "role")
        if term is not None and at + len(term.words) in (i, i - 1):
            return Hit(term.words, term.evidence)
    return None


def _because(one: Sentence, i: int) -> Hit | None:
    """ "because of poor eyesight", "due to arthritis", "while pregnant", "like many nurses"."""
    if one.at(i) in _CAUSES:
        k = i + 1 + (one.at(i + 1) in ("of", "to"))
        found = one.thing(k)
        return found if found is not None and found.category == "health" else None
    if not one.begins(i):
        return None
    if one.at(i) in _CONDITIONS and (term := term_at(one.low, i + 1, "trait")):
        return Hit(term.words, term.evidence) if one.at(i + 1 + len(term.words)) == "," else None
    if one.at(i) == "at" and one.is_age(i + 1) and one.at(i + 2) == ",":
        return Hit((one.at(i + 1),), "self")
    if one.at(i) == "like" and one.at(i + 1) in ("many", "most", "other", "all", "any"):
        return one.identity(i + 2, ("role",))
    return None


def _for_a_living(one: Sentence, i: int) -> Hit | None:
    """ "codes for a living", "paints professionally"."""
    living = one.at(i) == "living" and one.at(i - 1) == "a" and one.at(i - 2) == "for"
    if not (living or (one.at(i) == "professionally" and one.follows(i + 1))) or not one.person_subject:
        return None
    words = [word for word in one.low[max(0, i - 6) : i] if word in g.LIFE]
    return Hit(tuple(words[-1:]) or ("living",), "have") if living or words else None


def _in_decades(one: Sentence, i: int) -> Hit | None:
    """ "in their late twenties", "aged 40", "born 1975", "(34)"."""
    if one.at(i) in _POSSESSED and one.at(i - 1) in ("in", "into", "of", "entering", "past"):
        for at in range(i + 1, i + 6):
            word = one.at(at)
            if word.rpartition("-")[2] in g.DECADES:
                return Hit((word.rpartition("-")[2],), "self")
            if word in g.BREAKS - {"to"}:
                return None
    if one.at(i) in _IN_DECADE and (one.begins(i) or one.at(i - 1) in g.GUESSES):
        return Hit((one.at(i).rpartition("-")[2],), "self")
    if one.at(i) in _TURNS and one.speaks_of_person(i) and one.is_age(i + 1):
        return Hit((one.at(i + 1),), "self")
    if one.at(i) == "aged" and one.at(i + 1)[0].isdigit() and one.at(i - 1) in g.PEOPLE | {","}:
        return Hit((one.at(i + 1),), "self")
    if one.at(i) == "born" and any(_BORN.fullmatch(one.at(at)) for at in (i + 1, i + 2)) and one.speaks_of_person(i):
        return Hit((next(one.at(at) for at in (i + 1, i + 2) if _BORN.fullmatch(one.at(at))),), "self")
    return None


def _label(one: Sentence, i: int) -> Hit | None:
    """A table of attributes: "Age: late 20s", "**Occupation:** scientist", "Marital status: married"."""
    if one.at(i) not in g.LABELS or i - one.start > 4:
        return None
    k = i + 1
    while one.at(k) in ("*", "(", ")", "_") and k < len(one.low):
        k += 1
    if one.at(k) != ":" or k >= len(one.low):
        return None
    k += 1
    while k < len(one.low) and not one.at(k)[0].isalnum():
        k += 1
    return None if k >= len(one.low) or one.at(k) in g.TASTES else Hit(one.content(k)[:1], "self")


MENTIONS: tuple[tuple[Callable[[Sentence, int], Hit | None], Container[str] | None], ...] = (
    (_whose, {*g.POSSESSIVES, "whose", "'s"}),
    (_as_one, {"fellow", "as", "being", "of"}),
    (_opens, None),
    (_named_person, g.PEOPLE),
    (_like_them, {"like", "as"}),
    (_because, {*_CAUSES, *_CONDITIONS, "at", "like"}),
    (_in_decades, {*_IN_DECADE, *_POSSESSED, *_TURNS, "aged", "born"}),
    (_label, g.LABELS),
    (_for_a_living, {"living", "professionally"}),
)
"""Functions that find a statement at a token, and the tokens at which each can find one; None for any."""
