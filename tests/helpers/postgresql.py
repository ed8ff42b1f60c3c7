"""A PostgreSQL cluster of the tests' own: in a temporary folder, on a socket there, gone when the tests end.

PostgreSQL does not run as root, so root starts it as another user. Where its programs are missing, `find` says why.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

MISSING = "PostgreSQL's programs are not installed (Debian: apt-get install postgresql)"
_numbers = itertools.count(1)


def find() -> Path | None:
    """The folder of PostgreSQL's programs, the newest; None if there are none."""
    named = shutil.which("initdb")
    if named:
        return Path(named).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    return found[-1].parent if found else None


class Cluster:
    """Started by the constructor."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="personalrm-pg-", dir="/tmp"))
        self._user = self._other_user() if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self.data = self.folder / "data"
        self.run("initdb", "-D", self.data, "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.start()

    def start(self) -> None:
        """Start it (again), reachable only through a socket in its folder."""
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=off"
        self.run("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-o", options, "start")

    def stop(self) -> None:
        """Stop it at once, as a crash would."""
        self.run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def remove(self) -> None:
        """Stop it and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self) -> str:
        """The URL of a database that is empty."""
        name = f"t{next(_numbers)}"
        self.run("createdb", "-h", self.folder, "-U", "test", name)
        return f"postgresql://test@/{name}?host={self.folder}"

    def run(self, program: str, *arguments: object) -> None:
        """Run one of PostgreSQL's programs as its user."""
        as_user: dict[str, Any] = {}
        if self._user is not None:
            as_user = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        command = [str(self.programs / program), *map(str, arguments)]
        subprocess.run(
            command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, **as_user
        )

    @staticmethod
    def _other_user() -> pwd.struct_passwd:
        try:
            return pwd.getpwnam("postgres")
        except KeyError:
            return pwd.getpwnam("nobody")
