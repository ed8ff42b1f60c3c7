"""Unusual files: other encodings, unusual JSON, damaged archives, and objects that are not regular files.

`ODD_CONTENTS` change the contents of a file, `ODD_PLACES` replace the file. Both take a random generator.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import random
import re
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mutations import places

OddContent = Callable[[bytes, random.Random], bytes]
OddPlace = Callable[[Path, bytes, random.Random], None]

_OTHER_TYPES: tuple[Callable[[Any], Any], ...] = (
    *(lambda one: [one], lambda one: {"value": one}, str),
    *(lambda _, other=other: other for other in ([], {}, None, True, 10**400, -(2**64), 1e400, "\ud800", "\0")),
)


def _rows(content: bytes) -> tuple[list[Any], bool]:
    """The JSON values of a file, and whether it is JSON Lines."""
    try:
        return [json.loads(content)], False
    except ValueError:
        return [json.loads(line) for line in content.splitlines() if line.strip()], True


def other_types(content: bytes, draw: random.Random) -> bytes:
    """One JSON field with a value of another type; 10**400 and 1e400 are written out."""
    try:
        values, lines = _rows(content)
    except ValueError:
        return content
    there = [place for value in values for place in places(value)]
    for container, key in draw.sample(there, min(len(there), draw.choice([1, 1, 3]))):
        if isinstance(container, list) or key in container:
            container[key] = draw.choice(_OTHER_TYPES)(container[key])
    return "\n".join(map(json.dumps, values)).encode("utf-8", "surrogatepass") + b"\n" * lines


def keys_twice(content: bytes, draw: random.Random) -> bytes:
    """A duplicate key in an object, with another value."""
    keys = list(re.finditer(rb'"(\w{1,40})"\s?:', content))
    if not keys:
        return content
    one, other = draw.choice(keys), draw.choice(keys)
    value = draw.choice([b"null", b"[]", b'"x"', b"9" * 5_000, b"{}", b"-0.0"])
    return content[: one.start()] + b'"' + other.group(1) + b'": ' + value + b", " + content[one.start() :]


def mixed_line_ends(content: bytes, draw: random.Random) -> bytes:
    ends = (b"\n", b"\r\n", b"\r", b"\n\r", b"\x0b", b"\xe2\x80\xa8")
    return b"".join(line + draw.choice(ends) for line in content.split(b"\n"))


def nul_bytes(content: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(content) + 1)
    return draw.choice([content[:at] + b"\0" * draw.choice([1, 4_096]) + content[at:], b"\0" * len(content)])


def other_encoding(content: bytes, draw: random.Random) -> bytes:
    text = content.decode("utf-8", "replace")
    name = draw.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp037", "utf-7"])
    found = text.encode(name, "replace")
    return found[: draw.choice([len(found), len(found), max(0, len(found) - 1)])]


def lone_surrogates(content: bytes, draw: random.Random) -> bytes:
    at = content.find(b'"', draw.randrange(len(content) + 1)) + 1
    return content[:at] + draw.choice([b"\\ud800", b"\\udfff", b"\xed\xa0\x80", b"\\u0000", b"\\ud83d"]) + content[at:]


def cut_archive(content: bytes, draw: random.Random) -> bytes:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("choices.jsonl", content)
    packed = draw.choice([gzip.compress(content), bz2.compress(content), lzma.compress(content), zipped.getvalue()])
    packed = draw.choice([packed, packed[: len(packed) // 2], packed[:-1], packed[:12], packed + packed, packed + b"x"])
    return draw.choice([packed, gzip.compress(packed)])


def parquet(content: bytes, draw: random.Random) -> bytes:
    """The beginning and the end of a Parquet file with other bytes in between."""
    end = draw.choice([b"", b"\xff\xff\xff\x7fPAR1", b"\x04\0\0\0PAR1"])
    return b"PAR1" + draw.choice([b"", content[:200], draw.randbytes(64)]) + end


def nested(content: bytes, draw: random.Random) -> bytes:
    depth = draw.choice([200, 2_000, 100_000])
    return draw.choice([b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth])


def empty(content: bytes, draw: random.Random) -> bytes:
    return draw.choice([b"", b" ", b"\n\n", b"\xef\xbb\xbf", b"null", b"[]", b"{}", b'""', b"\xff\xfe"])


ODD_CONTENTS: tuple[OddContent, ...] = (
    other_types, other_types, other_types, keys_twice, keys_twice, mixed_line_ends, nul_bytes, other_encoding,
    lone_surrogates, cut_archive, parquet, nested, empty,
)  # fmt: skip


def a_folder(path: Path, content: bytes, draw: random.Random) -> None:
    path.mkdir()
    if draw.random() < 0.3:
        (path / path.name).write_bytes(content)


def a_loop(path: Path, content: bytes, draw: random.Random) -> None:
    path.symlink_to(path.name)


def nowhere(path: Path, content: bytes, draw: random.Random) -> None:
    path.symlink_to(path.parent / "gone")


def linked(path: Path, content: bytes, draw: random.Random) -> None:
    other = path.with_name(f"{path.name}.other")
    other.write_bytes(draw.choice(ODD_CONTENTS)(content, draw))
    path.symlink_to(other.name)


def a_device(path: Path, content: bytes, draw: random.Random) -> None:
    path.symlink_to(draw.choice(["/dev/null", "/dev/full", "/dev/zero", "/dev/urandom"]))


def unreadable(path: Path, content: bytes, draw: random.Random) -> None:
    path.write_bytes(content)
    path.chmod(0)


def a_pipe(path: Path, content: bytes, draw: random.Random) -> None:
    """A pipe; a writer sends part of the content and closes it, also for a second reader."""
    os.mkfifo(path)
    part = content[: draw.choice([0, len(content) // 2, len(content)])]
    threading.Thread(target=_fill, args=(path, part), daemon=True).start()


def _fill(path: Path, part: bytes) -> None:
    while path.exists():
        try:
            number = os.open(path, os.O_WRONLY | os.O_NONBLOCK)  # an error while there is no reader
        except OSError:
            time.sleep(0.005)
            continue
        with os.fdopen(number, "wb", buffering=0) as pipe, contextlib.suppress(OSError):
            os.set_blocking(number, True)
            pipe.write(part)
        time.sleep(0.2)  # so that the reader gets end of file


ODD_PLACES: tuple[OddPlace, ...] = (a_folder, a_loop, nowhere, linked, a_device, unreadable, a_pipe)


def make_odd(path: Path, draw: random.Random) -> str:
    """Change or replace the file; returns a description."""
    content = path.read_bytes()
    if draw.random() < 0.75:
        change = draw.choice(ODD_CONTENTS)
        path.write_bytes(change(content, draw))
        return change.__name__
    place = draw.choice(ODD_PLACES)
    path.unlink()
    place(path, content, draw)
    return place.__name__
