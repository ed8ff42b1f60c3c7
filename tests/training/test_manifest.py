from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from facts import naming, tells

from personalrm.errors import DataError, StorageError
from personalrm.models.trained import MANIFEST
from personalrm.profile.provenance import Lineage
from personalrm.training.card import PAPERS, card
from personalrm.training.config import LEARNED
from personalrm.training.evaluation import PredictorMetrics
from personalrm.training.manifest import SCHEMA, DataFile, Manifest, read, versions, write
from personalrm.training.outcome import TruncationCount
from personalrm.training.table import sentences, summary

FOUND = Manifest(
    schema=SCHEMA,
    kind="learned",
    method="pref:published",
    features="traits",
    settings={"epochs": 3, "learning_rate": None},
    seed=1,
    split="all",
    data=DataFile("people.jsonl", "ab12", 12, 80, 2, 1, 0),
    validation=None,
    people=12,
    choices=80,
    evaluated_on="each person by a member that did not learn from them",
    metrics=(
        PredictorMetrics("pref:published", 0.7, 0.6, 0.8, 0.6, 12, 80),
        PredictorMetrics("longer", 0.6, None, None, None, 12, 80),
    ),
    truncated=TruncationCount("texts", 3, 240),
    device="cpu",
    seconds=1.5,
    resumed=True,
    versions={"personalrm": "0.1.0"},
    lineage=Lineage.of(["ada"]),
    run={"data": {"value": "ab12", "said": "people.jsonl"}},
)


def test_round_trip(tmp_path: Path) -> None:
    write(FOUND, tmp_path)
    assert read(tmp_path) == FOUND
    with pytest.raises(StorageError, match=naming(tmp_path / "nowhere")):
        write(FOUND, tmp_path / "nowhere")


def test_a_manifest_of_version_0_1_is_read(tmp_path: Path) -> None:
    population = PredictorMetrics("population", 0.65, 0.6, 0.7, 0.63, 12, 80)
    found = replace(FOUND, metrics=(*FOUND.metrics, population))
    write(found, tmp_path)
    now = orjson.loads((tmp_path / MANIFEST).read_bytes())
    renamed = {"features": "sees", "split": "part", "evaluated_on": "how", "metrics": "figures", "truncated": "cut"}
    before = {renamed.get(name, name): value for name, value in now.items()} | {"schema": 1}
    before["figures"][-1]["name"] = "everybody"
    (tmp_path / MANIFEST).write_bytes(orjson.dumps(before))
    assert read(tmp_path) == found
    (tmp_path / MANIFEST).write_bytes(orjson.dumps(before | {"figures": 3}))
    with pytest.raises(DataError, match="field 'metrics'"):
        read(tmp_path)


@pytest.mark.parametrize(("old", "new"), [("figures", "metrics"), ("cut", "truncated"), ("part", "split")])
def test_a_field_of_the_manifest_keeps_its_old_spelling(old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=rf"Manifest\.{old} is now Manifest\.{new}"):
        assert getattr(FOUND, old) is getattr(FOUND, new)


def test_a_damaged_manifest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=naming(tmp_path)):
        read(tmp_path)
    good = orjson.loads(orjson.dumps(FOUND))
    for record, says in (
        ([], "expected a JSON object"),
        (good | {"schema": SCHEMA + 1}, "newer personalrm"),
        (good | {"seed": "x"}, "field 'seed'"),
        ({"schema": 1}, "field '"),
    ):
        (tmp_path / MANIFEST).write_bytes(orjson.dumps(record))
        with pytest.raises(DataError, match=says):
            read(tmp_path)


def test_the_card_and_the_summary() -> None:
    text = card(FOUND)
    assert "trained:DIR" in text
    assert "| pref:published | 0.700 | 0.600–0.800 | 0.600 | 12 | 80 |" in text
    assert "| longer | 0.600 | – | – | 12 | 80 |" in text
    assert "CC-BY-NC-4.0" in text
    assert "ada" not in text
    assert set(PAPERS) == set(LEARNED)
    said = sentences(FOUND)
    assert any(tells(one, "3 of 240 texts") for one in said)
    assert tells(said[-1], "1.5 s", "cpu")
    tuned = sentences(replace(FOUND, truncated=TruncationCount("inputs", 1, 2)))
    assert any(tells(one, "backbone", "1 of 2 inputs") for one in tuned)
    assert orjson.loads(orjson.dumps(summary(FOUND, Path("out"))))["metrics"][0]["accuracy"] == 0.7
    assert {"personalrm", "torch"} <= versions().keys()
