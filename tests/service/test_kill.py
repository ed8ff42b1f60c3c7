"""kill -9 under load: what was acknowledged is there, nothing is there twice, and learning goes on."""

from __future__ import annotations

import random
import signal
import threading
import time
from pathlib import Path

import postgresql
import pytest
from service_process import Api, Server, choice, command

PEOPLE = ("ada", "bob", "eve")
WRITERS = 2
LEARNED_S = 120.0
"""A killed learner's job is another's when its lease of 30 seconds ends."""


class Writers:
    """Send choices, one a request, until the service dies; ``acknowledged`` are those that it said it has stored."""

    def __init__(self, api: Api, first: int) -> None:
        self.acknowledged: set[tuple[str, str]] = set()
        self._api, self._first, self._sent = api, first, 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._write) for _ in range(WRITERS)]
        for one in self._threads:
            one.start()

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
            except (OSError, ValueError, EOFError):
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
    key = command(folder, "key", "a", database=database).stdout.strip()
    chance, acknowledged, number = random.Random(times), set[tuple[str, str]](), 0
    for _ in range(times):
        server = Server.start(folder, database=database, debounce="0.1", debounce_most="0.5")
        writers = Writers(server.api(key), number)
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
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_thirty_kills_lose_nothing_that_was_acknowledged(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    database = None
    if kind == "postgresql":
        cluster: postgresql.Cluster = request.getfixturevalue("cluster")
        database = cluster.new_database()
    killed_again_and_again(tmp_path, 30, database)
