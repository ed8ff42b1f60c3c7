"""What tells results apart: choices, model folders, people learned from, prompts and options."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import field, fields, make_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from facts import naming

from personalrm.errors import DataError
from personalrm.preferences import History, Message, Preference
from personalrm.profile.provenance import (
    Lineage,
    Provenance,
    canonical,
    fingerprint_of_history,
    fingerprint_of_people,
    hash_of,
    stamp_of_folder,
)

FIRST = Preference("1", "ada", "g1", (Message("user", "Hi"), Message("assistant", "Hello")), "Good day.", "What?")
SECOND = Preference("2", "ada", "g2", (), "Yes.", "No.")
ADA = History("ada", (FIRST, SECOND))
OTHER_VALUES: dict[str, Any] = {
    "id": "9",
    "user": "bob",
    "group": "g9",
    "context": (Message("system", "Hi"), Message("assistant", "Hello")),  # another role, the same words
    "chosen": "Good morning.",
    "rejected": "What??",
    "tie": True,
    "domain": "values",
    "time": "2024-05-01T00:00:00Z",
    "demographics": "likes tea",
    "reason": "polite",
    "judges": {"gpt": True},
    "margin": 0.5,
    "split": "target",
    "stated": {"factuality": 80.0},
}


def changed(at: int, **values: Any) -> History:
    choices = list(ADA.choices)
    choices[at] = replace(choices[at], **values)
    return ADA.only(choices)


def other_value(name: str) -> Any:
    """Another value of a field; one that is added later needs none here."""
    default = next(one.default for one in fields(Preference) if one.name == name)
    return OTHER_VALUES.get(name, "something else" if default is None else [default, "something else"])


@pytest.mark.parametrize("name", [one.name for one in fields(Preference) if one.compare])
def test_every_field_of_a_choice_changes_the_fingerprint(name: str) -> None:
    history = changed(1 if name == "context" else 0, **{name: other_value(name)})
    assert fingerprint_of_history(history) != fingerprint_of_history(ADA)
    before, after = fingerprint_of_people([ADA]), fingerprint_of_people([history])
    assert before.total != after.total
    assert before.changes(after) == (name,)


@pytest.mark.parametrize("name", [one.name for one in fields(Message)])
def test_every_field_of_a_message_changes_the_fingerprint(name: str) -> None:
    turn = replace(FIRST.context[0], **{name: "other"})
    history = changed(0, context=(turn, FIRST.context[1]))
    assert fingerprint_of_history(history) != fingerprint_of_history(ADA)
    assert fingerprint_of_people([ADA]).changes(fingerprint_of_people([history])) == ("context",)


def test_a_field_that_is_added_later_counts_and_leaves_todays_fingerprints() -> None:
    later = make_dataclass("later", [("later", str, field(default=""))], bases=(Preference,), frozen=True)
    values = {one.name: getattr(FIRST, one.name) for one in fields(Preference)}
    unset, monday = later(**values), later(**values, later="monday.jsonl")
    same, other = (History("ada", (one, SECOND)) for one in (unset, monday))
    assert fingerprint_of_history(same) == fingerprint_of_history(ADA)
    assert fingerprint_of_history(other) != fingerprint_of_history(ADA)
    assert fingerprint_of_people([same]).changes(fingerprint_of_people([other])) == ("later",)


@pytest.mark.parametrize(
    "change",
    [
        lambda: ADA.only(ADA.choices[::-1]),
        lambda: ADA.only(ADA.choices[:1]),
        lambda: replace(ADA, user="bob"),
        lambda: changed(0, context=(*FIRST.context, Message("user", ""))),
        lambda: changed(0, chosen="Good day.\0What?", rejected=""),
        lambda: changed(0, chosen="\ud800"),  # half of a surrogate pair
    ],
)
def test_order_number_owner_and_borders_change_the_fingerprint(change: Callable[[], History]) -> None:
    history = change()
    assert fingerprint_of_history(history) != fingerprint_of_history(ADA)
    assert fingerprint_of_people([history]).total != fingerprint_of_people([ADA]).total


def test_a_value_that_moves_to_another_choice_changes_its_field() -> None:
    first, second = changed(0, reason="polite"), changed(1, reason="polite")
    assert fingerprint_of_people([first]).changes(fingerprint_of_people([second])) == ("reason",)


def test_the_file_that_a_choice_came_from_does_not_count() -> None:
    assert fingerprint_of_history(changed(0, source="copy.jsonl")) == fingerprint_of_history(ADA)


def test_whose_choices_they_are_counts_among_many() -> None:
    bob = History("bob", ())
    assert fingerprint_of_people([ADA, bob]).total != fingerprint_of_people([bob, ADA]).total
    assert fingerprint_of_people([ADA]).total != fingerprint_of_people([ADA, bob]).total


def test_fingerprints_do_not_depend_on_the_process() -> None:
    assert fingerprint_of_history(ADA) == "f830c5c1cd4b5805"
    assert fingerprint_of_people([ADA]).total == "aa98e8983122d53a"
    assert hash_of({"b": 1, "a": (1, 2.5, None)}) == hash_of({"a": [1, 2.5, None], "b": 1})
    assert canonical({"judge": {"b", "a"}}) == b'{"judge":["a","b"]}'


def model_folder(path: Path, **files: bytes) -> Path:
    content = {"model.safetensors": b"w" * 5000, "personalrm-model.json": b'{"schema": 1}'} | files
    for name, text in content.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(text)
    return path


def test_the_stamp_of_a_model_goes_with_it(tmp_path: Path) -> None:
    here = model_folder(tmp_path / "here")
    there = tmp_path / "else" / "where"
    shutil.copytree(here, there)
    (there / "README.md").write_text("A note.")
    (there / "manifest.json").write_text("{}")
    assert stamp_of_folder(here) == stamp_of_folder(str(there))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("model.safetensors", b"w" * 4999 + b"v"),
        ("model.safetensors", b"w" * 5001),
        ("personalrm-model.json", b'{"schema": 1, "trust": {}}'),
        ("personalrm.json", b"{}"),
        ("prior.json", b"{}"),
        ("tokenizer.json", b"{}"),
        ("adapter/adapter_model.safetensors", b"a"),
        ("adapter/adapter_config.json", b"{}"),
    ],
)
def test_whatever_a_models_answers_depend_on_changes_its_stamp(tmp_path: Path, name: str, text: bytes) -> None:
    before = stamp_of_folder(model_folder(tmp_path / "model"))
    assert stamp_of_folder(model_folder(tmp_path / "model", **{name: text})) != before


def test_a_folder_that_is_gone_or_empty_has_no_stamp(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder .*gone.*moved"):
        stamp_of_folder(tmp_path / "gone")
    with pytest.raises(DataError, match=naming(tmp_path)):
        stamp_of_folder(tmp_path)


def test_a_lineage_knows_people_by_id_and_by_their_choices() -> None:
    ids, people = Lineage.of(["ada", "bob"]), Lineage.of_people([ADA])
    assert ids.holds("ada")
    assert not ids.holds("cleo")
    assert people.holds("ada")
    renamed = replace(ADA, user="p1")
    assert people.holds_history(renamed)
    assert people.holds_history(renamed.only([SECOND]))
    assert not ids.holds_history(renamed)


def test_whoever_only_judged_the_same_pairs_was_not_learned_from() -> None:
    people = Lineage.of_people([ADA])
    assert not people.holds_history(History("p1", (FIRST, SECOND.flipped())))
    assert not people.holds_history(History("p1", ()))


def test_a_lineage_names_nobody_and_no_two_are_alike() -> None:
    one, other = Lineage.of_people([ADA]), Lineage.of_people([ADA, History("bob", ())])
    assert not set(one.people) & set(other.people)
    assert Lineage.of(["ada"]).people != Lineage.of(["ada"]).people
    assert Lineage.of_people([ADA]) == one  # the same recipe writes the same file
    assert "ada" not in str(one)
    assert "Good day" not in str(one)
    state = {"salt": one.salt, "people": list(one.people), "choices": one.choices}
    assert Lineage.from_json(state) == one
    assert Lineage.from_json({"salt": one.salt, "people": list(one.people)}).choices == ""  # as version 0.1 wrote it


def test_provenance_names_what_keeps_two_results_apart() -> None:
    mine = Provenance("d1", "traits", "s1", {"persona": "p1"}, {"samples": 1}, seed=0)
    assert mine.changes(mine) == ()
    theirs = replace(mine, stamp="s2", prompts={"persona": "p2"}, options={"samples": 1, "seed": 3})
    assert mine.changes(theirs) == ("stamp", "prompts.persona", "options.seed")
    assert mine.key != theirs.key
    assert mine.version
