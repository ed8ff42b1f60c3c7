"""The curation without models: who and what stays, the splits at both levels, the sources and the folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from choices import choice
from facts import naming
from hypothesis import given
from hypothesis import strategies as st
from published_files import arena_rows, conversation, prism_folder, survey_row, turn, write_rows

from personalrm.curation import folder
from personalrm.curation.counting import Count, count, step
from personalrm.curation.filters import agreement, consensus, enough, is_personalizable
from personalrm.curation.raw import read_raw
from personalrm.curation.sources import Sources, sha256, sources
from personalrm.curation.splits import fixed, people_apart
from personalrm.curation.thresholds import SPLITS, Thresholds
from personalrm.data.formats.lmarena import ArenaFilter
from personalrm.data.reading import read_choices
from personalrm.errors import DataError, NotEnoughChoices, RowError, StorageError
from personalrm.preferences import History

DEFAULT = Thresholds()


def history(*groups: str) -> History:
    return History("ada", tuple(choice(at, group=group) for at, group in enumerate(groups)))


def test_enough_pairs_in_enough_conversations() -> None:
    assert enough(history("g1", "g1", "g1", "g1", "g2"), DEFAULT)
    assert not enough(history("g1", "g1", "g1", "g2"), DEFAULT)
    assert not enough(history("g1", "g1", "g1", "g1", "g1"), DEFAULT)
    tied = History("ada", (*history("g1", "g2", "g3", "g4"), choice(9, group="g5", tie=True)))
    assert not enough(tied, DEFAULT)


@pytest.mark.parametrize(
    ("verdicts", "share", "found"),
    [
        ([0.9] * 10, 1.0, "clear"),
        ([0.9] * 9 + [0.1], 0.9, "clear"),
        ([0.9] * 8 + [0.1] * 2, 0.8, "contested"),
        ([0.9] * 5 + [0.1] * 5, 0.5, "contested"),
        ([0.9] * 2 + [0.1] * 8, 0.2, "contested"),
        ([0.9] + [0.1] * 9, 0.1, "opposed"),
        ([0.5, 0.5], 0.5, "contested"),
        ([0.9, 0.1, None, None], 0.5, "contested"),
        ([0.9, None, None, None], 1.0, "unscored"),
        ([None, None], None, "unscored"),
        ([], None, "unscored"),
    ],
)
def test_consensus(verdicts: list[float | None], share: float | None, found: str) -> None:
    assert agreement(verdicts) == share
    assert consensus(verdicts, DEFAULT) == found


@given(st.lists(st.none() | st.floats(0, 1), max_size=12))
def test_the_default_consensus_does_not_look_at_the_label(verdicts: list[float | None]) -> None:
    flipped = [None if p is None else 1 - p for p in verdicts if p is None or 1 - (1 - p) == p]
    kept = [p for p in verdicts if p is None or 1 - (1 - p) == p]
    mirror = {"clear": "opposed", "opposed": "clear"}
    found = consensus(kept, DEFAULT)
    assert consensus(flipped, DEFAULT) == mirror.get(found, found)


def test_room() -> None:
    assert [is_personalizable(p, DEFAULT) for p in (0.9, 0.5, 0.49, None)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"min_personalizable": 1.5}, r"--min-personalizable.*1\.5"),
        ({"min_agreement": 0.9}, "--min-agreement.*--max-agreement"),
        ({"train": 0.7, "validation": 0.7}, r"\b1\b"),
        ({"target": 1.0}, "--target"),
        ({"min_pairs": 1}, r"\b2\b"),
    ],
)
def test_thresholds_that_cannot_be(change: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        Thresholds(**change).checked()
    assert DEFAULT.checked() is DEFAULT


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
shares = st.floats(0, 1)


@given(st.lists(names, max_size=30), shares, shares, st.integers(0, 5))
def test_nobody_is_in_two_splits(users: list[str], train: float, validation: float, seed: int) -> None:
    thresholds = Thresholds(train=train, validation=validation * (1 - train), seed=seed)
    parts = people_apart(users, thresholds)
    assert set(parts) == set(users)
    assert set(parts.values()) <= set(SPLITS)
    assert parts == people_apart(reversed([*users, *users]), thresholds)
    sizes = {name: list(parts.values()).count(name) for name in SPLITS}
    assert abs(sizes["train"] - train * len(parts)) <= 0.5
    assert abs(sizes["validation"] - thresholds.validation * len(parts)) <= 1


def test_the_seed_draws_the_splits() -> None:
    users = [f"user{at}" for at in range(100)]
    first, second = (people_apart(users, Thresholds(seed=seed)) for seed in (0, 1))
    assert first != second
    assert [list(first.values()).count(name) for name in SPLITS] == [30, 20, 50]


times = st.none() | st.sampled_from([f"2024-01-{day:02}T00:00:00+00:00" for day in range(1, 9)])
histories = st.lists(st.tuples(st.sampled_from("abcdef"), times), min_size=1, max_size=20).map(
    lambda drawn: History("ada", tuple(choice(at, group=group, time=time) for at, (group, time) in enumerate(drawn)))
)


@given(histories, st.floats(0.05, 0.95), st.integers(0, 3))
def test_no_conversation_straddles_context_and_target(drawn: History, target: float, seed: int) -> None:
    marked = fixed(drawn, Thresholds(target=target, seed=seed))
    assert [replace(one, split=None) for one in marked] == list(drawn)
    sides = {group: {one.split for one in marked if one.group == group} for group in {one.group for one in drawn}}
    assert all(len(found) == 1 for found in sides.values())
    both = {side for found in sides.values() for side in found}
    assert both == ({"context", "target"} if len(sides) > 1 else {"context"})


def test_the_latest_conversations_are_the_target() -> None:
    dated = [choice(at, time=f"2024-01-{9 - at:02}T00:00:00+00:00") for at in range(6)]
    marked = fixed(History("ada", tuple(dated)), DEFAULT)
    assert [one.split for one in marked] == ["target"] * 3 + ["context"] * 3


def test_counts() -> None:
    people = [history("g1", "g1", "g2"), history(), history("g1")]
    assert count(people) == Count(2, 3, 4)
    assert step("x", people, {"ties": 3, "none": 0}).removed == {"ties": 3}


def test_prism_is_found_where_it_is(tmp_path: Path) -> None:
    prism_folder(tmp_path / "prism", people=1)
    conversations, survey = (str(tmp_path / "prism" / name) for name in ("conversations.jsonl.gz", "survey.jsonl"))
    assert sources("prism", str(tmp_path / "prism"), None) == Sources((conversations,), survey)
    assert sources("prism", str(tmp_path / "prism"), "other.jsonl") == Sources((conversations,), "other.jsonl")
    assert sources("prism", conversations, None) == Sources((conversations,))
    hub = "hub:HannahRoseKirk/prism-alignment"
    assert sources("prism", hub, None) == Sources((f"{hub}/conversations",), f"{hub}/survey")
    assert sources("prism", f"{hub}/conversations", None) == Sources((f"{hub}/conversations",))
    with pytest.raises(DataError, match=naming("conversations.jsonl")):
        sources("prism", str(tmp_path), None)


def test_arena_is_found_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "README.md").write_text("about")
    for name in ("data/train-00001-of-00002.parquet", "data/train-00000-of-00002.parquet"):
        (tmp_path / name).write_text("PAR1")
    assert [Path(one).name for one in sources("arena", str(tmp_path), None).choices] == [
        "train-00000-of-00002.parquet",
        "train-00001-of-00002.parquet",
    ]
    assert sources("arena", "hub:lmsys/chatbot_arena_conversations", None).files() == (
        "hub:lmsys/chatbot_arena_conversations",
    )
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no \.parquet or \.jsonl file"):
        sources("arena", str(tmp_path / "empty"), None)
    with pytest.raises(DataError, match=naming("survey")):
        sources("arena", str(tmp_path), "survey.jsonl")


def test_hashes_of_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(str(tmp_path / "a")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256("hub:owner/name") is None
    with pytest.raises(DataError, match=naming(tmp_path / "nowhere")):
        sha256(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=naming(tmp_path, "directory")):
        sha256(str(tmp_path))


def test_raw_prism(tmp_path: Path) -> None:
    odd = [
        conversation("lonely", "c8", turn(0, "Hi", [("only", 50)])),
        conversation("stranger", "c9", turn(0, "Hi", [("a", 50), ("b", 50), ("c", 90)])),
        conversation("lonely", "c10", []),
    ]
    write_rows(tmp_path / "conversations.jsonl", odd)
    write_rows(tmp_path / "survey.jsonl", [survey_row("lonely")])
    raw = read_raw("prism", sources("prism", str(tmp_path), None), DEFAULT)
    assert [(one.user, len(one)) for one in raw.people] == [("stranger", 2)]
    assert [one.left for one in raw.steps] == [Count(2, 3, 3), Count(1, 1, 2)]
    assert raw.steps[1].removed == {"ties": 1}
    assert (raw.problems.skipped, raw.without_survey) == (1, 1)
    with pytest.raises(RowError, match=r"conversations.jsonl, line 3, field 'conversation_history'"):
        read_raw("prism", sources("prism", str(tmp_path), None), DEFAULT, strict=True)
    write_rows(tmp_path / "conversations.jsonl", odd[:2])
    with pytest.raises(DataError, match=naming("'stranger'")):
        read_raw("prism", sources("prism", str(tmp_path), None), DEFAULT, strict=True)


def test_raw_prism_with_its_survey(tmp_path: Path) -> None:
    raw = read_raw("prism", sources("prism", str(prism_folder(tmp_path, people=2)), None), DEFAULT)
    assert {one.stated["factuality"] for person in raw.people for one in person} == {100}
    assert all("Female" in str(one.demographics) for person in raw.people for one in person)
    assert {one.domain for one in raw.people[0]} == {"unguided", "values guided", "controversy guided"}


def test_raw_arena(tmp_path: Path) -> None:
    rows = arena_rows(people=3)
    rows[0]["language"] = "German"
    path = str(write_rows(tmp_path / "arena.jsonl.gz", rows))
    raw = read_raw("arena", sources("arena", path, None), DEFAULT, arena_filter=ArenaFilter(("English",)))
    assert raw.steps[0].left.users == 3
    assert raw.steps[0].removed == {"not selected": 1}
    assert [one.left.pairs for one in raw.steps] == [23, 20]
    assert raw.steps[1].removed == {"ties": 3}
    with pytest.raises(DataError, match=naming(path)):
        read_raw("arena", sources("arena", path, None), DEFAULT, arena_filter=ArenaFilter(("Klingon",)))


@pytest.mark.parametrize("kind", ["prism", "arena"])
def test_another_data_set_is_refused(tmp_path: Path, kind: Any) -> None:
    path = str(write_rows(tmp_path / "x.jsonl", ["{broken", {"user_id": "u", "utterance_id": "ut0", "score": 3}]))
    with pytest.raises(DataError, match=naming("x.jsonl", "user_id", "utterance_id", "score")):
        read_raw(kind, sources(kind, path, None), DEFAULT)


def test_ties_alone_are_nothing_to_curate(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "c.jsonl", [conversation("u", "c", turn(0, "Hi", [("a", 50), ("b", 50)]))])
    with pytest.raises(NotEnoughChoices, match="no pair"):
        read_raw("prism", sources("prism", str(path), None), DEFAULT)


IDENTITY: dict[str, Any] = {
    "data": "prism",
    "inputs": [{"name": "conversations.jsonl", "sha256": "00"}],
    "options": {"seed": 0},
    "models": ["one"],
}


def test_a_folder_is_written_whole_and_again(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    parts = {"train": [history("g1")], "validation": [], "test": [history("g1", "g2")]}
    for _ in range(2):
        folder.begin(out, IDENTITY)
        assert (out / folder.MARK).exists()
        folder.write(out, parts, [{"pair": "c0"}], IDENTITY)
    assert sorted(one.name for one in out.iterdir()) == [
        "labels.jsonl",
        "manifest.json",
        "test.jsonl",
        "train.jsonl",
        "validation.jsonl",
    ]
    assert len(list(read_choices(out / "test.jsonl"))) == 2
    manifest = orjson.loads((out / "manifest.json").read_bytes())
    assert manifest["schema"] == 1
    assert {one["name"]: one["rows"] for one in manifest["outputs"]} == {
        "train.jsonl": 1,
        "validation.jsonl": 0,
        "test.jsonl": 2,
        "labels.jsonl": 1,
    }
    assert all(sha256(str(out / one["name"])) == one["sha256"] for one in manifest["outputs"])


@pytest.mark.parametrize("name", ["data", "inputs", "options", "models"])
def test_the_folder_of_another_curation_is_refused(tmp_path: Path, name: str) -> None:
    folder.begin(tmp_path, IDENTITY)
    folder.write(tmp_path, dict.fromkeys(SPLITS, ()), None, IDENTITY)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    with pytest.raises(DataError, match=naming(tmp_path, name)):
        folder.begin(tmp_path, {**IDENTITY, name: "other"})
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_an_unfinished_folder_may_be_taken_up(tmp_path: Path) -> None:
    folder.begin(tmp_path, IDENTITY)
    folder.begin(tmp_path, {**IDENTITY, "data": "arena"})  # nothing is written yet
    folder.begin(tmp_path, IDENTITY)
    (tmp_path / "train.jsonl").write_text("half of it")
    folder.begin(tmp_path, IDENTITY)
    with pytest.raises(DataError, match=naming(tmp_path)):
        folder.begin(tmp_path, {**IDENTITY, "data": "arena"})


def test_files_of_somebody_else_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text("mine")
    with pytest.raises(DataError, match=naming("test.jsonl")):
        folder.begin(tmp_path, IDENTITY)
    (tmp_path / "manifest.json").write_text("{broken")
    with pytest.raises(DataError, match=naming("manifest.json")):
        folder.begin(tmp_path, IDENTITY)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(DataError, match=naming(tmp_path)):
        folder.begin(tmp_path, IDENTITY)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=naming(tmp_path / "file")):
        folder.begin(tmp_path / "file", IDENTITY)
    with pytest.raises(StorageError, match=naming(tmp_path / "file" / "in")):
        folder.begin(tmp_path / "file" / "in", IDENTITY)
    assert (tmp_path / "test.jsonl").read_text() == "mine"
