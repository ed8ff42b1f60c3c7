"""What whoever runs the service does while it is in use: copies, restores, migrations, and starts that are refused."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import places
import pytest
from service_process import PAIR, Server, choice, command, environment_of

from personalrm.errors import DataError, StorageError
from personalrm.service.config import ServiceConfig
from personalrm.service.server import check_reachable
from personalrm.store.backup import restore
from personalrm.store.store import Store
from personalrm.store.testing import memory_store

URLS = ("0.0.0.0", "192.168.1.4", "::", "2001:db8::1", "example.org")


def test_a_copy_of_a_service_in_use_holds_what_was_acknowledged_before(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    with closing(Store(url)) as store:
        key = store.make_space("a").keys.create(("write", "predict", "manage"), "")
    server = Server.start(tmp_path, debounce="0.5")
    api, copy = server.api(key), tmp_path / "copy.sqlite"
    acknowledged, stop, statuses = 0, threading.Event(), set()

    def write() -> None:
        nonlocal acknowledged
        while not stop.is_set():
            statuses.add(api.add("ada", choice(acknowledged)).status)
            acknowledged += 1
            stop.wait(0.01)  # the server, the learner and the copy need the processors as well

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while acknowledged < 20:
            assert writer.is_alive()
            stop.wait(0.01)
        before = acknowledged
        made = command(tmp_path, "backup", str(copy))
        after = acknowledged + 1
    finally:
        stop.set()
        writer.join()
    assert made.returncode == 0, made.stderr
    assert statuses == {200}
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.sqlite'}"
    restore(copy, elsewhere)
    restored = Store(elsewhere)
    space = restored.space("a")
    assert space is not None
    person = space.people.require("ada")
    found = [one.external_id for one in space.history.page(person, limit=100_000)]
    restored.close()
    assert found == [f"c{number}" for number in range(len(found))]
    assert before <= len(found) <= after

    # into a database that a service uses, nothing is restored; and another version's tables make no fault
    with pytest.raises(StorageError, match="not empty"):
        restore(copy, url)
    assert server.api().get("/readyz").status == 200
    with closing(sqlite3.connect(tmp_path / "store.sqlite", timeout=30)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9.9.9.1'")
        database.execute("ALTER TABLE choices RENAME COLUMN margin TO distance")
    ready = server.api().get("/readyz")
    assert (ready.status, ready.body["type"]) == (503, "urn:personalrm:problem:store-unavailable")
    assert int(ready.headers["retry-after"]) >= 1
    assert server.api().get("/healthz").status == 200
    for answer in (api.add("ada", choice(9999)), api.get("/v1/people/ada/choices"), api.get("/v1/people/ada/export")):
        assert answer.status == 503, answer.body
    assert api.post("/v1/people/ada/compare", PAIR).status in (200, 409, 503)  # 409: no profile yet
    assert server.events("failed") == []
    assert server.stop() == 0


@pytest.mark.parametrize("host", URLS)
def test_what_others_can_reach_needs_a_key(host: str) -> None:
    config = ServiceConfig(host=host)
    with memory_store() as store:
        with pytest.raises(DataError, match="serve key"):
            check_reachable(config, store)
        key = store.make_space("a").keys.create(("predict",), "")
        check_reachable(config, store)
        store.make_space("a").keys.revoke(key.split("_")[1])
        with pytest.raises(DataError, match="serve key"):
            check_reachable(config, store)
    with pytest.raises(DataError, match="loopback"):
        ServiceConfig(host=host, open=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_this_machine_alone_needs_none(host: str) -> None:
    with memory_store() as store:
        check_reachable(ServiceConfig(host=host, open=True), store)


def test_every_option_has_a_variable_that_is_read_and_documented() -> None:
    given = {
        "host": "::1", "port": "9", "database": "sqlite://", "model": "m", "base_url": "u", "upstream": "v",
        "upstream_key": "k", "open": "1", "max_body": "2048", "timeout": "3", "in_flight": "4", "rate": "5",
        "workers": "6", "debounce": "7", "debounce_most": "8", "opened": "10", "trained": "t", "cache": "c",
        "grace": "11", "request_log": "off",
    }  # fmt: skip
    names = [one.name for one in fields(ServiceConfig)]
    assert sorted(given) == sorted(names), "a new option needs a value here"
    found = ServiceConfig.from_environment({f"PERSONALRM_{name.upper()}": text for name, text in given.items()})
    assert {name: str(getattr(found, name)) for name in names} == {**given, "open": "True", "timeout": "3.0",
        "rate": "5.0", "debounce": "7.0", "debounce_most": "8.0", "grace": "11.0"}  # fmt: skip
    page = (places.ROOT / "docs" / "service.md").read_text(encoding="utf-8")
    for name in names:
        assert f"`PERSONALRM_{name.upper()}`" in page, name
    for name, text in (
        ("PORT", "x"),
        ("PORT", "70000"),
        ("OPEN", "yes"),
        ("RATE", "nan"),
        ("GRACE", "-1"),
        ("REQUEST_LOG", "x"),
    ):
        with pytest.raises(DataError, match=rf"(?i){name}"):
            ServiceConfig.from_environment({f"PERSONALRM_{name}": text})
    assert "PERSONALRM_DATABASE" in environment_of(Path())
