"""Small words and verbs that tell of whom a sentence speaks (``grammar.txt``)."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files


def _sections() -> Iterator[tuple[str, list[str]]]:
    name, lines = "", list[str]()
    for line in files(__package__ or "").joinpath("grammar.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            yield name, lines
            name, lines = line.strip("[]"), []
        elif line and not line.startswith("#"):
            lines.append(line)
    yield name, lines


def _words(name: str) -> frozenset[str]:
    return frozenset(" ".join(_READ[name]).split())


def _verbs(name: str) -> dict[str, frozenset[str]]:
    pairs = (line.partition(">") for line in _READ[name])
    return {verb: frozenset(after.split()) for verbs, _, after in pairs for verb in verbs.split()}


def _phrases(name: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Phrases by their first word."""
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for phrase in (tuple(one.split()) for line in _READ[name] for one in line.split(",")):
        found[phrase[0]] = (*found.get(phrase[0], ()), phrase)
    return found


_READ = dict(_sections())
PRONOUNS = _words("PRONOUNS")
POSSESSIVES = _words("POSSESSIVES")
PEOPLE = _words("PEOPLE")
"""Nouns for the one that a persona is about, and others that say nothing about who it is."""
DEFINITE = _words("DEFINITE")
ENDS = frozenset(".;:!?()—–[]|•*")
"""Signs after which a new clause begins."""
GUESSES = _words("GUESSES")
ADVERBS = GUESSES | _words("ADVERBS")
ALONE = _words("ALONE")
"""Verbs that say who a person is without an object."""
HELPERS = _words("HELPERS")
BE = _words("BE")
SEEM = _words("SEEM")
AUX_AFTER = _words("AUX_AFTER")
DETERMINERS = _words("DETERMINERS")
BREAKS = _words("BREAKS")
"""Words at which a noun phrase ends."""
MODALS = _words("MODALS")
LIKED = _words("LIKED")
TASTES = _words("TASTES")
"""Verbs of what a person likes or does when choosing; what stands behind them is a topic."""
FACTS = _words("FACTS")
"""Verbs of who a person is."""
NO_HEADS = _words("NO_HEADS")
"""Words in -ing that are nouns: "nurse training" is about training."""
HINTS = _words("HINTS")
FANS = _words("FANS")
"""Heads that make a taste of what stands before them: "an American football fan"."""
WELCOME = _words("WELCOME")
JOB_ENDINGS = (
    "ologist",
    "ographer",
    "smith",
    "wright",
    "monger",
    "blower",
    "ician",
    "ist",
    "ian",
    "woman",
    "sman",
    "eer",
)
TEMPERS = _words("TEMPERS")
"""Nouns formed like jobs that name a taste or a temper."""
OTHERS = _words("OTHERS")
"""Whose "their" may be, where they stand before it."""
PORTIONS = _words("PORTIONS")
"""Nouns behind which "of" goes on to what is meant: "a history of addiction"."""
KINDS = ("role", "trait", "loose")
SUPPORT = _words("SUPPORT")
COURT = _words("COURT")
FROM_PLACE = _words("FROM_PLACE")
MEANS = _words("MEANS")
ABILITIES = _words("ABILITIES")
KIN = _words("KIN")
STRIVES = _words("STRIVES")
"""What one does to become somebody: "is training to become a pilot"."""
TROUBLES = _words("TROUBLES")
LIFE = _words("LIFE")
"""What people do in their lives: said of the person, and of no answer, it says who they are."""
ANSWERS = _words("ANSWERS")
"""What a persona is about."""
HAVE = _verbs("HAVE")
"""Verbs whose object may say who a person is, each with the prepositions that may follow it."""
ANYTHING = _verbs("ANYTHING")
"""Verbs that say who a person is whatever follows the preposition."""
STATES = _phrases("STATES")
"""Phrases by their first word: they say who a person is behind "is", at a start or after a noun for the person."""
ASSUMES = _words("ASSUMES")
TIMES = _words("TIMES")
"""What one can live in that is no place."""
ORIGINS = _words("ORIGINS")
PLACES = _words("PLACES")
HEADS = _words("HEADS")
"""Nouns that say who a person is behind "in" or "on": "in a long-distance relationship"."""
LABELS = _words("LABELS")
DECADES = _words("DECADES")
NOT_NAMES = _words("NOT_NAMES")
NOBODY = _words("NOBODY")
"""What one can be called and remain a stranger: "is a careful reader"; other nouns say who somebody is."""
NUMBERS = _words("NUMBERS")
SPANS = _words("SPANS")
TREATED = _words("TREATED")
"""Verbs of a manner: "explains things as a teacher would", "to be treated as an adult"."""
BEHIND = _words("BEHIND")
"""What follows a noun that stands alone for the person: "Nurse who …"."""
