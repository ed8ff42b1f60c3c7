"""kill -9 under load: what was acknowledged is there, nothing is there twice, and learning goes on."""

from __future__ import annotations

import contextlib
import http.client
import random
import signal
import threading
import time
from pathlib import Path

import postgresql
import pytest
from service_process import Api, Server, choice, command_here

PEOPLE = ("ada", "bob", "eve")
WRITERS = 2
LEARNED_S = 120.0
"""A killed learner's job is another's when its lease of 30 seconds ends."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str | None:
    """A new PostgreSQL database; None for the service's own SQLite file."""
    if request.param == "sqlite":
        return None
    cluster: postgresql.Cluster = request.getfixturevalue("cluster")
    return cluster.new_database()


class Writers:
    """Send choices, one a request, until the service dies; ``acknowledged`` are those that it said it has stored."""

    def __init__(self, api: Api, first: int) -> None:
        self.acknowledged: set[tuple[str, str]] = set()
        self._api, self._first, self._sent = api, first, 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._write) for _ in range(WRITERS)]
        for one in self._threads:
            one.start()

    def await_two(self) -> None:
        """Wait until two choices are acknowledged: the machine may be busy."""
        deadline = time.monotonic() + 60
        while len(self.acknowledged) < 2 and time.monotonic() < deadline:
            time.sleep(0.005)

    def join(self) -> int:
        """How many were sent."""
        for one in self._threads:
            one.join()
        return self._sent

    def _write(self) -> None:
        while True:
            with self._lock:
                number = self._first + self._sent
                self._sent += 1
            user = PEOPLE[number % len(PEOPLE)]
            try:
                answer = self._api.add(user, choice(number, short=number % 5 != 0))
            except (OSError, ValueError, EOFError, http.client.HTTPException):  # killed before, or within its answer
                return
            if answer.status == 200 and answer.body["accepted"] == 1:
                self.acknowledged.add((user, f"c{number}"))


def stored(api: Api) -> list[tuple[str, str]]:
    found = []
    for user in PEOPLE:
        after: int | None = 0
        while after is not None:
            page = api.get(f"/v1/people/{user}/choices?limit=1000&after={after}")
            if page.status == 404:
                break
            found += [(user, one["id"]) for one in page.body["choices"]]
            after = page.body["next"]
    return found


def killed_again_and_again(folder: Path, times: int, database: str | None = None) -> None:
    key = command_here(folder, "key", "a", database=database)
    chance, acknowledged, number = random.Random(times), set[tuple[str, str]](), 0
    for _ in range(times):
        server = Server.start(folder, database=database, debounce="0.1", debounce_most="0.5")
        writers = Writers(server.api(key), number)
        writers.await_two()
        time.sleep(chance.uniform(0.1, 1.2))
        server.stop(signal.SIGKILL)
        number += writers.join()
        acknowledged |= writers.acknowledged
    server = Server.start(folder, database=database)
    try:
        api = server.api(key)
        found = stored(api)
        assert len(acknowledged) > times
        assert acknowledged <= set(found)
        assert len(found) == len(set(found))
        assert len(found) <= number
        deadline = time.monotonic() + LEARNED_S
        while not all(api.get(f"/v1/people/{user}").body["up_to_date"] for user in PEOPLE):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert all(api.get(f"/v1/people/{user}").body["choices"] > 0 for user in PEOPLE)
    finally:
        assert server.stop() == 0


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path, 1)


@pytest.mark.slow
def test_thirty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path, database: str | None) -> None:
    killed_again_and_again(tmp_path, 30, database)


def erased_and_killed(folder: Path, times: int, database: str | None = None) -> None:
    """Kill while people are erased and others write; whoever was to be erased is gone after the next start."""
    key = command_here(folder, "key", "a", database=database)
    chance, asked = random.Random(times), list[str]()
    server = Server.start(folder, database=database, debounce="0.1")
    for turn in range(times):
        api = server.api(key)
        names = [f"gone-{turn}-{n}" for n in range(4)]
        for name in names:
            assert api.add(name, *[choice(n) for n in range(6)]).body["accepted"] == 6
        writers = Writers(api, turn * 100_000)
        threads = [threading.Thread(target=answered, args=(api, name)) for name in names]
        for one in threads:
            one.start()
        time.sleep(chance.uniform(0.0, 0.06))
        server.stop(signal.SIGKILL)
        for one in threads:
            one.join()
        writers.join()
        asked += names
        server = Server.start(folder, database=database, debounce="0.1")
    try:
        api = server.api(key)
        for name in asked:  # asked again, an erasure that was lost begins and one that was begun ends
            found = api.delete(f"/v1/people/{name}")
            assert (found.status, found.body["erased"], found.body["counts"]["choices"]) == (200, True, 6), name
            assert api.get(f"/v1/people/{name}/export").status == 404
        listed = [one["user"] for one in api.get("/v1/people?limit=1000").body["people"]]
        assert set(listed) <= set(PEOPLE)  # a kill may come before everybody has written
        assert server.events("failed") == []
    finally:
        assert server.stop() == 0


def answered(api: Api, name: str) -> None:
    with contextlib.suppress(OSError, ValueError, EOFError, http.client.HTTPException):
        api.delete(f"/v1/people/{name}")


@pytest.mark.slow
def test_kills_while_people_are_erased_leave_nobody_half_erased(tmp_path: Path, database: str | None) -> None:
    erased_and_killed(tmp_path, 8, database)
