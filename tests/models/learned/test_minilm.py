"""With the real encoder: embedding features, and a folder that is refused with a different encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pytest
from facts import naming

from personalrm.errors import DataError
from personalrm.models.encoders import shared_minilm
from personalrm.models.learned import LearnedModel, Settings, load, save, train
from personalrm.models.learned_card import CARD
from personalrm.preferences import History


@pytest.fixture(scope="module")
def model(twenty_people: list[History]) -> LearnedModel:
    few = [one.only(one.choices[:3]) for one in twenty_people[:10]]
    return train(few, Settings("pref", "minilm", members=1, epochs=2), encoder=shared_minilm())


def test_it_predicts_and_reads_again(model: LearnedModel, twenty_people: list[History], tmp_path: Path) -> None:
    save(model, tmp_path)
    again = load(tmp_path)
    pairs = [(one.context, one.chosen, one.rejected) for one in twenty_people[19].choices[:2]]
    mine = model.fit(twenty_people[19].only(twenty_people[19].choices[2:4]))
    assert np.isfinite(mine.margins_of(pairs).population).all()
    theirs = again.fit(twenty_people[19].only(twenty_people[19].choices[2:4]))
    assert np.allclose(mine.compare_many(pairs), theirs.compare_many(pairs), atol=1e-5)
    assert again.shared_reward.features.width == 1 + 384


def test_a_different_encoder_is_refused(model: LearnedModel, tmp_path: Path) -> None:
    save(model, tmp_path)
    card = orjson.loads((tmp_path / CARD).read_bytes())
    (tmp_path / CARD).write_bytes(orjson.dumps({**card, "encoder": "another one"}))
    with pytest.raises(DataError, match=naming("another one", "'minilm'")) as told:
        load(tmp_path)
    assert str(tmp_path) in str(told.value)
