"""Finds identity statements in a sentence.

[hit.key for hit in identity_claims("They have two children and live near Boston.")]
# [("children",), ("boston",)]
identity_claims("Likes recipes from Texas.")                                    # ()
"""

from __future__ import annotations

from functools import lru_cache

from personalrm.synthesis.identity.mentions import MENTIONS
from personalrm.synthesis.identity.predicates import PREDICATES
from personalrm.synthesis.identity.sentence import Hit, Sentence


@lru_cache(maxsize=256)  # a summary repeats its claims word for word; personas are read in several threads
def identity_claims(text: str) -> tuple[Hit, ...]:
    """Return every statement about who the user is."""
    sentence = Sentence.of(text)
    found = (
        way(sentence, i)
        for way, words in (*PREDICATES, *MENTIONS)
        for i, word in enumerate(sentence.low)
        if words is None or word in words
    )
    return tuple(one for one in found if one is not None)
