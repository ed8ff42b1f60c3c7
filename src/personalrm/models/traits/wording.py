"""Traits in plain words: as a preference in a claim, and as a difference between two responses.

PREFERENCES["bullets"]           # ("bullet points", "no bullet points"): the user wants more, or less, of it
difference("lines", more=True)   # "more lines"
"""

from __future__ import annotations

PREFERENCES: dict[str, tuple[str, str]] = {
    "words per sentence": ("longer sentences", "shorter sentences"),
    "numbered items": ("numbered steps", "no numbered steps"),
    "bullets": ("bullet points", "no bullet points"),
    "lines": ("answers set in several lines", "answers in one block"),
    "hedging words": ("careful, hedged wording", "wording without hedging"),
    "first person": ("answers that speak as 'I'", "answers that do not speak as 'I'"),
    "second person": ("being addressed as 'you'", "answers that do not say 'you'"),
    "questions asked": ("answers that ask back", "answers that do not ask back"),
    "ends with a question": ("answers that end with a question", "answers that do not end with a question"),
    "refusal": ("answers that decline", "answers that do not decline"),
    "no opinion of its own": ("answers that keep out of opinions", "answers that do not hide behind neutrality"),
    "as an AI": ("answers that say they come from an AI", "answers without 'as an AI'"),
    "own opinion": ("answers that take a stand", "answers that take no stand"),
    "offer to help": ("offers of further help", "answers without offers of further help"),
    "balance words": ("a balanced view of all sides", "answers that do not weigh all sides"),
    "numbers": ("figures and numbers", "answers without figures"),
    "capital letters": ("names and proper nouns", "answers with few names"),
    "answers the question's words": ("answers that stay on the words of the question", "answers in words of their own"),
    "length of words": ("longer words", "plain short words"),
    "exclamation marks": ("exclamation marks", "answers without exclamation marks"),
    "warm words": ("warm wording", "matter-of-fact wording"),
    "empathy": ("empathy before the answer", "answers without shows of empathy"),
    "negations": ("answers that say what is not so", "answers without negations"),
    "examples given": ("examples", "answers without examples"),
    "starts with yes": ("answers that begin with yes or sure", "answers that do not begin with yes or sure"),
    "starts with no": ("answers that begin with no", "answers that do not begin with no"),
    "similarity to the message": ("answers close to the meaning of the question", "answers that lead away from it"),
}
"""Phrases for claimable traits: a preference for more of it, and for less of it."""

_DIFFERENCES: dict[str, tuple[str, str]] = {
    "length": ("more words", "fewer words"),
    "similarity to the message": ("a meaning closer to the question", "a meaning further from the question"),
    "words per sentence": ("longer sentences", "shorter sentences"),
    "length of words": ("longer words", "shorter words"),
    "share of function words": ("a larger share of function words", "a smaller share of function words"),
    "share of foreign characters": (
        "a larger share of non-ASCII characters",
        "a smaller share of non-ASCII characters",
    ),
    "foreign characters": ("more non-ASCII characters", "fewer non-ASCII characters"),
    "bullets": ("more bullet points", "fewer bullet points"),
    "bold": ("more bold text", "less bold text"),
    "code": ("more code", "less code"),
    "capital letters": ("more capital letters", "fewer capital letters"),
    "questions asked": ("more questions back", "fewer questions back"),
    "brackets": ("more brackets", "fewer brackets"),
    "ends with a question": ("a question at the end", "no question at the end"),
    "ends properly": ("an end with punctuation", "an end without punctuation"),
    "ends with an exclamation": ("an exclamation at the end", "no exclamation at the end"),
    "ends with a colon": ("a colon at the end", "no colon at the end"),
    "starts in lower case": ("a start in lower case", "a start with a capital"),
    "starts with a symbol": ("a symbol at the start", "no symbol at the start"),
    "starts with I": ("'I' at the start", "no 'I' at the start"),
    "starts with yes": ("yes or sure at the start", "no yes or sure at the start"),
    "starts with no": ("no at the start", "a start other than no"),
    "starts with a greeting": ("a greeting at the start", "no greeting at the start"),
    "starts with 'as a'": ("'as' at the start", "no 'as' at the start"),
    "starts plainly": ("an article or pronoun at the start", "no article or pronoun at the start"),
    "variety of words": ("more varied words", "less varied words"),
    "repetition": ("more repetition", "less repetition"),
    "obligation words": ("more should and must", "less should and must"),
    "first person": ("more 'I' and 'my'", "less 'I' and 'my'"),
    "second person": ("more 'you' and 'your'", "less 'you' and 'your'"),
    "we words": ("more 'we' and 'our'", "less 'we' and 'our'"),
    "third person": ("more 'he', 'she' and 'they'", "less 'he', 'she' and 'they'"),
    "reasons given": ("more reasons", "fewer reasons"),
    "examples given": ("more examples", "fewer examples"),
    "ordering words": ("more words of order (first, then)", "fewer words of order (first, then)"),
    "balance words": (
        "more words of balance (perspectives, complex)",
        "fewer words of balance (perspectives, complex)",
    ),
    "importance words": ("more 'important' and 'essential'", "less 'important' and 'essential'"),
    "past tense": ("more past tense", "less past tense"),
    "words for people": ("more mentions of people", "fewer mentions of people"),
    "machine words": ("more talk of models and AI", "less talk of models and AI"),
    "slang": ("more slang", "less slang"),
    "professional help": ("more referrals to professionals", "fewer referrals to professionals"),
    "as an AI": ("more 'as an AI'", "less 'as an AI'"),
    "no opinion of its own": ("more 'I have no opinion'", "less 'I have no opinion'"),
    "refusal": ("more refusal", "less refusal"),
    "own opinion": ("more opinion", "less opinion"),
    "offer to help": ("more offers of help", "fewer offers of help"),
    "reminders": ("more reminders ('note that')", "fewer reminders ('note that')"),
    "it depends": ("more 'it depends'", "less 'it depends'"),
    "what others say": ("more 'some people say'", "less 'some people say'"),
    "empathy": ("more empathy", "less empathy"),
    "ready help": ("more 'sure, here is'", "less 'sure, here is'"),
    "life stories": ("more personal stories", "fewer personal stories"),
    "answers the question's words": ("more words of the question", "fewer words of the question"),
    "share of the question's words": (
        "a larger share of the question's words",
        "a smaller share of the question's words",
    ),
    "opens on the question": (
        "more words of the question at the beginning",
        "fewer words of the question at the beginning",
    ),
    "stays on the question": (
        "more words of the question in the second half",
        "fewer words of the question in the second half",
    ),
    "echoes the message": ("a copy of the question in the answer", "no copy of the question in the answer"),
    "starts as the message": ("a start copied from the question", "a start of its own"),
}
"""Phrases for differences where "more" or "fewer" before the trait's name would not be English."""


def difference(trait: str, *, more: bool) -> str:
    """How the favoured response differs from the other in a trait, e.g. ``"fewer hedging words"``."""
    many, few = _DIFFERENCES.get(trait, (f"more {trait}", f"fewer {trait}"))
    return many if more else few


def in_words(trait: str, *, more: bool) -> str:
    """A preference for more, or less, of a trait: ``in_words("bullets", more=True)`` is ``"bullet points"``."""
    if trait == "length":
        return "longer answers" if more else "shorter answers"
    many, few = PREFERENCES.get(trait, (difference(trait, more=True), difference(trait, more=False)))
    return many if more else few


def sayable(trait: str) -> bool:
    """Whether a claim may name this trait."""
    return trait == "length" or trait in PREFERENCES
