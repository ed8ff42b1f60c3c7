"""Time of the search for identity statements in one text without sentence ends, which callers may hand over whole."""

from __future__ import annotations

import pytest
from growth import assert_growth

from personalrm.synthesis.identity import identity_claims

UNITS = [
    *("[[", "((", "nurse, . ", "Nurse,[", "probably ", "likely a ", "is ", "be ", "got ", "near - "),
    *("training to be ", "wants to be ", "is very ", "age * "),
]


@pytest.mark.parametrize("unit", UNITS)
def test_claims_are_found_in_proportion_to_the_length_of_the_text(unit: str) -> None:
    def search(text: str) -> None:
        identity_claims.cache_clear()  # a second measurement shall search too
        identity_claims(text)

    assert_growth(search, unit * (3_000 // len(unit)), unit * (24_000 // len(unit)), 20)  # quadratic: 64


def test_a_long_chain_of_verbs_is_no_error_and_a_short_one_has_the_subject_of_its_first_verb() -> None:
    assert [hit.key for hit in identity_claims("They are training to become a nurse.")] == [("nurse",)]
    assert [hit.key for hit in identity_claims("Hopes to be training to become a nurse.")] == [("nurse",)]
    chain = "training to become " * 2_000
    assert not identity_claims(f"The answer shows somebody {chain} a nurse")
