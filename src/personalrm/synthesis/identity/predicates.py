"""Verbs that state the identity of their subject: to be, to have, to live and others; the subject must be the user."""

from __future__ import annotations

from collections.abc import Callable, Container

from personalrm.synthesis.identity import grammar as g
from personalrm.synthesis.identity.lexicon import term_at
from personalrm.synthesis.identity.sentence import Hit, Sentence

_AFTER_IS = g.AUX_AFTER | {"to", "be", "themselves", "being"}
_AFTER_HAVE = frozenset(("been", "got"))
_ARTICLES = frozenset(("a", "an", "the"))


def _is(one: Sentence, i: int) -> Hit | None:
    """ "is (likely) autistic", "are busy professionals", "seems like someone from Texas", "is on medication"."""
    word = one.at(i)
    if not (word in g.BE or word in g.SEEM) or not one.speaks_of_person(i):
        return None
    k = one.past_adverbs(i + 1, _AFTER_IS)
    return one.identity(k) or one.state(k) or one.state(i + 1) or _aged(one, k) or _somebody(one, i + 1, k)


def _aged(one: Sentence, k: int) -> Hit | None:
    if one.at(k) in ("aged", "turning", "approaching", "nearing") and one.at(k + 1)[0].isdigit():
        return Hit((one.at(k + 1),), "self")
    number = one.at(k) in g.NUMBERS or (one.is_age(k) and 15 < int(one.at(k)) < 110)
    return Hit((one.at(k),), "self") if number and (one.at(k + 1) in g.ENDS or one.at(k + 1) in ("and", ",")) else None


def _somebody(one: Sentence, i: int, k: int) -> Hit | None:
    """ "is a competitive swimmer": a noun in no list, not followed by a word that makes it a taste."""
    while one.at(i) in g.ADVERBS:
        i += 1
    if one.at(i) not in ("a", "an"):
        return None
    for at in range(k, one.end(k)):
        word = one.at(at)
        if word in g.PEOPLE or word in g.FANS:
            return one.after_person(at)
        if word in g.NOBODY or word in g.TEMPERS or word in g.BREAKS or word in g.MODALS:
            return None
        if word.replace("-", "").isalpha() and _ends_there(one, at + 1):
            return Hit((word,), "self")
    return None


def _ends_there(one: Sentence, i: int) -> bool:
    if one.at(i) in ("and", ","):
        return one.at(i + 1) in g.TASTES or one.at(i + 1) in g.FACTS or one.at(i + 1) in ("who", "so")
    return one.at(i) in g.ENDS or one.at(i) in ("who", "from", "in", "'s")


def _guess(one: Sentence, i: int) -> Hit | None:
    """ "likely autistic", "probably a nurse"; also an unknown job: "probably a glassblower"."""
    if one.at(i) not in g.GUESSES:
        return None
    k = one.past_adverbs(i + 1, _ARTICLES)
    return one.identity(k) or one.state(k) or _job_by_form(one, i + 1, k)


def _job_by_form(one: Sentence, i: int, k: int) -> Hit | None:
    """ "is a glassblower", "probably a hematologist": a noun in no list with the ending of a job."""
    if one.at(i) not in ("a", "an", *g.ADVERBS):
        return None
    for at in range(k, one.end(k)):
        word = one.at(at)
        if word in g.BREAKS or word in g.ENDS or word == ",":
            return None
        if word.endswith(g.JOB_ENDINGS) and len(word) > 6 and word not in g.TEMPERS and one.follows(at + 1):
            return Hit((word,), "self")
    return None


def _has(one: Sentence, i: int) -> Hit | None:
    """ "has two children", "struggles with anxiety", "attends church", "cares for their aging mother"."""
    word = one.at(i)
    if word not in g.HAVE or not one.speaks_of_person(i):
        return None
    k = one.past_adverbs(i + 1, g.HAVE[word] | _AFTER_HAVE)
    if one.at(k) in g.PEOPLE and (found := one.after_person(k)):
        return found
    return one.thing(k) or _has_by_verb(one, word, k)


def _has_by_verb(one: Sentence, word: str, k: int) -> Hit | None:
    """Objects that state an identity only after some verbs: a language, a field, a party, a loved one."""
    if word in ("speaks", "speak", "spoke") and (term := term_at(one.low, k, "trait")):
        return Hit(term.words, "have") if one.follows(k + 1) or one.at(k + 1) == "at" else None
    if word[:4] in ("stud", "teac", "taug", "prac") and (term := term_at(one.low, k, "field")):
        return Hit(term.words, "have") if one.follows(k + len(term.words)) else None
    if word in g.SUPPORT:
        found = (term_at(one.low, at, "role", "trait") for at in range(k, k + 3))
        party = next(
            (Hit(term.words, "have") for term in found if term is not None and term.category == "politics"), None
        )
        return party or (Hit((one.at(k),), "have") if one.is_name(k) else None)
    if word in g.COURT:
        return one.identity(k, ("role",))
    return None


def _does(one: Sentence, i: int) -> Hit | None:
    """ "lives near Boston", "works as a nurse", "was born in 1960", "suffers from gout": whatever follows counts."""
    word = one.at(i)
    if word in g.ALONE and one.speaks_of_person(i):
        return Hit((word,), "have")
    if word not in g.ANYTHING:
        return None
    k = i + 1
    while one.at(k) in g.ADVERBS - {"as"} and one.at(k) not in g.ANYTHING[word]:
        k += 1
    if one.at(k) not in g.ANYTHING[word] or not one.speaks_of_person(i) or not g.TIMES.isdisjoint(one.content(k + 1)):
        return None
    if (
        word in g.FROM_PLACE
        and one.at(k) == "from"
        and not (one.state(k) or one.identity(k + 1) or one.at(k + 1) in g.MEANS)
    ):
        return None
    evidence = "live" if word.startswith(("liv", "resid", "dwell", "stay")) else "have"
    return Hit(one.content(k + 1), "self" if word.startswith(("work", "employ", "born", "identif")) else evidence)


def _passes_time(one: Sentence, i: int) -> Hit | None:
    """ "plays in an orchestra", "spends winters in Florida": what somebody does away from any answer."""
    word = one.at(i)
    if word not in g.LIFE or not one.speaks_of_person(i) or one.speaks_of_answers(i):
        return None
    if one.at(i + 1) in g.ENDS or one.at(i + 1) in (
        "with",
        "by",
        "to",
        "down",
        "up",
        "out",
        "back",
        "on",
        "over",
        "around",
    ):
        return None
    return Hit((word, *one.content(i + 1)), "have")


def _cannot(one: Sentence, i: int) -> Hit | None:
    """ "cannot hear well", "can't afford much", "has trouble walking"."""
    if (
        one.at(i) in ("not", "barely", "hardly", "scarcely")
        and one.at(i - 1) in ("can", "could")
        and one.at(i + 1) in g.ABILITIES
    ):
        after = one.at(i + 2)
        able = (
            after in g.ENDS
            or after in ("well", "clearly", "properly", "without", "alone", "easily")
            or one.at(i + 1) == "afford"
        )
        return Hit((one.at(i + 1),), "have") if able and one.speaks_of_person(i - 1) else None
    if one.at(i) in ("trouble", "difficulty", "difficulties") and one.at(i + 1) in g.TROUBLES:
        return Hit((one.at(i + 1),), "have")
    return None


def _hints(one: Sentence, i: int) -> Hit | None:
    """ "their questions suggest a mother of young children", "which hints at a medical background"."""
    if one.at(i) not in g.HINTS:
        return None
    k = i + 1
    while one.at(k) in ("at", "to", "towards", "that", "of"):
        k += 1
    if one.at(k) not in ("a", "an", "some", "they", "their"):
        return None
    return one.identity(k + 1) or one.thing(k + 1)


PREDICATES: tuple[tuple[Callable[[Sentence, int], Hit | None], Container[str] | None], ...] = (
    (_is, g.BE | g.SEEM),
    (_guess, g.GUESSES),
    (_has, g.HAVE),
    (_does, {*g.ALONE, *g.ANYTHING}),
    (_passes_time, g.LIFE),
    (_cannot, {"not", "barely", "hardly", "scarcely", "trouble", "difficulty", "difficulties"}),
    (_hints, g.HINTS),
)
"""Functions that find a statement at a token, and the tokens at which each can find one."""
