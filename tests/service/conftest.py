"""One service for all tests that do not need their own, with two spaces whose keys are not each other's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import browser as browsers
import pytest
from browser import Browser
from database_fixtures import cluster
from service_process import Api, Server, command_here

from personalrm.service.config import ServiceConfig
from personalrm.service.state import Service
from personalrm.store.records import Choice
from personalrm.store.store import SpaceStore, Store

__all__ = ["cluster"]
_names = itertools.count(1)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="session")
def keys(home: Path) -> dict[str, str]:
    """A key for everything of each of two spaces, and one that may only predict."""
    found = {space: command_here(home, "key", space) for space in ("a", "b")}
    return {**found, "reader": command_here(home, "key", "a", "--scopes", "predict")}


@pytest.fixture(scope="session")
def server(home: Path, keys: dict[str, str]) -> Iterator[Server]:
    started = Server.start(home, debounce="0.2")
    yield started
    assert started.stop() == 0


@pytest.fixture
def api(server: Server, keys: dict[str, str]) -> Api:
    """Space a."""
    return server.api(keys["a"])


@pytest.fixture
def other(server: Server, keys: dict[str, str]) -> Api:
    """Space b."""
    return server.api(keys["b"])


@pytest.fixture
def user() -> str:
    """A name that no other test uses."""
    return f"person-{next(_names)}"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = browsers.find()
    if program is None:
        pytest.skip(browsers.MISSING)
    started = Browser(program)
    yield started
    started.close()


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service in this process, without a learner; tests run its jobs."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    database = f"sqlite:///{tmp_path / 'store.sqlite'}"
    config = ServiceConfig(database=database, cache=str(tmp_path / "answers.sqlite"), workers=0, request_log="off")
    opened = Service(config, Store(database))
    yield opened
    opened.stop()


@pytest.fixture
def space(service: Service) -> SpaceStore:
    """A space of `service`, in which ada likes short answers."""
    made = service.store.make_space("a")
    pairs = [(f"Short {n}.", f"A long answer, number {n}. " * 30) for n in range(12)]
    choices = [Choice(id=str(n), context=(), chosen=a, rejected=b) for n, (a, b) in enumerate(pairs)]
    made.feedback.choices("ada", choices, service.new_choice)
    return made
