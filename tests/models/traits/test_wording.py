"""Traits in plain words: every trait has a phrase for more and for less of it."""

from __future__ import annotations

from personalrm.models.traits.features import TRAITS
from personalrm.models.traits.prior import PERSONAL
from personalrm.models.traits.wording import PREFERENCES, difference, in_words, sayable

BESIDE = {"similarity to the message"}  # of the encoder, no column of `TRAITS`


def test_every_trait_has_two_phrases_and_no_two_traits_share_one() -> None:
    said = [difference(trait, more=more) for trait in TRAITS for more in (True, False)]
    lengths = sum(trait.startswith("length beyond") for trait in TRAITS)
    assert len(set(said)) == 2 * len(TRAITS)
    assert lengths == 5
    assert not [one for one in said if one.startswith(("more ends", "more starts", "more stays", "more opens"))]


def test_the_phrases_are_of_traits_that_there_are() -> None:
    assert set(PREFERENCES) - BESIDE <= set(TRAITS)
    assert all(sayable(trait) for trait in PREFERENCES)
    assert {trait for trait in PERSONAL if not sayable(trait)} == set()


def test_a_preference_in_words() -> None:
    assert in_words("bullets", more=True) == "bullet points"
    assert in_words("length", more=False) == "shorter answers"
    assert difference("hedging words", more=False) == "fewer hedging words"
    assert difference("answers the question's words", more=False) == "fewer words of the question"
