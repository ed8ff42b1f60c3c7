"""The people of one shard, with their choices from all inputs.

for person in people_of(folder, shard, inputs=3): person.history, person.file
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from personalrm.cluster.folder import ClusterFolder
from personalrm.cluster.spill import read_spill
from personalrm.data.reading import history_from
from personalrm.preferences import History, Preference, Thumb

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class PersonOfShard:
    """One person's choices, and the file of the first one."""

    history: History
    file: str


def people_of(folder: ClusterFolder, shard: int, inputs: int) -> Iterator[PersonOfShard]:
    """All people of a shard, sorted by name; all of the shard's choices are in memory."""
    found: dict[str, list[Preference | Thumb]] = {}
    for number in range(inputs):
        for line in read_spill(folder.spill(number), shard, folder.shards):
            one = _read(line)
            found.setdefault(one.user, []).append(one)
    for user in sorted(found):
        kept = found.pop(user)
        yield PersonOfShard(history_from(user, _named_apart(kept)), kept[0].source or "")


def _named_apart(kept: list[Preference | Thumb]) -> list[Preference | Thumb]:
    """Remove repeats; if an id names another choice in another file, the file's name is added to it."""
    known: dict[tuple[type, str], Preference | Thumb] = {}
    for one in kept:
        name, number = one.id, 1
        while (other := known.get((type(one), name))) is not None and replace(one, id=name) != other:
            name, number = f"{one.id}@{one.source}" + (f"-{number}" if number > 1 else ""), number + 1
        if other is None:
            known[type(one), name] = one if name == one.id else replace(one, id=name)
    return list(known.values())


def _read(line: bytes) -> Preference | Thumb:
    kind: Any = Preference if line[:1] == b"P" else Thumb
    found: Preference | Thumb = _adapter(kind).validate_python(orjson.loads(line[1:]))
    return found


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # takes 0.1 s, not needed in the driver

    return TypeAdapter(kind)
