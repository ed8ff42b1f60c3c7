"""Write locks on folders and files, shared by all processes of a machine.

with hold(folder, "run of train"): ...        # a second process that locks the folder gets a DataError
with hold_file(path, "update"): ...           # the lock file is beside the file
"""

from __future__ import annotations

import contextlib
import importlib
import os
from pathlib import Path
from typing import IO, Any

from personalrm.errors import DataError, StorageError
from personalrm.files import UNFINISHED, beside, making, stored

LOCK = ".lock"


class Lock:
    """An exclusive write lock on a folder or file, held until `release` or the end of a ``with`` block.

    The lock is the operating system's (flock) and ends with the process; the lock file holds the process id.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path, self._file, self.made = path, file, False

    def release(self) -> None:
        """Release the lock; a second call does nothing. The folder is removed if it is empty."""
        if self._file.closed:
            return
        with contextlib.suppress(OSError):
            self._path.unlink()  # before the lock is released, so that no process waits on a deleted file
            if self.made:
                self._path.parent.rmdir()  # an OSError unless it is empty
        self._file.close()

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def hold(folder: Path, work: str) -> Lock:
    """Lock a folder, which is created if absent. Unfinished files of killed processes in it are removed.

    Args:
        work: name of the operation for the other process's error: "another ``run of train`` is writing to …".

    Raises:
        DataError: another process holds the lock; the message names it.
        StorageError: the folder cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"{folder} is a file: name a folder")
    made = not folder.exists()
    lock = _hold(folder / LOCK, f"another {work}", folder)
    lock.made = made
    _remove_unfinished(folder)
    return lock


def hold_file(path: Path, work: str) -> Lock:
    """Lock a file during a read-modify-write; arguments and errors as `hold`."""
    return _hold(beside(path, LOCK), f"another {work}", path)


def _hold(path: Path, other: str, held: Path) -> Lock:
    with stored(path.parent), making(path.parent):
        return _hold_in_folder(path, other, held)


def _hold_in_folder(path: Path, other: str, held: Path) -> Lock:
    while True:
        with stored(held):
            # without following symbolic links: the target's content would be overwritten
            number = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        file = os.fdopen(number, "r+b")
        if not _locked(file):
            holder = _holder(file)
            file.close()
            raise DataError(f"{other}{holder} is writing to {held}: wait for it, or choose another place")
        if _is_same(file, path):
            break
        file.close()  # the previous holder removed it between our open and our lock
    lock = Lock(path, file)
    try:
        with stored(held):
            file.seek(0)
            file.truncate()
            os.write(file.fileno(), f"{os.getpid()}\n".encode())  # unbuffered: closing a full disk's file cannot fail
    except BaseException:
        lock.release()
        raise
    return lock


def _locked(file: IO[bytes]) -> bool:
    """Whether the operating system granted the lock."""
    try:
        import fcntl
    except ImportError:
        return _locked_on_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: the process named in the file holds it while it runs
        return not _is_alive(_read_pid(file))
    return True


def _locked_on_windows(file: IO[bytes]) -> bool:
    msvcrt: Any = importlib.import_module("msvcrt")
    file.seek(1 << 20)  # a byte beyond what is read
    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True


def _is_same(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _read_pid(file: IO[bytes]) -> int | None:
    file.seek(0)
    text = file.read(32).strip()
    return int(text) if text.isdigit() else None


def _holder(file: IO[bytes]) -> str:
    pid = _read_pid(file)
    return "" if pid is None else f" (process {pid})"


def _is_alive(pid: int | None) -> bool:
    """Whether another process with this id is running; true where that cannot be determined."""
    if pid is None or pid == os.getpid():
        return False
    if os.name == "nt":  # on Windows signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _remove_unfinished(folder: Path) -> None:
    """Remove the unfinished files of killed processes."""
    for pattern in (f".*{UNFINISHED}", f"*/.*{UNFINISHED}"):
        for left in folder.glob(pattern):
            pid = left.name.removesuffix(UNFINISHED).rpartition(".")[2].partition("-")[0]
            if pid.isdigit() and not _is_alive(int(pid)):
                left.unlink(missing_ok=True)
