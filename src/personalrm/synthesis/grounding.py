"""Drops statements about the user's identity that the user's own words do not support.

A judge needs tastes. Guesses of name, age, gender, family, health, origin, religion, politics, sexuality, education,
job, income and home are often wrong, and harmful when right. A sentence with such a guess is dropped unless the user
stated it of themselves ("I am a nurse", "my two kids"; "my doctor says" does not make the user a doctor). Topics that a
user likes are kept: "recipes of African origin", "an answer a student could follow".

    invents("Is likely a nurse in her forties.", own_words(choices))        # True
    grounded("Likes lists. She works as a nurse.", own_words(choices))      # "Likes lists."

English only. Texts are truncated to `LONGEST` characters; time is linear in the length: a persona of 1,000 words takes
about 20 ms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from personalrm.preferences import Preference
from personalrm.synthesis.identity import identity_claims, statements_of
from personalrm.synthesis.identity.grammar import NOT_NAMES, PEOPLE, TASTES
from personalrm.synthesis.identity.lexicon import plurals, term_at

LONGEST = 8_000
"""Maximum characters of a text; a persona has about 1,000. The rest is dropped."""
LONGEST_TURN = 24_000
"""Maximum characters of a user turn that are searched for self-descriptions."""
LONGEST_SENTENCE = 1_000
_SENTENCE = re.compile(r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bDr\.)(?<!\bvs\.)(?<!\bU\.S\.)[ \t]")
_SPACE = re.compile(r"\s+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_NEUTRAL = re.compile(
    r"\b(?:s?he|his|hers?|him)(?: ?/ ?| or )(?:s?he|his|hers?|him)\b|\(s\)he|\bs/he\b"
    r"|\b(?:him|her)self or (?:him|her)self\b",
    re.IGNORECASE,
)
_HIM = "male man boy guy gentleman father dad grandfather grandpa husband widower son brother uncle businessman"
_HER = "female woman girl lady mother mom mum grandmother grandma wife widow daughter sister aunt businesswoman"
_PRONOUNS = (
    (re.compile(r"\b(?:he|him|his|himself)\b", re.IGNORECASE), _HIM.split()),
    (re.compile(r"\b(?:she|her|hers|herself)\b", re.IGNORECASE), _HER.split()),
)
_NAMES = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b[Nn]ame is [\"“'‘]?(?P<key>[A-Z]\w{0,40})",
        r"\b[Nn]ame[*_ ]{0,3}:[*_\"“'‘ ]{0,5}(?P<key>[A-Z]\w{0,40})",
        r"\b(?:[Pp]erson|[Uu]ser|[Ii]ndividual|[Pp]ersona|[Ss]omeone|[Ww]ho|[Tt]hey)(?: is| are)?,? "
        r"(?:named|called|known as|goes by|go by) [\"“'‘]?(?P<key>[A-Z]\w{0,40})",
        r"(?:^|[.!?] )(?:[Ii]s )?(?:[Nn]amed|[Cc]alled|[Gg]oes by(?: the name)?(?: of)?) "
        r"[\"“'‘]?(?P<key>[A-Z]\w{0,40})",
        r"(?:^|[.!?] )[Mm]eet [\"“'‘]?(?P<key>[A-Z]\w{0,40})",
    )
)
_SUBJECT = re.compile(
    r"\W{0,5}(?P<key>[A-Z][a-z]{1,30})(?: [A-Z][a-z]{1,30}| [A-Z]\.)?(?:['’]s)? "
    r"(?:prefers|likes|values|wants|enjoys|appreciates|dislikes|seeks|aims|needs|loves|hates)\b"
)


def own_words(choices: Iterable[Preference]) -> str:
    """Return all text written by the user: their turns in the conversations and their stated reasons, in lower case."""
    said: list[str] = []
    for choice in choices:
        said.extend(turn.content[:LONGEST_TURN] for turn in choice.context if turn.role == "user")
        if choice.reason:
            said.append(choice.reason[:LONGEST_TURN])
    return "\n".join(said).casefold()


def invents(text: str, words: str) -> bool:
    """Return whether the text states an identity that the user's own words do not, or is too long to be checked.

    Args:
        text: a claim or a sentence of the persona.
        words: `own_words` of the user.
    """
    return len(text) > LONGEST or any(_invents(one, words) for one in _sentences(text))


def grounded(text: str, words: str) -> str:
    """Return the text, on one line, without sentences and lines that state or name an unsupported identity."""
    sentences = list(_sentences(text[:LONGEST]))
    named = {key for one in sentences for key in _names(one)}
    invented = [re.compile(rf"\b{re.escape(name)}\b") for name in named if not _is_stated(name, words)]
    kept = [one for one in sentences if not _invents(one, words) and not any(n.search(one) for n in invented)]
    return " ".join(kept)


def _sentences(text: str) -> Iterator[str]:
    """Sentences and lines, each on one line; an overlong one is split into pieces."""
    for line in _INVISIBLE.sub("", text).splitlines():
        for sentence in _SENTENCE.split(line):
            whole = _SPACE.sub(" ", sentence).strip()
            for at in range(0, len(whole), LONGEST_SENTENCE):
                yield whole[at : at + LONGEST_SENTENCE]


def _invents(sentence: str, words: str) -> bool:
    sentence = _NEUTRAL.sub("they", sentence)
    if any(not _is_stated(name, words) for name in _names(sentence)):
        return True
    statements = statements_of(words)
    for pattern, gender in _PRONOUNS:
        found = pattern.search(sentence)
        if (
            found
            and not _speaks_of_others(sentence[: found.start()])
            and not any(_is_stated(one, words) for one in gender)
        ):
            return True
    return any(not statements.state(hit.evidence, hit.key) for hit in identity_claims(sentence))


def _names(sentence: str) -> Iterator[str]:
    """Names that the sentence gives to the user."""
    for pattern in _NAMES:
        yield from (found["key"] for found in pattern.finditer(sentence))
    opening = _SUBJECT.match(sentence)
    if opening is not None and _may_be_name(opening["key"].lower()):
        yield opening["key"]


def _may_be_name(word: str) -> bool:
    if word in NOT_NAMES or word in PEOPLE or word in TASTES or word.endswith("ly"):
        return False
    return term_at((word,), 0, "role", "trait", "loose", "thing") is None and word not in plurals()


def _speaks_of_others(before: str) -> bool:
    """Whether "her" may refer to somebody named before: "a story of a woman and her dog"."""
    low = tuple(re.findall(r"[a-z'-]+", before.lower()))
    return any(low[at] in TASTES for at in range(len(low))) and any(
        term_at(low, at, "role") is not None for at in range(1, len(low))
    )


def _is_stated(word: str, words: str) -> bool:
    return statements_of(words).state("self", (word.casefold(),))
