"""A service whose disk is full: it refuses with a problem, loses nothing that it acknowledged, and recovers."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from facts import tells
from page_visits import asked, text_of, upload
from service_process import PAIR, Answer, Api, Server, choice, command, environment_of
from small_disk import small_disk_at
from study_participants import pairs
from study_visits import PageSession

from personalrm.bench.studies.human import Choose, Consent
from personalrm.data.writing import write_choices

FIELDS = {"name": "taste", "choices": "8", "statements": "2", "effect": "0.5", "simulated": "true"}
pytestmark = pytest.mark.slow


class Disk:
    """A small file system with a file that fills it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._ballast = folder, folder / "ballast"

    def fill(self) -> None:
        found = os.statvfs(self.folder)
        self._ballast.write_bytes(b"x" * (found.f_bavail * found.f_frsize))

    def empty(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk_at(tmp_path / "small", 4) as folder:
        yield Disk(folder)


@pytest.fixture
def server(disk: Disk) -> Iterator[Server]:
    """Its database, caches and temporary files lie on the small disk."""
    started = Server.start(disk.folder, debounce="0.1", debounce_most="0.3")
    yield started
    assert started.stop() == 0
    assert not any("Traceback" in line for line in started.lines)


@pytest.fixture
def api(disk: Disk, server: Server) -> Api:
    return server.api(command(disk.folder, "key", "a").stdout.strip())


def is_full(answer: Answer) -> bool:
    return answer.status == 507 and answer.body["type"].endswith("store-full")


def test_choices_are_refused_predictions_go_on_and_nothing_acknowledged_is_lost(disk: Disk, api: Api) -> None:
    sent = [*range(6)]
    assert api.add("ada", *map(choice, sent)).body["accepted"] == 6
    version = api.fresh("ada")
    disk.fill()
    number = 6
    while (answer := api.add("ada", choice(number))).status == 200:  # the log has some room left
        sent.append(number)
        number += 1
        assert number < 2_000
    assert is_full(answer)
    assert tells(answer.body["detail"], "full", "store.sqlite")
    assert is_full(api.ask("PUT", "/v1/people/eve", {}))
    assert [api.get(path).status for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
    assert api.post("/v1/people/ada/compare", PAIR).body["preferred"] == "a"
    disk.empty()
    assert api.add("ada", choice(number)).body["accepted"] == 1
    assert api.fresh("ada") > version
    kept = {one["id"] for one in api.get("/v1/people/ada/choices?limit=1000").body["choices"]}
    assert kept == {f"c{one}" for one in [*sent, number]}


def test_an_answer_of_a_study_is_refused_and_given_again(disk: Disk, api: Api, tmp_path: Path) -> None:
    write_choices(tmp_path / "pairs.jsonl", pairs(10))
    study = upload(api, "/studies", FIELDS, "pairs.jsonl", (tmp_path / "pairs.jsonl").read_bytes())
    page = text_of(asked(api, "GET", str(study.headers["Location"]), api.key))
    session = PageSession(api, re.findall(r'id="invitation" href="(/take-part/\w+)"', page)[0])
    assert isinstance(session.step(), Consent)
    session.agree()
    disk.fill()
    given = 0
    while True:
        step = session.step()
        if not isinstance(step, Choose):
            break
        form = {"place": session._place, "prefers": "left"}
        answer = asked(api, "POST", session.path, None, form)
        if answer.status != 303:
            assert answer.status == 507
            assert tells(text_of(answer), "full")
            break
        given += 1
    again = session.step()
    disk.empty()
    if isinstance(again, Choose):
        assert again.number == given + 1
        session.choose("left")
        assert session.step() != again


def test_a_file_that_has_no_room_while_it_is_read_is_refused(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a full folder of temporary files, and the database elsewhere."""
    monkeypatch.setenv("TMPDIR", str(disk.folder))
    write_choices(tmp_path / "choices.jsonl", pairs(600))
    content = (tmp_path / "choices.jsonl").read_bytes()
    key = command(tmp_path, "key", "a").stdout.strip()
    server = Server.start(tmp_path)
    try:
        disk.fill()
        os.truncate(disk.folder / "ballast", disk.folder.joinpath("ballast").stat().st_size - 20_000)
        api = server.api(key)
        for sent in (content, content + b"\n" * 2_000_000):  # a large file is on the disk before it is read
            answer = upload(api, "/import", {"name": "ada"}, "choices.jsonl", sent)
            assert answer.status == 507
            assert tells(text_of(answer), "temporary", "full")
        disk.empty()
        assert upload(api, "/import", {"name": "ada"}, "choices.jsonl", content).status == 200
    finally:
        assert server.stop() == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    api = Api(_free_port(), command(tmp_path, "key", "a").stdout.strip())
    words = [sys.executable, "-m", "personalrm", "serve", "--port", str(api.port)]
    with Path("/dev/full").open("wb") as full:
        process = subprocess.Popen(words, env=environment_of(tmp_path), stderr=full, stdout=full)
    try:
        _wait_until_ready(api, process)
        assert [api.add("ada", choice(one)).status for one in range(6)] == [200] * 6
        assert api.fresh("ada") >= 1
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _wait_until_ready(api: Api, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with contextlib.suppress(OSError):
            if api.get("/readyz").status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the service ended with status {process.returncode}")
