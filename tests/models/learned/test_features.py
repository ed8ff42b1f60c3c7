"""Feature rows: equal to the traits engine's, computed once, independent of the other rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from personalrm.errors import NotEnoughChoices
from personalrm.models.encoders.base import Flags, Vectors, unit
from personalrm.models.learned import features as module
from personalrm.models.learned.features import PERSONAL_SD, Features, encoder_part, learn_features
from personalrm.models.traits.design import SIMILARITY_SD, design_of, read, together
from personalrm.models.traits.prior import PERSONAL_COLUMNS
from personalrm.models.traits.reader import TraitReader
from personalrm.preferences import History, Message


class Letters:
    """An encoder that counts letters."""

    name, width, truncated = "letters", 26, 0

    def __init__(self) -> None:
        self.asked: list[str] = []

    def mark(self, texts: Sequence[str]) -> tuple[Vectors, Flags]:
        return self.embed(texts), np.zeros(len(texts), dtype=bool)

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked.extend(texts)
        return unit(np.array([[1.0 + text.lower().count(chr(97 + at)) for at in range(26)] for text in texts]))

    def text(self, context: Sequence[Message], response: str) -> str:
        return response


@pytest.fixture(scope="module")
def traits(twenty_people: list[History]) -> Features:
    return learn_features("traits", twenty_people, None)


def items_of(one: History) -> list[module.Item]:
    return [(each.context, side) for each in one for side in (each.chosen, each.rejected)]


def test_differences_of_rows_are_the_columns_of_the_traits_engine(
    twenty_people: list[History], traits: Features
) -> None:
    reader = TraitReader()
    design = design_of(together([read(one.decided, reader) for one in twenty_people]), with_sense=False)
    for one in twenty_people[:4]:
        rows = traits.of(items_of(one))
        theirs = design.columns(design.differences(read(one.decided, reader)))
        ours = rows[0::2] - rows[1::2]
        kinds = len(design.blank.traits) + len(design.blank.words)  # crossed with the message, which both share
        assert np.allclose(ours[:, :kinds], theirs[:, :kinds], atol=1e-4)
        assert np.allclose(ours[:, kinds:], theirs[:, kinds:], atol=1e-4)
        assert rows.shape[1] == traits.width == theirs.shape[1]
        assert rows.dtype == np.float32


def test_a_row_is_independent_of_the_other_rows(twenty_people: list[History], traits: Features) -> None:
    items = items_of(twenty_people[0])
    many = traits.of([*items_of(twenty_people[1]), *items, *items])
    for at, item in enumerate(items):
        assert np.array_equal(replace(traits, kept=type(traits.kept)()).of([item])[0], many[16 + at])
    assert np.array_equal(many[16:32], many[32:])
    assert np.array_equal(traits.of(items), many[16:32])
    assert traits.of([]).shape == (0, traits.width)


def test_a_response_is_computed_once_per_conversation(twenty_people: list[History]) -> None:
    encoder = Letters()
    both = replace(learn_features("traits+minilm", twenty_people, encoder))
    encoder.asked.clear()
    items = items_of(twenty_people[0])
    both.of([*items, *items])
    assert encoder.asked.count(items[0][1]) == 1
    both.of(items)
    assert encoder.asked.count(items[0][1]) == 1
    other = ((Message("user", "Something else?"),), items[0][1])
    assert not np.array_equal(both.of([other]), both.of(items[:1]))


def test_the_row_cache_is_bounded(twenty_people: list[History], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBER", 5)
    few = learn_features("traits", twenty_people, None)
    whole = few.of(items_of(twenty_people[0]))
    assert len(few.kept) == 5
    assert all(row.base is None for row in few.kept.values())
    assert np.array_equal(few.of(items_of(twenty_people[0])), whole)
    few.of(items_of(twenty_people[1])[:2])
    assert len(few.kept) == 5


def test_personal_columns_are_traits_and_similarity(twenty_people: list[History]) -> None:
    both = learn_features("traits+letters", twenty_people, Letters())
    rows = both.of(items_of(twenty_people[0]))
    personal = both.personal(rows)
    assert personal.shape == (16, len(PERSONAL_COLUMNS) + 1)
    near = rows[:, -27]
    assert np.allclose(personal[:, -1], near * (PERSONAL_SD / SIMILARITY_SD), atol=1e-6)
    assert both.width == rows.shape[1]


def test_without_traits_personal_columns_are_principal_directions(twenty_people: list[History]) -> None:
    alone = learn_features("letters", twenty_people, Letters())
    assert alone.design is None
    differences = []
    for one in twenty_people:
        rows = alone.personal(alone.of(items_of(one)))
        differences.append(rows[0::2] - rows[1::2])
    spread = np.concatenate(differences)[:, 1:].std(0)
    assert list(spread) == sorted(spread, reverse=True)
    assert np.sqrt((spread**2).mean()) == pytest.approx(PERSONAL_SD, rel=0.05)


def test_a_choice_without_a_message_has_a_row(twenty_people: list[History], traits: Features) -> None:
    assert np.isfinite(traits.of([((), "Hello."), ((), "")])).all()


def test_an_empty_population_is_refused() -> None:
    with pytest.raises(NotEnoughChoices):
        learn_features("traits", [History("nobody", ())], None)


def test_the_encoder_in_a_name() -> None:
    assert encoder_part("traits") is None
    assert encoder_part("traits+hf:some/model") == "hf:some/model"
    assert encoder_part("minilm") == "minilm"
