"""A model on disk: the same predictions, no texts or names, and clear errors when damaged."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from facts import naming

from personalrm.errors import DataError, StorageError
from personalrm.models.learned import METHODS, LearnedModel, Settings, folder, load, save, train
from personalrm.models.learned.calibrating import Calibrator
from personalrm.models.learned.folder import NUMBERS
from personalrm.models.learned_card import CARD
from personalrm.preferences import History

FORMS = [*METHODS, "lore:published"]


@pytest.fixture(scope="module")
def saved(
    models: dict[str, LearnedModel], twenty_people: list[History], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[LearnedModel, Path]]:
    """Each model and its folder; one as published, which keeps a vector for each person."""
    published = train(twenty_people[:16], Settings("lore", "traits", published=True, members=1, epochs=2))
    where = tmp_path_factory.mktemp("models")
    found = {}
    for name, model in {**models, "lore:published": published}.items():
        found[name] = (replace(model, calibrator=Calibrator(1.05, 0.85)), where / name.replace(":", "-"))
        save(*found[name])
    return found


@pytest.mark.parametrize("name", FORMS)
def test_a_loaded_model_equals_the_saved_one(
    name: str, saved: dict[str, tuple[LearnedModel, Path]], twenty_people: list[History]
) -> None:
    model, where = saved[name]
    again = load(where)
    assert again.settings == model.settings
    assert again.summary == model.summary
    assert again.calibrator == model.calibrator
    pairs = [(one.context, one.chosen, one.rejected) for one in twenty_people[19]]
    for who in (twenty_people[16], twenty_people[17], History("nobody", ())):
        assert np.allclose(again.fit(who).compare_many(pairs), model.fit(who).compare_many(pairs), atol=1e-6)
    items = [(one.context, one.chosen) for one in twenty_people[19]]
    for mine, theirs in zip(
        model.score_many(twenty_people[16:18], items), again.score_many(twenty_people[16:18], items), strict=True
    ):
        assert np.allclose(mine, theirs, atol=1e-6)


def test_a_model_of_version_0_1_predicts_the_same(
    saved: dict[str, tuple[LearnedModel, Path]], twenty_people: list[History], tmp_path: Path
) -> None:
    from safetensors.torch import load as tensors
    from safetensors.torch import save as as_bytes

    model, _ = saved["pref"]
    save(model, tmp_path)
    numbers = tensors((tmp_path / NUMBERS).read_bytes())
    numbers["everybody"] = numbers.pop("population")
    (tmp_path / NUMBERS).write_bytes(as_bytes(numbers))
    card = orjson.loads((tmp_path / CARD).read_bytes()) | {"schema": 1, "checksums": {}}
    scales, summary = card.pop("calibration"), card.pop("summary")
    card["trust"] = {"everybody": scales["population"], "person": scales["person"]}
    card["facts"] = summary | {"everybody_log_loss": summary.pop("population_log_loss")}
    del card["settings"]["new_texts"]
    (tmp_path / CARD).write_bytes(orjson.dumps(card))
    again = load(tmp_path)
    assert (again.calibrator, again.summary) == (model.calibrator, model.summary)
    assert (model.settings.new_texts, again.settings.new_texts) == (True, False)
    pairs = [(one.context, one.chosen, one.rejected) for one in twenty_people[19]]
    assert np.allclose(
        again.fit(twenty_people[16]).compare_many(pairs), model.fit(twenty_people[16]).compare_many(pairs), atol=1e-6
    )


@pytest.mark.parametrize("name", FORMS)
def test_saving_twice_gives_the_same_bytes(
    name: str, saved: dict[str, tuple[LearnedModel, Path]], tmp_path: Path
) -> None:
    _, where = saved[name]
    save(load(where), tmp_path / "again")
    for file in (CARD, NUMBERS):
        assert (tmp_path / "again" / file).read_bytes() == (where / file).read_bytes()
    assert sorted(one.name for one in where.iterdir()) == sorted([CARD, NUMBERS])


@pytest.mark.parametrize("name", FORMS)
def test_the_folder_holds_no_names_and_no_texts(
    name: str, saved: dict[str, tuple[LearnedModel, Path]], twenty_people: list[History]
) -> None:
    _, where = saved[name]
    written = (where / CARD).read_bytes() + (where / NUMBERS).read_bytes()
    for who in twenty_people:
        assert who.user.encode() not in written
        for one in who:
            for text in (one.id, one.group, one.chosen, one.rejected, one.chosen[:20], one.context[0].content[:20]):
                assert text.encode() not in written


def test_an_earlier_model_is_replaced(saved: dict[str, tuple[LearnedModel, Path]], tmp_path: Path) -> None:
    save(saved["gpo"][0], tmp_path)
    save(saved["pref"][0], tmp_path)
    assert load(tmp_path).settings.method == "pref"


Damage = Callable[[Path], Any]


def changed(**changes: Any) -> Damage:
    """The card with other values."""

    def change(where: Path) -> None:
        card = orjson.loads((where / CARD).read_bytes())
        (where / CARD).write_bytes(orjson.dumps({**card, **changes}))

    return change


def lacking(name: str) -> Damage:
    """The card without a value."""

    def change(where: Path) -> None:
        card = orjson.loads((where / CARD).read_bytes())
        del card[name]
        (where / CARD).write_bytes(orjson.dumps(card))

    return change


DAMAGES: list[tuple[str, Damage, str]] = [
    ("no card", lambda where: (where / CARD).unlink(), "holds no trained model"),
    ("no numbers", lambda where: (where / NUMBERS).unlink(), r"model\.safetensors cannot be read: No such file"),
    ("half a card", lambda where: (where / CARD).write_bytes((where / CARD).read_bytes()[:200]), "is damaged"),
    ("a list", lambda where: (where / CARD).write_bytes(b"[]"), "expected a JSON object"),
    ("newer", changed(schema=99), "newer personalrm"),
    ("no schema", lacking("schema"), "field 'schema'"),
    ("no calibration", lacking("calibration"), "field 'calibration'"),
    ("odd calibration", changed(calibration={"population": 1.0, "nobody": 2.0}), r"field 'calibration\.nobody'"),
    ("no summary", changed(summary={}), r"field 'summary\."),
    ("odd settings", changed(settings={"method": "pref", "colour": 3}), r"field 'settings\.colour'"),
    ("more members", changed(members=[1, 1, 1]), "damaged model"),
    ("members of words", changed(members="many"), "field 'members'"),
    ("another method", changed(settings={"method": "lore", "features": "traits"}), "damaged model"),
    ("half the numbers", lambda where: (where / NUMBERS).write_bytes((where / NUMBERS).read_bytes()[:-50]), "damaged"),
    ("no tensors", lambda where: (where / NUMBERS).write_bytes(b"\xff" * 64), "damaged model"),
    ("empty numbers", lambda where: (where / NUMBERS).write_bytes(b""), "damaged model"),
]


@pytest.mark.parametrize(("damage", "said"), [one[1:] for one in DAMAGES], ids=[one[0] for one in DAMAGES])
def test_a_damaged_folder_is_refused_by_its_name(
    damage: Damage, said: str, saved: dict[str, tuple[LearnedModel, Path]], tmp_path: Path
) -> None:
    save(saved["pref"][0], tmp_path)
    damage(tmp_path)
    with pytest.raises(DataError, match=said) as told:
        load(tmp_path)
    assert str(tmp_path) in str(told.value)


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=naming(tmp_path / "nowhere")):
        load(tmp_path / "nowhere")


def test_settings_of_an_unknown_method_are_refused(saved: dict[str, tuple[LearnedModel, Path]], tmp_path: Path) -> None:
    save(saved["pref"][0], tmp_path)
    changed(settings={"method": "dpo", "features": "traits"})(tmp_path)
    with pytest.raises(DataError, match=r"field 'settings\.method'") as told:
        load(tmp_path)
    assert str(tmp_path) in str(told.value)


def test_a_full_disk_is_reported_and_the_earlier_model_kept(
    saved: dict[str, tuple[LearnedModel, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(saved["pref"][0], tmp_path)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}

    def full(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageError, match=naming(tmp_path, "No space left")):
        folder.save(saved["gpo"][0], tmp_path)
    monkeypatch.undo()
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_a_file_in_place_of_the_folder_is_reported(saved: dict[str, tuple[LearnedModel, Path]], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=naming(tmp_path / "file")):
        save(saved["pref"][0], tmp_path / "file")
