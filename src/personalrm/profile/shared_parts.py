"""Deduplication of parts that many stored profiles share (a population prior), by content hash.

parts = taken_out(record)               # {"9f…": the prior as JSON}; the record now refers to it
put_back(record, lambda key: orjson.loads(parts[key]))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

import orjson

_SHARED = "$shared"
_SHARED_NAMES = frozenset({"prior"})


def taken_out(record: dict[str, Any]) -> dict[str, bytes]:
    """Replace each shared part of a profile's JSON by a reference; returns hash (32 hex digits) → part as JSON."""
    parts: dict[str, bytes] = {}
    for holder, name in list(_places(record)):
        body = orjson.dumps(holder[name], option=orjson.OPT_SORT_KEYS)
        key = blake2b(body, digest_size=16).hexdigest()
        parts[key], holder[name] = body, {_SHARED: key}
    return parts


def put_back(record: dict[str, Any], part: Callable[[str], Any]) -> None:
    """Replace each reference by the part that it refers to."""
    for holder, name in list(_places(record)):
        key = holder[name].get(_SHARED)
        if key is not None:
            holder[name] = part(key)


def references(record: dict[str, Any]) -> list[str]:
    """The hashes of the parts that a record refers to."""
    return [holder[name][_SHARED] for holder, name in _places(record) if _SHARED in holder[name]]


def _places(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Every dictionary under one of the shared names, with the dictionary that holds it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in _SHARED_NAMES and isinstance(inner, dict):
                yield value, name
            else:
                yield from _places(inner)
