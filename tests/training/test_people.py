from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from facts import naming

from personalrm.data.simulated import simulate_people
from personalrm.data.sources import ReadOptions
from personalrm.data.writing import write_choices
from personalrm.errors import DataError, NotEnoughChoices
from personalrm.preferences import Preference
from personalrm.training.people import check_disjoint, check_enough, read

PEOPLE = simulate_people(4, choices=6, prompt_tokens=10, response_tokens=20)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def reading(said: list[str]) -> ReadOptions:
    return ReadOptions(False, 0.0, said.append)


def written(path: Path, change: Callable[[int, Preference], Preference] = lambda at, one: one) -> str:
    write_choices(path, (change(at, one) for person in PEOPLE for at, one in enumerate(person)))
    return str(path)


def test_counts(tmp_path: Path, reading: ReadOptions, said: list[str]) -> None:
    path = Path(
        written(tmp_path / "people.jsonl", lambda at, one: replace(one, tie=at == 0 or one.user == PEOPLE[0].user))
    )
    path.write_text(path.read_text() + "no row\n")
    found = read(str(path), "all", reading)
    assert [one.user for one in found.people] == [one.user for one in PEOPLE[1:]]
    assert (found.choices, found.ties, found.skipped, found.undecided) == (15, 9, 1, 1)
    assert len(said) == 1
    assert said[0].startswith("people.jsonl: 1 of 25 rows skipped: line 25, expected a JSON object")


def test_the_fingerprint_depends_on_labels_groups_and_order(tmp_path: Path, reading: ReadOptions) -> None:
    same = [read(written(tmp_path / name), "all", reading).fingerprint for name in ("a.jsonl", "b.jsonl.gz")]
    assert same[0] == same[1]
    changes: list[Callable[[int, Preference], Preference]] = [
        lambda at, one: one.flipped() if at == 2 else one,
        lambda at, one: replace(one, group="together") if at < 2 else one,
        lambda at, one: replace(one, demographics="likes tea"),
    ]
    others = [read(written(tmp_path / "c.jsonl", one), "all", reading).fingerprint for one in changes]
    assert len({same[0], *others}) == 4


def test_a_part_of_the_choices(tmp_path: Path, reading: ReadOptions) -> None:
    path = written(tmp_path / "marked.jsonl", lambda at, one: replace(one, split="context" if at < 4 else "target"))
    everything, context = read(path, "all", reading), read(path, "context", reading)
    assert (everything.choices, everything.marked) == (24, True)
    assert (context.choices, context.marked) == (16, False)
    with pytest.raises(DataError, match=naming("plain.jsonl", "context")):
        read(written(tmp_path / "plain.jsonl"), "context", reading)


def test_a_group_on_both_sides_of_the_marked_split(tmp_path: Path, reading: ReadOptions) -> None:
    def straddling(at: int, one: Preference) -> Preference:
        return replace(one, group="both", split="context" if at else "target")

    with pytest.raises(DataError, match=naming(PEOPLE[0].user, "'both'")):
        read(written(tmp_path / "people.jsonl", straddling), "all", reading)


def test_a_person_in_both_files(tmp_path: Path, reading: ReadOptions) -> None:
    found = read(written(tmp_path / "people.jsonl"), "all", reading)
    with pytest.raises(DataError, match=naming("'simulated-", "3 more", "people.jsonl")):
        check_disjoint(found, found)
    nobody = replace(found, people=())
    with pytest.raises(NotEnoughChoices, match="no person"):
        check_disjoint(found, nobody)


def test_too_few_people(tmp_path: Path, reading: ReadOptions) -> None:
    found = read(written(tmp_path / "people.jsonl"), "all", reading)
    check_enough(found, 4, "pref")
    with pytest.raises(NotEnoughChoices, match=naming("pref", 5, 4)):
        check_enough(found, 5, "pref")
