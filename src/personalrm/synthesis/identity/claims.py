"""Finds identity statements in a sentence.

[hit.key for hit in identity_claims("They have two children and live near Boston.")]
# [("children",), ("boston",)]
list(identity_claims("Likes recipes from Texas."))                              # []
"""

from __future__ import annotations

from collections.abc import Iterator

from personalrm.synthesis.identity.mentions import MENTIONS
from personalrm.synthesis.identity.predicates import PREDICATES
from personalrm.synthesis.identity.sentence import Hit, Sentence


def identity_claims(text: str) -> Iterator[Hit]:
    """Yield every statement about who the user is."""
    sentence = Sentence.of(text)
    for way in (*PREDICATES, *MENTIONS):
        for i in range(len(sentence.low)):
            found = way(sentence, i)
            if found is not None:
                yield found
