"""Mutated files, as produced by faulty disks, editors, other programs or attackers.

A fuzz target tries COUNT mutations: few in the test suite, PERSONALRM_FUZZ in `make fuzz`.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import sys
import time
import traceback
import unicodedata
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 7, 2**31, 2**63, 2**64, -(2**70), 0.5, 1e308, -1e308, 1e-320, -0.0),
    *("", "A", "ada", "none", "trained:nowhere", "\x00", "\x1b[2J\x1b]52;c;eA==\x07", "\x9b31m", "\u202egnp.exe"),
    *("[bold]x[/bold]", "[/]", "[/nothing]", "[link=http://x]y", "{}", "%s", "../../etc/passwd", "/dev/null", "\\"),
    *("x" * 5_000, "9" * 5_000, "NaN", "<script>", "\u200b", "é" * 300, "\ud7ff\ue000", "\U000e0041", "a\nb\rc"),
    *([], {}, [[]], {"a": []}, [None], ["A"] * 50, {"kind": "judge"}, {"": ""}, [{}], [1, "2", None], [[[[[[]]]]]]),
)
SEED = int(os.environ.get("PERSONALRM_FUZZ_SEED", "20261128"))
MOST_MB = 600
"""Memory that one mutation may add at its peak; what libraries need that the first ones import is counted as well."""
HOSTILE = [one for one in VALUES if isinstance(one, str)]


def count(few: int) -> int:
    """Number of mutations per target."""
    return int(os.environ.get("PERSONALRM_FUZZ", few))


def rounds(few: int, first: int = 0) -> Iterator[int]:
    """The numbers of the mutations: `count` of them, or fewer if PERSONALRM_FUZZ_SECONDS are over; their number is
    printed. AssertionError if this process needed more than `MOST_MB` more for one of them."""
    ends, done = time.monotonic() + float(os.environ.get("PERSONALRM_FUZZ_SECONDS", "inf")), 0
    largest = 0
    for number in range(first, first + count(few)):
        if time.monotonic() > ends:
            break
        before = _megabytes("VmRSS")
        _forget_peak()
        yield number
        grown = _megabytes("VmHWM") - before
        assert grown <= MOST_MB, f"mutation {number} took {grown} MB of memory"
        largest, done = max(largest, grown), done + 1
    sys.stdout.write(f"{done} mutations, at most {largest} MB each\n")


def _megabytes(field: str) -> int:
    """A size of this process in MB; 0 where the system does not tell it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) // 1024
    return 0


def _forget_peak() -> None:
    """Let the peak (VmHWM) begin again at what is used now."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    found: list[tuple[Any, Any]] = []
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        found.append((value, key))
        found += places(value[key])
    return found


def mutated_json(record: Any, draw: random.Random) -> Any:
    """A copy with one to four changes: a value replaced, moved, removed, duplicated or renamed."""
    copy = json.loads(json.dumps(record))
    for _ in range(draw.choice([1, 1, 1, 2, 4])):
        there = places(copy)
        if not there:
            break
        container, key = draw.choice(there)
        how = draw.random()
        if how < 0.45:
            container[key] = deepcopy(draw.choice(VALUES))
        elif how < 0.6:
            if isinstance(container[key], str):
                container[key] = draw.choice([container[key] + draw.choice(HOSTILE), draw.choice(HOSTILE)])
            elif isinstance(container[key], int | float) and not isinstance(container[key], bool):
                container[key] = draw.choice([-container[key], container[key] * 1e6, str(container[key])])
        elif how < 0.75:
            other, place = draw.choice(there)
            container[key] = json.loads(json.dumps(other[place])) if place in _keys(other) else None
        elif how < 0.88:
            del container[key]
        elif isinstance(container, list):
            container.insert(key, json.loads(json.dumps(container[key])))
        else:
            container[draw.choice(["", "x", key.upper(), "schema", "kind"])] = container.pop(key)
    return copy


def _keys(container: Any) -> Any:
    return container.keys() if isinstance(container, dict) else range(len(container))


def mutated_bytes(content: bytes, draw: random.Random) -> bytes:
    """A copy with flipped bits, a part removed, duplicated or zeroed, or truncated."""
    data = bytearray(content)
    how = draw.randrange(6)
    if not data or how == 0:
        return bytes(data[: draw.choice([0, 1, len(data) // 2, max(0, len(data) - 1)])])
    at, length = draw.randrange(len(data)), draw.choice([1, 8, 100])
    if how == 1:
        for _ in range(draw.choice([1, 1, 3, 30])):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif how == 2:
        del data[at : at + length]
    elif how == 3:
        data[at:at] = data[at : at + length]
    elif how == 4:
        data[at : at + length] = bytes(len(data[at : at + length]))
    else:
        data[at:at] = draw.choice(
            [b"\xff", b"\x00", b"\xef\xbb\xbf", b"\n", b"{", b"]", b'"', b"\xed\xa0\x80", b"1e999"]
        )
    return bytes(data)


def database_bytes(path: Path) -> bytes:
    """A closed SQLite database as one file, without a write-ahead log beside it."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
    return path.read_bytes()


def mutated_text(content: bytes, draw: random.Random) -> bytes:
    """JSON, or JSON Lines, mutated as values or as bytes."""
    if draw.random() < 0.25:
        return mutated_bytes(content, draw)
    try:
        return json.dumps(mutated_json(json.loads(content), draw)).encode("utf-8", "surrogatepass")
    except ValueError:
        lines = content.split(b"\n")
    at = draw.randrange(len(lines))
    if draw.random() < 0.2:
        lines.insert(at, draw.choice([lines[at], b"", b"null", b"[]", b"{}", b"3", lines[at][: len(lines[at]) // 2]]))
    else:
        try:
            lines[at] = json.dumps(mutated_json(json.loads(lines[at]), draw)).encode()
        except ValueError:
            lines[at] = mutated_bytes(lines[at], draw)
    return b"\n".join(lines)


def mutate_folder(folder: Path, names: list[str], draw: random.Random) -> str:
    """Change, truncate, remove or swap one or two files of a folder; returns a description."""
    said = []
    for _ in range(draw.choice([1, 1, 2])):
        name = draw.choice(names)
        path, how = folder / name, draw.random()
        if not path.is_file():
            continue
        if how < 0.06:
            path.unlink()
        elif how < 0.1:
            path.unlink()
            path.mkdir()
        elif how < 0.15:
            path.write_bytes((folder / draw.choice([one for one in names if (folder / one).is_file()])).read_bytes())
        elif path.suffix in (".json", ".jsonl"):
            path.write_bytes(mutated_text(path.read_bytes(), draw))
        else:
            path.write_bytes(mutated_bytes(path.read_bytes(), draw))
        said.append(name)
    return ", ".join(said)


class Faults:
    """Unexpected exceptions, one per source line of the package."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def look(self, call: Callable[[], Any], said: str) -> Any:
        """Call; record an exception that is not a `PersonalrmError`, with a description of the input."""
        try:
            return call()
        except SystemExit:
            raise
        except Exception as error:
            frames = [one for one in traceback.extract_tb(error.__traceback__) if "personalrm" in one.filename]
            where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "elsewhere"
            self.found.setdefault(f"{type(error).__name__} at {where}", f"{said}: {error!s:.200}")
            return None

    def command(self, call: Callable[[], Any], said: str) -> Any:
        """`look` at a command; record control characters in what it prints and exit codes other than 0 and 1."""
        done = self.look(call, said)
        if done is not None:
            raw = commands(done.out + done.err)
            if raw or done.code not in (0, 1):
                self.found.setdefault(f"{sorted(raw)}, exit {done.code}, {said}", done.out[:300] + done.err)
        return done


def commands(text: str) -> set[str]:
    """Control characters, bidirectional marks, invisible characters and lone surrogates in a text."""
    return {one for one in text if unicodedata.category(one) in ("Cc", "Cf", "Cs") and one not in "\n\t"}
