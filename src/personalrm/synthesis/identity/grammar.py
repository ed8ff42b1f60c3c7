"""Function words and verbs that determine whom a sentence is about (``grammar.txt``)."""

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
"""Nouns for the subject of a persona that carry no identity: "user", "person"."""
DEFINITE = _words("DEFINITE")
ENDS = frozenset(".;:!?()—–[]|•*")
"""Punctuation that ends a clause."""
GUESSES = _words("GUESSES")
ADVERBS = GUESSES | _words("ADVERBS")
ALONE = _words("ALONE")
"""Intransitive verbs that state an identity."""
HELPERS = _words("HELPERS")
BE = _words("BE")
SEEM = _words("SEEM")
AUX_AFTER = _words("AUX_AFTER")
DETERMINERS = _words("DETERMINERS")
BREAKS = _words("BREAKS")
"""Words that end a noun phrase."""
MODALS = _words("MODALS")
LIKED = _words("LIKED")
TASTES = _words("TASTES")
"""Verbs of preference; their object is a topic."""
FACTS = _words("FACTS")
"""Verbs that state an identity."""
NO_HEADS = _words("NO_HEADS")
"""Words in -ing that are nouns: "nurse training" is about training."""
HINTS = _words("HINTS")
FANS = _words("FANS")
"""Head nouns that turn their modifier into a taste: "an American football fan"."""
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
"""Nouns with the ending of a job that name a taste or a temper."""
OTHERS = _words("OTHERS")
"""Nouns to which a later "their" may refer."""
PORTIONS = _words("PORTIONS")
"""Nouns whose "of" phrase holds the content: "a history of addiction"."""
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
"""Activities of daily life: an identity if the subject is the user, not an answer."""
ANSWERS = _words("ANSWERS")
"""Nouns for answers and their parts, the topics of a persona."""
HAVE = _verbs("HAVE")
"""Verbs whose object may state an identity, each with the prepositions that may follow it."""
ANYTHING = _verbs("ANYTHING")
"""Verbs that state an identity whatever follows the preposition."""
STATES = _phrases("STATES")
"""Phrases by first word that state an identity after "is", at a start, or after a noun for the user."""
ASSUMES = _words("ASSUMES")
TIMES = _words("TIMES")
"""Objects of "live in" that are not places."""
ORIGINS = _words("ORIGINS")
PLACES = _words("PLACES")
HEADS = _words("HEADS")
"""Nouns that state an identity after "in" or "on": "in a long-distance relationship"."""
LABELS = _words("LABELS")
DECADES = _words("DECADES")
NOT_NAMES = _words("NOT_NAMES")
NOBODY = _words("NOBODY")
"""Nouns after "is a" that carry no identity: "is a careful reader". Other nouns do."""
NUMBERS = _words("NUMBERS")
SPANS = _words("SPANS")
TREATED = _words("TREATED")
"""Verbs before "as" that describe a manner: "explains things as a teacher would", "to be treated as an adult"."""
BEHIND = _words("BEHIND")
"""Words that follow a bare noun for the user: "Nurse who …"."""
