"""Reading texts into traits: what is counted, what relates to the message, and texts nobody expects."""

from __future__ import annotations

import numpy as np
import pytest
from each import each
from growth import assert_growth
from hypothesis import given, settings
from hypothesis import strategies as st

from personalrm.models.traits import lexicon
from personalrm.models.traits.features import KINDS, TRAITS, last_message, split_words
from personalrm.models.traits.reader import TraitReader
from personalrm.preferences import Message

ASKED = "How do I boil an egg so that the yolk stays soft?"


def traits(response: str, asked: str = ASKED) -> dict[str, float]:
    return dict(zip(TRAITS, TraitReader().rows([(asked, response)]).traits[0], strict=True))


@each(
    ("trait", "more", "less"),
    [
        ("length", "one two three four five six seven", "one two three"),
        ("bullets", "Try:\n- salt\n- water", "Try salt and water"),
        ("numbered items", "1. Boil.\n2. Cool.", "Boil.\nCool."),
        ("headings", "# Eggs\nBoil them.", "Eggs\nBoil them."),
        ("code", "```\nboil()\n```", "boil()"),
        ("numbers", "Take 6 minutes at 100 degrees.", "Take a few minutes at a boil."),
        ("hedging words", "Perhaps it may depend.", "It is six minutes."),
        ("first person", "I like my eggs soft.", "Eggs are nice when soft."),
        ("own opinion", "I think six minutes.", "Take six minutes."),
        ("as an AI", "As an AI, eggs are foreign.", "As a cook, eggs are daily."),
        ("refusal", "I cannot help with this.", "Six minutes will do it."),
        ("offer to help", "Six minutes. Let me know how it went!", "Six minutes. That is how it goes!"),
        ("questions asked", "Which size?", "Any size."),
        ("ends with a question", "Boil it. Which size?", "Which size? Boil it."),
        ("starts with yes", "Sure, six minutes.", "Six minutes, sure."),
        ("answers the question's words", "The yolk stays soft if you boil the egg briefly.", "Ten minutes do."),
        ("echoes the message", f"{ASKED} Six minutes.", "Six minutes."),
        ("repetition", "Boil the egg. Boil the egg. Boil the egg.", "Boil it, cool it, then peel and eat your egg."),
        ("repeated sentences", "Yes. Boil it. Boil it. Boil it. Boil it. ", "Yes. Boil it. Cool it. Peel it. Eat it. "),
        ("role markers", "Six.\nUser: thanks", "Six.\nThe user thanks"),
        ("ends properly", "Six minutes.", "Six minutes and"),
        ("starts in lower case", "six minutes.", "Six minutes."),
        ("words per sentence", "Boil it for six minutes and then cool it down.", "Boil it. Six minutes. Then cool it."),
    ],
)
def test_a_trait_is_larger_where_there_is_more_of_it(trait: str, more: str, less: str) -> None:
    assert traits(more)[trait] > traits(less)[trait]


def test_curly_and_straight_quotes_are_read_alike() -> None:
    assert traits("I can’t say “no” – don’t ask.") == traits("I can't say \"no\" - don't ask.")


def test_words_are_runs_of_letters_digits_and_apostrophes() -> None:
    assert split_words("don't *stop*, 3.5 über_all\nnow") == ["don't", "stop", "3", "5", "über", "all", "now"]


def test_kinds_of_message_are_told_apart() -> None:
    def kinds(asked: str) -> set[str]:
        row = TraitReader().rows([(asked, "x")]).kinds[0]
        return {name for name, value in zip(KINDS, row, strict=True) if value}

    assert {"a question", "asks how"} <= kinds(ASKED)
    assert {"asks for a list", "sets a task"} <= kinds("Give me some ideas for dinner")
    assert "is a greeting" in kinds("Hello there, friend of mine")
    assert "is contested" in kinds("What do you think about abortion laws")
    assert "is a greeting" not in kinds(ASKED)


def test_a_reading_does_not_depend_on_its_neighbours() -> None:
    pairs = [(ASKED, "Six minutes."), ("Hi", "Hello! How are you?"), (ASKED, ""), ("", "x " * 500)]
    together = TraitReader().rows(pairs)
    for index, pair in enumerate(pairs):
        alone = TraitReader().rows([pair])
        assert np.array_equal(together.traits[index], alone.traits[0])
        assert np.array_equal(together.words[index], alone.words[0])
        assert np.array_equal(together.kinds[index], alone.kinds[0])


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec=None), max_size=200), st.text(st.characters(codec=None), max_size=200))
def test_any_text_gives_finite_traits(asked: str, response: str) -> None:
    rows = TraitReader().rows([(asked, response)])
    assert np.isfinite(rows.traits).all()
    assert rows.traits.shape == (1, len(TRAITS))


@each("unit", ["a", "a ", "- \n", "!?.", "**", "1", "\n", "🥚", "(", "Word. ", "’"])
def test_a_huge_text_is_read_in_proportion_to_its_length(unit: str) -> None:
    def read(text: str) -> None:
        assert np.isfinite(TraitReader().rows([(text, text)]).traits).all()

    assert_growth(read, unit * (5_000 // len(unit)), unit * (40_000 // len(unit)), 20)  # quadratic: 64


def test_the_message_answered_is_the_last_of_the_user() -> None:
    said = [("system", "Be brief."), ("user", "One?"), ("assistant", "1"), ("user", "Two?")]
    turns = [Message(role, content) for role, content in said]
    assert last_message(turns) == "Two?"
    assert last_message(turns[:3]) == "One?"
    assert last_message(turns[:1]) == "Be brief."
    assert last_message([]) == ""


def test_rows_are_recalled_exactly_and_only_the_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = TraitReader(remember=3)
    pairs = [(ASKED, f"Answer {number}! It is *{number * 37}*, perhaps.") for number in range(10)]
    first = reader.rows(pairs)
    assert len(reader._known) == 3
    monkeypatch.setattr(reader, "_rows", None)  # the last three are not read again
    again = reader.rows(pairs[7:])
    for name in ("traits", "words", "kinds"):
        assert np.array_equal(getattr(again, name), getattr(first, name)[7:])


def test_the_same_characters_divided_otherwise_are_another_pair() -> None:
    rows = TraitReader().rows([("a b", "c. d."), ("a b c", ". d."), ("", "a bc. d.")])
    assert len({row.tobytes() for row in rows.traits}) == 3


def test_one_reader_serves_several_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    reader, plain = TraitReader(remember=5), TraitReader()
    pairs = [(ASKED, f"Answer {number}.") for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(reader.rows, [pairs[at : at + 10] for at in range(0, 30, 3)] * 8))
    for at, rows in zip(list(range(0, 30, 3)) * 8, found, strict=True):
        assert np.array_equal(rows.traits, plain.rows(pairs[at : at + 10]).traits)


def test_nothing_to_read_gives_no_rows() -> None:
    assert TraitReader().rows([]).traits.shape == (0, len(TRAITS))


def test_common_words_are_plain_words_and_none_twice() -> None:
    words = lexicon.common_words()
    assert len(words) == len(set(words)) == 626
    assert all(word == word.lower() and " " not in word for word in words)
