"""Studies in the database: what participants have said is kept once and in order, in one space, until it is deleted."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from personalrm.data.candidates import Candidate
from personalrm.errors import DataError, PersonalrmError, StoreConflict, UnknownStudy
from personalrm.preferences import Message
from personalrm.store import studies as study_store
from personalrm.store.backup import backup, restore
from personalrm.store.schema import STUDY_TABLES
from personalrm.store.scope import Scope
from personalrm.store.store import SpaceStore, Store

PAIRS = [Candidate(f"q{n}", f"g{n}", (Message("user", f"Question {n}?"),), "Yes.", "No.") for n in range(3)]
PROTOCOL = {"choices": 8, "simulated": True}
CONSENT = {"event": "consent"}


def begun(space: SpaceStore) -> int:
    """A study with two participants, one of whom was shown claims of the other."""
    number = space.studies.create("taste", PROTOCOL, PAIRS)
    for code in ("p-1", "p-2"):
        space.studies.append(number, code, 0, CONSENT)
        space.studies.append(number, code, 1, {"event": "choice", "picked": "left"})
    space.studies.append(number, "p-2", 2, {"event": "claims", "claims": ["short"], "stranger": "p-1"})
    return number


def test_what_is_kept_is_read_again(store: Store) -> None:
    space = store.make_space("a")
    number = begun(space)
    found = space.studies.get(number)
    assert (found.name, found.protocol, found.participants, found.closed) == ("taste", PROTOCOL, 2, None)
    assert [(one.id, one.context, one.a, one.b) for one in space.studies.pairs(number)] == [
        (one.id, one.context, one.a, one.b) for one in PAIRS
    ]
    assert [one["event"] for one in space.studies.events(number, "p-2")] == ["consent", "choice", "claims"]
    assert sorted(space.studies.all_events(number)) == ["p-1", "p-2"]
    second = space.studies.create("other", PROTOCOL, PAIRS)
    assert [one.id for one in space.studies.all()] == [second, number]
    assert space.studies.all_events(second) == {}


def test_an_event_has_one_place_and_comes_after_the_one_before(store: Store) -> None:
    space = store.make_space("a")
    number = begun(space)
    for code, place in (("p-1", 1), ("p-1", 0), ("p-1", 3), ("p-3", 1)):
        with pytest.raises(StoreConflict):
            space.studies.append(number, code, place, CONSENT)
    assert len(space.studies.events(number, "p-1")) == 2


def test_a_closed_or_full_study_lets_nobody_in_and_everybody_go_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = store.make_space("a")
    number = begun(space)
    space.studies.close(number, closed=True)
    with pytest.raises(StoreConflict):
        space.studies.append(number, "p-3", 0, CONSENT)
    space.studies.append(number, "p-1", 2, {"event": "choice"})
    space.studies.close(number, closed=False)
    monkeypatch.setattr(study_store, "MOST_PARTICIPANTS", 2)
    with pytest.raises(StoreConflict):
        space.studies.append(number, "p-3", 0, CONSENT)


def test_another_space_finds_no_study_and_changes_none(store: Store) -> None:
    a, b = store.make_space("a"), store.make_space("b")
    number = begun(a)
    assert b.studies.all() == []
    assert b.studies.events(number, "p-1") == []
    assert b.studies.all_events(number) == {}
    asked: list[Any] = [
        lambda: b.studies.get(number),
        lambda: b.studies.pairs(number),
        lambda: b.studies.close(number, closed=True),
        lambda: b.studies.append(number, "p-1", 2, CONSENT),
        lambda: b.studies.erase(number, "p-1"),
        lambda: b.studies.delete(number),
    ]
    for one in asked:
        with pytest.raises(UnknownStudy):
            one()
    row = {"study_id": number, "code": "p-9", "place": 0, "body": "{}"}
    with pytest.raises(StoreConflict), store.database.write() as connection:
        Scope(connection, b.id).insert(STUDY_TABLES[1], [row])
    assert a.studies.get(number).participants == 2


def test_a_participant_is_deleted_with_their_code(store: Store) -> None:
    space = store.make_space("a")
    number = begun(space)
    assert space.studies.erase(number, "p-1", "key1") == 2
    assert space.studies.events(number, "p-1") == []
    assert space.studies.events(number, "p-2")[2] == {"event": "claims", "claims": ["short"], "stranger": None}
    assert "p-1" not in repr(space.studies.all_events(number))
    (entry, _) = space.audit.list()
    assert (entry.action, entry.key_id, entry.details) == ("study-erase", "key1", {"study": number, "events": 2})
    with pytest.raises(StoreConflict):
        space.studies.append(number, "p-1", 2, CONSENT)


def test_a_deleted_study_leaves_no_row_and_its_links_open_nothing(store: Store) -> None:
    space = store.make_space("a")
    number = begun(space)
    tokens = [space.links.to_study(number), space.links.to_study(number, "p-1")]
    assert [one.code for one in map(store.invites, tokens) if one is not None] == [None, "p-1"]
    assert space.studies.delete(number) == 5
    with store.database.read() as connection:
        for table in STUDY_TABLES:
            assert connection.execute(select(func.count()).select_from(table)).scalar() == 0
    again = space.studies.create("taste", PROTOCOL, PAIRS)
    assert again > number
    assert [store.invites(one) for one in tokens] == [None, None]


def test_a_link_to_a_study_opens_that_study_for_that_participant_only(store: Store) -> None:
    a, b = store.make_space("a"), store.make_space("b")
    number = begun(a)
    other = begun(a)
    token = a.links.to_study(number, "p-1")
    _, space, study, code, mac = token.split("_")
    assert code == "p-1"
    for forged in (
        f"prs_{space}_{study}_p-2_{mac}",
        f"prs_{space}_{study}_0_{mac}",
        f"prs_{space}_{other}_p-1_{mac}",
        f"prs_{b.id}_{study}_p-1_{mac}",
        f"prp_{space}_{study}_p-1_{mac}",
        f"prs_{space}_{study}_p-1_{mac[::-1]}",
        f"prs_x_{study}_p-1_{mac}",
        f"prs_{space}_{study}_p-1_ü",
        "prs",
        "",
    ):
        assert store.invites(forged) is None
    person_token, _ = _person(a)
    assert store.invites(person_token) is None
    assert store.opens(token) is None


def _person(space: SpaceStore) -> tuple[str, float]:
    space.people.readmit("ada")
    return space.links.create("ada", 60.0)


def test_a_name_that_is_none_is_refused(store: Store) -> None:
    for name in ("", " ", "a\nb", "x" * 101):
        with pytest.raises(DataError):
            store.make_space("a").studies.create(name, PROTOCOL, PAIRS)


def test_a_backup_holds_the_studies(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'one.sqlite'}")
    number = begun(store.make_space("a"))
    backup(store.database, tmp_path / "copy.sqlite")
    store.close()
    restore(tmp_path / "copy.sqlite", f"sqlite:///{tmp_path / 'two.sqlite'}")
    again = Store(f"sqlite:///{tmp_path / 'two.sqlite'}")
    assert len(again.make_space("a").studies.all_events(number)) == 2
    again.close()


def test_claims_of_a_participant_who_withdraws_while_they_are_drawn_are_stored_without_the_code(store: Store) -> None:
    space = store.make_space("a")
    number = space.studies.create("taste", {}, [])
    for code in ("p-1", "p-2"):
        space.studies.append(number, code, 0, {"event": "consent"})
    space.studies.erase(number, "p-2")  # after p-1's request has read p-2's answers
    space.studies.append(number, "p-1", 1, {"event": "claims", "claims": [], "stranger": "p-2"})
    assert space.studies.events(number, "p-1")[1] == {"event": "claims", "claims": [], "stranger": None}


def test_two_managers_who_close_a_study_at_once_both_succeed(store: Store) -> None:
    space = store.make_space("a")
    number = space.studies.create("taste", {}, [])
    barrier = threading.Barrier(4)
    failed = []

    def close() -> None:
        barrier.wait()
        try:
            for _ in range(10):
                space.studies.close(number, closed=True)
        except PersonalrmError as error:
            failed.append(error)

    threads = [threading.Thread(target=close) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30.0)
    assert failed == []
