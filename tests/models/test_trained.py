from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from facts import naming

from personalrm.data.reading import read_people
from personalrm.errors import DataError, MissingExtra
from personalrm.models.learned import LearnedModel, Settings, save, train
from personalrm.models.learned_card import CARD
from personalrm.models.reward_model.record import FILE
from personalrm.models.trained import FILES, MANIFEST, kind_of, load_trained, trained_people


@pytest.fixture(scope="module")
def folder(few_people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A learned model saved from Python."""
    out = tmp_path_factory.mktemp("trained") / "pref"
    save(train(read_people(few_people), Settings("pref", features="traits", members=1, epochs=1)), out)
    return out


def test_kinds_are_told_apart_without_torch(folder: Path, tmp_path: Path) -> None:
    assert FILES == {"learned": CARD, "bradley-terry": FILE}
    assert kind_of(folder) == "learned"
    (tmp_path / FILE).touch()
    assert kind_of(tmp_path) == "bradley-terry"
    program = "import sys; from personalrm.models import trained; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "False"


def test_a_model_saved_from_python_records_its_people(folder: Path, few_people: Path) -> None:
    model, person = load_trained(folder, "cpu"), next(iter(read_people(few_people)))
    assert isinstance(model, LearnedModel)
    assert trained_people(folder).holds(person.user)
    assert not trained_people(folder).holds("ada")
    pair = (person.choices[0].context, "One.", "Two, or three.")
    assert model.fit(person).compare(*pair).probability == pytest.approx(model.fit(person).compare_many([pair])[0])


def test_the_manifest_records_the_people_used(folder: Path, tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    with pytest.raises(DataError, match=naming("manifest.json")):
        trained_people(tmp_path)
    card = orjson.loads((folder / CARD).read_bytes())
    (tmp_path / MANIFEST).write_bytes(orjson.dumps({"lineage": card["summary"]["people"]}))
    assert trained_people(tmp_path) == trained_people(folder)
    old = tmp_path / "old"
    old.mkdir()
    (old / CARD).write_bytes(orjson.dumps(card | {"schema": 1, "facts": card.pop("summary")}))
    assert trained_people(old) == trained_people(folder)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"lineage": {"salt": "a", "people": 3}}'])
def test_a_damaged_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).touch()
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(DataError, match=naming("manifest.json")):
        trained_people(tmp_path)


def test_a_folder_without_a_model(folder: Path, tmp_path: Path) -> None:
    for nothing in (tmp_path, tmp_path / "nowhere"):
        for ask in (kind_of, load_trained, trained_people):
            with pytest.raises(DataError, match=naming(nothing, "personalrm train")):
                ask(nothing)  # type: ignore[operator]
    (tmp_path / CARD).write_bytes((folder / CARD).read_bytes())
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:500])
    with pytest.raises(DataError, match="damaged model"):
        load_trained(tmp_path)


def test_without_the_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "personalrm.models.learned.folder", None)
    with pytest.raises(MissingExtra, match=r"pip install 'personalrm\[train\]'"):
        load_trained(folder)
