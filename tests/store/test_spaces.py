"""Spaces know nothing of each other, keys open one space, an erased person is gone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import event, func, select
from stores import asked, choice

from personalrm.errors import DataError, PersonErased, StoreConflict, UnknownPerson
from personalrm.models.traits import TraitsModel
from personalrm.preferences import Message
from personalrm.profile.records import Claim
from personalrm.store.completions import Completed
from personalrm.store.jobs import Work
from personalrm.store.once import Once
from personalrm.store.predictions import prediction_of
from personalrm.store.profiles import NewVersion
from personalrm.store.records import Ranked, Rating, Thumb
from personalrm.store.schema import PERSON_TABLES, TENANT_TABLES, metadata
from personalrm.store.scope import Scope
from personalrm.store.store import SpaceStore, Store

SOON = Work.update()
CLAIM = Claim("Prefers short answers", ("api/c1",))


def filled(space: SpaceStore, name: str = "ada") -> None:
    """A person with a row in every table."""
    space.feedback.choices(
        name, [choice(n, short=n % 4 != 0) for n in range(8)], SOON, Once(f"key of {name}", b"0" * 16)
    )
    space.feedback.rankings(name, [Ranked(context=asked(50), responses=("a", "b", "c"), ranked=1)], SOON)
    rated = [Rating(context=asked(51), response=text, score=score) for text, score in (("a", 4.0), ("b", 2.0))]
    space.feedback.ratings(name, rated, SOON)
    space.feedback.thumbs(name, [Thumb(context=asked(52), response="a", up=True)], SOON)
    person = space.people.require(name)
    learned = space.history.learnable(person)
    profile = TraitsModel.shipped().fit(learned.history).profile()
    made = [prediction_of(learned.choices[0], 1, 0.7)]
    space.profiles.save(person, NewVersion(profile, learned, "refit", predictions=made))
    space.people.keep_answer(person.id, b"k" * 32)
    space.corrections.add(name, CLAIM, "wrong", 1, None, SOON)
    space.completions.keep(name, Completed(f"chatcmpl-{space.id}-{name}", asked(53), ("a",), 1))


def test_every_table_of_a_person_is_filled_here(store: Store) -> None:
    filled(store.make_space("a"))
    with store.database.read() as connection:
        for table in PERSON_TABLES:
            assert connection.execute(select(func.count()).select_from(table)).scalar(), table.name


def test_what_one_space_stores_no_other_finds(store: Store) -> None:
    a, b = store.make_space("a"), store.make_space("b")
    filled(a)
    known = a.people.require("ada")
    assert b.people.get("ada") is None
    assert b.people.list() == []
    assert b.people.several(["ada"]) == {}
    with pytest.raises(UnknownPerson):
        b.people.require("ada")
    assert b.history.learnable(known).choices == ()
    assert b.history.page(known) == []
    assert b.history.by_number(known, list(range(1000))) == {}
    assert b.profiles.versions(known) == []
    for number in (0, 1, 2):
        with pytest.raises(DataError):
            b.profiles.load(known, number)
        with pytest.raises(DataError):
            b.profiles.version(known, number)
        with pytest.raises(DataError):
            b.returns.use("ada", number, SOON)
    assert b.predictions.of_person(known) == []
    assert b.predictions.tallies() == []
    assert b.predictions.unlearned(known, 0) == []
    assert b.corrections.list(known, withdrawn=True) == []
    with pytest.raises(DataError):
        b.completions.get(f"chatcmpl-{a.id}-ada")
    assert b.completions.forget_old(now=1e12) == 0
    assert b.jobs.list() == []
    assert b.jobs.claim_person(known.id, 30.0) is None
    assert all(list(rows) == [] for _, rows in b.exports.tables(known))
    assert b.audit.list() == []
    assert b.keys.list() == []
    for change in (
        lambda: b.erasures.begin("ada"),
        lambda: b.corrections.add("ada", CLAIM, "wrong", 1, None, SOON),
        lambda: b.corrections.withdraw("ada", 1, SOON),
        lambda: b.returns.keep("ada", None, SOON),
        lambda: b.returns.go_back("ada", {1}, 1, SOON),
        lambda: b.history.forget("ada", "api", "c1", forgotten=True, work=SOON),
    ):
        with pytest.raises(UnknownPerson):
            change()
    stolen = NewVersion(a.profiles.load(known, 1), a.history.learnable(known), "refit")
    with pytest.raises((StoreConflict, UnknownPerson)):
        b.profiles.save(known, stolen)
    assert a.people.require("ada").choices == 11
    assert len(a.profiles.versions(known)) == 1


def test_the_database_refuses_a_row_that_joins_two_spaces(store: Store) -> None:
    a, b = store.make_space("a"), store.make_space("b")
    filled(a)
    person = a.people.require("ada").id
    with pytest.raises(StoreConflict), store.database.write() as connection:
        Scope(connection, b.id).upsert(
            metadata.tables["cached_answers"], {"person_id": person, "key": b"x"}, ("space_id", "person_id", "key")
        )


def test_every_statement_on_a_spaces_rows_names_the_space(store: Store) -> None:
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    space = store.make_space("a")
    event.listen(store.database.engine, "before_cursor_execute", note)
    filled(space)
    person = space.people.require("ada")
    space.history.page(person)
    space.profiles.load(person, 1)
    space.predictions.tallies()
    space.spending.this_month()
    list(space.exports.tables(person))
    space.erasures.finish(space.erasures.begin("ada"), [])
    tenants = {one.name for one in TENANT_TABLES}
    about_tenants = [one for one in seen if any(f" {name} " in f"{one} ".replace("\n", " ") for name in tenants)]
    assert len(about_tenants) > 60
    assert [one for one in about_tenants if "space_id" not in one] == []


def test_a_key_opens_its_space_until_it_is_revoked(store: Store) -> None:
    a, b = store.make_space("a"), store.make_space("b")
    key = a.keys.create(["predict"])
    access = store.access(key)
    assert access is not None
    assert (access.space_id, access.space, access.scopes) == (a.id, "a", {"predict"})
    assert [one.scopes for one in a.keys.list()] == [("predict",)]
    other = b.keys.create()
    for wrong in (
        "",
        "prm",
        "prm_x_y",
        key[:-1],
        key + "x",
        other[:16] + key[16:],
        "Ω" * 40,
        key.replace("prm", "abc"),
    ):
        assert store.access(wrong) is None
    with pytest.raises(DataError):
        b.keys.revoke(access.key_id)
    a.keys.revoke(access.key_id)
    assert store.access(key) is None
    with pytest.raises(DataError):
        a.keys.create(["everything"])  # type: ignore[list-item]


def test_the_database_holds_no_key(store: Store) -> None:
    secret = store.make_space("a").keys.create().split("_", 2)[2]
    with store.database.read() as connection:
        rows = connection.execute(select(metadata.tables["api_keys"])).all()
    assert secret not in repr(rows)


def test_an_erased_person_is_gone_and_counted(store: Store) -> None:
    space = store.make_space("a")
    filled(space)
    filled(space, "bob")
    begun = space.erasures.begin("ada", "key1")
    assert space.people.get("ada") is None  # at once, before anything is deleted
    outside = space.erasures.outside(begun)
    assert outside.answers == (b"k" * 32,)
    assert {choice(3).chosen, asked(3)[0].content, asked(52)[0].content} <= set(outside.texts)
    space.erasures.note(begun, {"answers": 1})
    done = space.erasures.finish(begun, ["trained:x"])
    assert done.is_done
    assert done.counts["choices"] == 11
    assert done.counts["people"] == 1
    assert done.counts["answers"] == 1
    assert all(done.counts[table.name] for table in PERSON_TABLES)
    with store.database.read() as connection:
        for table in PERSON_TABLES:
            left = set(connection.execute(select(table.c.person_id)).scalars())
            assert left == {space.people.require("bob").id}, table.name
        for table in (metadata.tables["erasures"], metadata.tables["audit"]):
            rows = repr(connection.execute(select(table)).all())
            assert not re.search(r"\bada\b", rows), table.name  # a whole word: random keys are hexadecimal
    assert [one.action for one in space.audit.list()][:2] == ["erased", "erase"]
    assert space.erasures.begin("ada") == space.erasures.get(done.id)


def test_an_erasure_looks_for_every_text_of_the_person(store: Store) -> None:
    space = store.make_space("a")
    filled(space)
    context = (Message("user", "Which tea?"),)
    space.feedback.ratings("ada", [Rating(context=context, response="Green tea.", score=4.0)], SOON)
    space.feedback.rankings("ada", [Ranked(context=(), responses=("Mint.", "Sage.", "Rye."), ranked=1)], SOON)
    space.completions.keep("ada", Completed("chatcmpl-9", (Message("user", "And coffee?"),), ("Strong.", "Weak.")))
    texts = space.erasures.outside(space.erasures.begin("ada")).texts
    assert {"Which tea?", "Green tea.", "Mint.", "Rye.", "And coffee?", "Strong.", "Weak."} <= set(texts)
    assert len(set(texts)) == len(texts)


def test_an_erasure_that_was_interrupted_is_found_and_gone_on_with(store: Store) -> None:
    space = store.make_space("a")
    filled(space)
    begun = space.erasures.begin("ada")
    (found,) = space.erasures.unfinished()
    assert found == begun
    assert space.erasures.begin("ada") == begun
    with pytest.raises(PersonErased):
        space.feedback.choices("ada", [choice(77)], SOON)
    space.erasures.finish(found, [])
    assert space.erasures.unfinished() == []


def test_choices_of_an_erased_person_do_not_bring_them_back(store: Store) -> None:
    space = store.make_space("a")
    filled(space)
    before = space.people.require("ada").id
    space.erasures.finish(space.erasures.begin("ada"), [])
    with pytest.raises(PersonErased):
        space.feedback.choices("ada", [choice(1)], SOON)
    assert space.people.get("ada") is None
    again = space.people.readmit("ada")
    assert again.id > before  # what is cached by number is never another person's
    assert space.feedback.choices("ada", [choice(1)], SOON).accepted == 1


def test_nobody_writes_a_statement_that_could_forget_the_space() -> None:
    import ast

    import places

    allowed = {
        "scope",
        "jobs",
        "keys",
        "links",
        "store",
        "migrating",
        "bodies",
    }  # what works across spaces, and says so
    for path in (places.SOURCE / "personalrm/store").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy" and path.stem not in allowed:
                made = {one.name for one in node.names} & {"select", "insert", "update", "delete", "text"}
                assert made == set(), path.name


def test_people_are_listed_by_name_page_by_page(store: Store) -> None:
    space = store.make_space("a")
    for name in ("c", "a", "b"):
        space.feedback.choices(name, [choice(1)], SOON)
    assert [one.name for one in space.people.list(limit=2)] == ["a", "b"]
    assert [one.name for one in space.people.list(after="b")] == ["c"]


def test_settings_of_a_space_are_its_own(store: Store) -> None:
    a, b = store.make_space("a"), store.make_space("b")
    store.change_settings(a, {"max_calls": 10})
    assert store.settings(a).max_calls == 10
    assert store.settings(b).max_calls is None
