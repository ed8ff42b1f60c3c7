"""A real service in a separate process, and a plain HTTP client for it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import places
from typer.testing import CliRunner

READY_S = 120.0


@dataclass(frozen=True)
class Answer:
    """A response; ``body`` is the JSON value, or the text if it is not JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class Api:
    """Requests with one key."""

    port: int
    key: str | None = None

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request; ``body`` is sent as JSON, bytes unchanged."""
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {"Content-Type": "application/json"} if body is not None else {}
        if self.key is not None:
            given["Authorization"] = f"Bearer {self.key}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, sent, {**given, **(headers or {})})
            response = connection.getresponse()
            raw = response.read()
        finally:
            connection.close()
        try:
            found = json.loads(raw)
        except ValueError:
            found = raw.decode("utf-8", "replace")
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, found)

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("POST", path, body, headers)

    def delete(self, path: str) -> Answer:
        return self.ask("DELETE", path)

    def add(self, user: str, *choices: Mapping[str, Any]) -> Answer:
        """Send choices."""
        return self.post(f"/v1/people/{quoted(user)}/choices", {"choices": list(choices)})

    def fresh(self, user: str) -> int:
        """Wait until everything is learned, and return the version of the profile."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = self.get(f"/v1/people/{quoted(user)}").body
            if found["up_to_date"]:
                version: int = found["profile_version"]
                return version
            time.sleep(0.01)
        raise RuntimeError(f"not learned within 60 s: {found}")

    def idle(self, user: str) -> None:
        """Wait until the person has no queued or running job."""
        deadline = time.monotonic() + 60
        while any(one["person"] == user for one in self.get("/v1/jobs?limit=1000").body["jobs"]):
            if time.monotonic() > deadline:
                raise RuntimeError("a job was not done within 60 s")
            time.sleep(0.02)


def quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")


@dataclass
class Server:
    """A service process started by `start`; its log is read continuously."""

    process: subprocess.Popen[str]
    port: int = 0
    lines: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    reader: threading.Thread | None = None

    @classmethod
    def start(cls, folder: Path, *words: str, database: str | None = None, **variables: str) -> Server:
        """Run `personalrm serve` with separate caches; ``variables`` become environment variables PERSONALRM_…"""
        environment = environment_of(folder, database)
        environment |= {f"PERSONALRM_{name.upper()}": value for name, value in variables.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "personalrm", "serve", "--port", "0", *words],
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        server = cls(process, environment=environment)
        server.reader = threading.Thread(target=server._read, daemon=True)
        server.reader.start()
        server._await_port()
        return server

    def api(self, key: str | None = None) -> Api:
        return Api(self.port, key)

    def await_event(self, kind: str, **values: object) -> dict[str, Any]:
        """The first log line of this kind with these values, as soon as it is written."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for one in self.events(kind):
                if values.items() <= one.items():
                    return one
            time.sleep(0.01)
        raise RuntimeError(f"no {kind} with {values} was logged within 60 s")

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Log lines of one kind."""
        found = [json.loads(one) for one in self.lines if one.startswith("{")]
        return [one for one in found if one["event"] == kind]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Stop it; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            code = self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        if self.reader is not None and how is not signal.SIGKILL:
            self.reader.join(30)  # the last lines of the log
        return code

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as log:
            for line in log:
                self.lines.append(line.rstrip("\n"))

    def _await_port(self) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            for one in self.lines:
                if '"event":"listening"' in one:
                    self.port = json.loads(one)["port"]
            if self.port and self._is_ready():
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.process.kill()
        raise RuntimeError("the service did not start:\n" + "\n".join(self.lines))

    def _is_ready(self) -> bool:
        try:
            return Api(self.port).get("/readyz").status == 200
        except OSError:
            return False


def environment_of(folder: Path, database: str | None = None) -> dict[str, str]:
    """An environment without the user's settings, whose files are all inside the folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PERSONALRM_", "OPENAI_"))}
    return {
        **kept,
        "PYTHONPATH": str(places.SOURCE),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PERSONALRM_DATABASE": database or f"sqlite:///{folder / 'store.sqlite'}",
    }


def command(folder: Path, *words: str, database: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `personalrm serve …` to completion."""
    return subprocess.run(
        [sys.executable, "-m", "personalrm", "serve", *words],
        env=environment_of(folder, database),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def command_here(folder: Path, *words: str, database: str | None = None) -> str:
    """As `command`, in this process, which saves a second; the standard output of a command that ends well."""
    from personalrm.cli.commands.serve import app

    done = CliRunner().invoke(app, words, env=environment_of(folder, database), catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return done.stdout.strip()


def choice(number: int, *, short: bool = True, **more: Any) -> dict[str, Any]:
    """A fictional choice in the API's format."""
    answers = [f"Do it in {number + 3} steps.", f"There are many things to consider, {number} of them. " * 12]
    chosen, rejected = answers if short else reversed(answers)
    return {
        "id": f"c{number}",
        "prompt": f"How do I do thing {number}?",
        "chosen": chosen,
        "rejected": rejected,
        **more,
    }


PAIR = {"prompt": "How do I swim?", "a": "In 4 steps.", "b": "There are many things to consider, 9 of them. " * 10}


def learned(api: Api, user: str, count: int = 12) -> None:
    """Store choices of a new person and wait until they are learned."""
    answer = api.add(user, *[choice(n) for n in range(count)])
    assert answer.body == {"accepted": count, "known": 0, "rejected": []}
    api.fresh(user)
