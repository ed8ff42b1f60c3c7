from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from facts import naming

from personalrm.errors import DataError, MissingExtra
from personalrm.models.learned import METHODS as LEARNED_METHODS
from personalrm.models.reward_model import RewardSettings
from personalrm.training.config import LEARNED, TrainConfig, method_named, settings_of


def order(method: str, **given: Any) -> TrainConfig:
    return TrainConfig(method, "people.jsonl", Path("out"), given=given)


def test_methods_by_name() -> None:
    assert LEARNED == LEARNED_METHODS
    assert [method_named(one) for one in ("bt", "bradley-terry", "lore")] == ["bradley-terry", "bradley-terry", "lore"]
    with pytest.raises(DataError, match=naming("'dpo'", "bradley-terry", "pref")):
        method_named("dpo")


def test_settings_are_the_methods_own_unless_given() -> None:
    settings: Any = settings_of(order("vpl", epochs=3.0, published=True))
    assert (settings.epochs, settings.members, settings.label) == (3, 5, "vpl:published")
    with pytest.raises(DataError, match=naming("vpl", "1.5")):
        settings_of(order("vpl", epochs=1.5))


def test_minilm_has_settings_that_were_measured() -> None:
    minilm = settings_of(order("bradley-terry"))
    assert isinstance(minilm, RewardSettings)
    assert (minilm.learning_rate, minilm.frozen_layers, minilm.epochs, minilm.batch_size) == (1e-4, 3, 2.0, 16)
    other = settings_of(order("bradley-terry", backbone="elsewhere", epochs=1.5))
    assert isinstance(other, RewardSettings)
    assert (other.rate, other.frozen_layers, other.epochs) == (5e-5, 0, 1.5)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"pip install 'personalrm\[train\]'"):
        settings_of(order("pref"))
