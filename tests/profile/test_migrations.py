"""Profiles that earlier versions wrote still load, and predict as they did.

`old/` was written by personalrm 0.1 (schema 1), on simulated people with short texts; `expected.json` holds what that
version said of the same files.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from personalrm.client import Client
from personalrm.errors import ProfileError
from personalrm.profile.file import load, save
from personalrm.profile.migrations import STEPS
from personalrm.profile.options import Options
from personalrm.profile.records import SCHEMA, JudgeState, TrainedState, TraitsState
from personalrm.synthesis.persona import persona_text

OLD = Path(__file__).parent / "old"
EXPECTED = json.loads((OLD / "expected.json").read_text())
FILES = ("judge", "judge-paper", "traits", "traits-population", "trained")


@pytest.mark.parametrize("name", FILES)
def test_an_old_profile_loads_and_is_written_in_today_s_schema(name: str, tmp_path: Path) -> None:
    record = json.loads((OLD / f"{name}.json").read_text())
    assert record["schema"] == 1
    profile = load(OLD / f"{name}.json")
    assert (profile.user, profile.model, profile.schema) == (record["user"], record["model"], SCHEMA)
    assert [one.id for one in profile.history] == [one["id"] for one in record["history"]["choices"]]
    assert profile.fallback.chosen == record["fallback"]["chosen"]
    assert (profile.seed, profile.preset) == (record["options"]["seed"], record["options"]["preset"])
    save(profile, tmp_path / "new.json")
    assert json.loads((tmp_path / "new.json").read_text())["schema"] == SCHEMA
    assert load(tmp_path / "new.json") == profile


def test_what_only_one_engine_understands_stands_in_its_state() -> None:
    judge, traits, trained = (load(OLD / f"{name}.json").engine for name in ("judge", "traits", "trained"))
    record = json.loads((OLD / "judge.json").read_text())
    assert isinstance(judge, JudgeState)
    assert [one.text for one in judge.reasonings] == [one["text"] for one in record["reasonings"]]
    assert dict(judge.prompts) == record["prompts"]
    assert isinstance(traits, TraitsState)
    assert set(traits.state) == {"departure", "covariance", "prior"}
    assert isinstance(trained, TrainedState)
    assert trained.stamp == json.loads((OLD / "trained.json").read_text())["checkpoint"]


@pytest.mark.parametrize("name", ["traits", "traits-population"])
def test_the_embedded_engine_predicts_as_it_did(name: str) -> None:
    profile = load(OLD / f"{name}.json")
    pairs = [(one.context, one.chosen, one.rejected) for one in profile.history]
    found = [one.probability for one in Client().compare_many(profile, pairs)]
    assert found == pytest.approx(EXPECTED[name], abs=1e-6)


def test_a_trained_model_predicts_as_it_did_wherever_it_lies(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    shutil.copytree(OLD / "lore-model", tmp_path / "moved")
    profile = load(OLD / "trained.json")
    client = Client(f"trained:{tmp_path / 'moved'}")
    pairs = [(one.context, one.chosen, one.rejected) for one in profile.history]
    assert [one.probability for one in client.compare_many(profile, pairs)] == pytest.approx(
        EXPECTED["trained"], abs=1e-6
    )


@pytest.mark.parametrize("name", ["judge", "judge-paper"])
def test_a_judge_is_shown_what_it_was_shown(name: str) -> None:
    profile = load(OLD / f"{name}.json")
    assert Client().judge_prompt(profile) == EXPECTED[name]["judge_prompt"]
    assert profile.persona is not None
    assert persona_text(profile.persona) == EXPECTED[name]["persona"]


def test_there_is_a_step_from_every_earlier_schema() -> None:
    assert sorted(STEPS) == list(range(1, SCHEMA))


def test_options_that_an_old_profile_does_not_have_are_the_defaults(tmp_path: Path) -> None:
    record = json.loads((OLD / "judge-paper.json").read_text())
    del record["options"]  # as 0.1 wrote them first
    (tmp_path / "older.json").write_bytes(orjson.dumps(record))
    assert load(tmp_path / "older.json").options == Options(preset="paper", seed=3)


def _without(record: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != name}


@pytest.mark.parametrize(("name", "field"), [("judge", "reasonings"), ("judge", "history"), ("traits", "fallback")])
def test_a_field_that_an_old_profile_lacks_is_named(name: str, field: str, tmp_path: Path) -> None:
    record = json.loads((OLD / f"{name}.json").read_text())
    (tmp_path / "damaged.json").write_bytes(orjson.dumps(_without(record, field)))
    with pytest.raises(ProfileError, match=f"'{field}'"):
        load(tmp_path / "damaged.json")


@pytest.mark.parametrize("value", [7, "x", [], [1]])
@pytest.mark.parametrize("field", ["traits", "schema", "history", "fallback"])
def test_an_old_profile_of_another_kind_is_refused_in_one_sentence(field: str, value: object, tmp_path: Path) -> None:
    record = json.loads((OLD / "traits.json").read_text()) | {field: value}
    (tmp_path / "damaged.json").write_bytes(orjson.dumps(record))
    with pytest.raises(ProfileError, match=r"damaged\.json") as caught:
        load(tmp_path / "damaged.json")
    assert "\n" not in str(caught.value)
