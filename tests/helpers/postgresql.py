"""A temporary PostgreSQL cluster for the tests: in a temporary folder, on a socket, removed when the tests end.

PostgreSQL refuses to run as root, so root starts it as another user. If it is not installed, `find` returns None.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

MISSING = "PostgreSQL's programs are not installed (Debian: apt-get install postgresql)"
READY_S = 120.0
_QUIET: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
_numbers = itertools.count(1)


def find() -> Path | None:
    """The folder of the newest installed PostgreSQL programs; None if there are none."""
    named = shutil.which("initdb")
    if named:
        return Path(named).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    return found[-1].parent if found else None


def _die_with_the_tests() -> None:
    """Ask the kernel (Linux) to stop the database when the test process is killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


class Cluster:
    """A running cluster; the constructor starts it."""

    def __init__(self, programs: Path) -> None:
        self.programs, self._is_migrated = programs, False
        parent = tempfile.gettempdir()
        self.folder = Path(tempfile.mkdtemp(prefix="personalrm-pg-", dir=parent if len(parent) < 40 else "/tmp"))
        self._user = self._other_user() if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self.data = self.folder / "data"
        self.run("initdb", "-D", self.data, "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.start()

    def start(self) -> None:
        """Start or restart it, reachable only through a socket in its folder."""
        words = ["-D", self.data, "-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}"]
        command = [str(self.programs / "postgres"), *map(str, words), "-c", "fsync=off"]
        self._process = subprocess.Popen(command, preexec_fn=_die_with_the_tests, **self._as_user(), **_QUIET)
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if (
                subprocess.run(
                    [str(self.programs / "pg_isready"), "-h", str(self.folder)], check=False, **_QUIET
                ).returncode
                == 0
            ):
                return
            time.sleep(0.05)
        raise RuntimeError("PostgreSQL did not start")

    def stop(self) -> None:
        """Stop it immediately, as in a crash."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)

    def remove(self) -> None:
        """Stop it and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"t{next(_numbers)}"
        with self._connection("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._url(name)

    def emptied_database(self) -> str:
        """The URL of the database with all tables of the store, without rows: a new one takes half a second.

        Whoever was connected to it no longer is. A test that changes the tables takes a new one.
        """
        if not self._is_migrated:
            from personalrm.store.store import Store

            with self._connection("postgres") as connection:
                connection.execute("CREATE DATABASE emptied")
            Store(self._url("emptied")).close()
            self._is_migrated = True
        with self._connection("emptied") as connection:
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}".encode())
            found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            names = ", ".join(name for (name,) in found if name != "alembic_version")
            connection.execute(f"TRUNCATE {names} RESTART IDENTITY".encode())
        return self._url("emptied")

    def _connection(self, name: str) -> Any:
        import psycopg

        return psycopg.connect(self._url(name), autocommit=True)

    def _url(self, name: str) -> str:
        return f"postgresql://test@/{name}?host={self.folder}"

    def run(self, program: str, *arguments: object) -> None:
        """Run one of PostgreSQL's programs as its user."""
        command = [str(self.programs / program), *map(str, arguments)]
        subprocess.run(command, check=True, **self._as_user(), **_QUIET)

    def _as_user(self) -> dict[str, Any]:
        found: dict[str, Any] = {"cwd": self.folder}
        if self._user is not None:
            found |= {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        return found

    @staticmethod
    def _other_user() -> pwd.struct_passwd:
        try:
            return pwd.getpwnam("postgres")
        except KeyError:
            return pwd.getpwnam("nobody")
