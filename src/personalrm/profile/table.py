"""Profiles of many people in Parquet files, one row per person; a shared prior is stored once per file.

    write_profiles(Path("profiles-00000-of-00001.parquet"), profiles, {"key": "…"})
    for profile in read_profiles(path, users=["ada"]): ...
    ProfileTable(folder).of("ada")                            # opens only the file with this user

A folder is sharded by a hash of the user (`shard_of`), so that a person's file is found without an index.
Needs the extra ``parquet``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from personalrm.errors import DataError, MissingExtra, ProfileError
from personalrm.files import json_bytes, replacing, stored
from personalrm.profile import shared_parts
from personalrm.profile.file import parse
from personalrm.profile.records import Profile

ROWS = 64
"""Profiles in a row group: 5 MB of histories of 17 choices."""
PROFILES = "profiles"
_STAMP = b"personalrm"
_NAME = re.compile(r"profiles-(\d{5})-of-(\d{5})\.parquet")


def shard_of(user: str, shards: int) -> int:
    """The shard of a person: 0 to ``shards`` − 1, by a hash of the user id."""
    return int.from_bytes(blake2b(user.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") % shards


def file_name(shard: int, shards: int, kind: str = PROFILES) -> str:
    """``profiles-00003-of-00016.parquet``."""
    return f"{kind}-{shard:05d}-of-{shards:05d}.parquet"


def write_profiles(path: Path, profiles: Iterable[Profile], stamp: Mapping[str, str]) -> int:
    """Write profiles in the given order, atomically and readable by the owner only; returns their number.

    Args:
        stamp: stored in the file's metadata; the same profiles and stamp give the same bytes.

    Raises:
        MissingExtra: pyarrow is not installed. StorageError: the file cannot be written.
    """
    kinds = {"choices": "int32", "profile": "large_binary", "shared": "large_binary"}
    columns = {name: kinds.get(name, "string") for name in ("user", "model", "fingerprint", *kinds)}
    return write_rows(path, columns, map(_row, profiles), stamp)


def write_rows(path: Path, columns: Mapping[str, str], rows: Iterable[Sequence[Any]], stamp: Mapping[str, str]) -> int:
    """Write rows of these columns (name → Arrow type, ``user`` among them); errors as `write_profiles`."""
    arrow, parquet = _arrow()
    kinds = [getattr(arrow, one)() for one in columns.values()]
    schema = arrow.schema(list(zip(columns, kinds, strict=True)), {_STAMP: orjson.dumps(dict(stamp))})
    count = 0
    with stored(path), replacing(path, private=True) as file:
        settings: dict[str, Any] = {
            "compression": "zstd",
            "use_dictionary": [one for one in ("model", "shared") if one in columns],
        }
        with parquet.ParquetWriter(file, schema, write_statistics=["user"], **settings) as writer:
            for group in _groups(rows):
                count += len(group)
                arrays = [
                    arrow.array(column, kind) for column, kind in zip(zip(*group, strict=True), kinds, strict=True)
                ]
                writer.write_table(arrow.Table.from_arrays(arrays, schema=schema), row_group_size=len(group))
    return count


def read_profiles(path: Path, users: Collection[str] | None = None) -> Iterator[Profile]:
    """Profiles of a file in their order, optionally of these ``users`` only.

    Raises:
        MissingExtra: pyarrow is not installed. ProfileError: the file is damaged, or is not a file of profiles.
    """
    for row in _rows(path, ["user", "profile", "shared"], users):
        yield _profile(row, path)


def read_stamp(path: Path) -> dict[str, str] | None:
    """The ``stamp`` given to `write_profiles`; None if the file is not a file of profiles."""
    arrow, parquet = _arrow()
    try:
        with parquet.ParquetFile(path) as file:
            found = (file.schema_arrow.metadata or {}).get(_STAMP)
    except (arrow.ArrowException, OSError):
        return None
    return None if found is None else orjson.loads(found)


class ProfileTable:
    """A folder of profiles in Parquet files.

    Raises:
        DataError: the folder holds no such files, or an incomplete set.
    """

    def __init__(self, folder: Path) -> None:
        self.files = _files(folder)

    @property
    def users(self) -> list[str]:
        """All users with a profile, shard by shard."""
        return [row["user"] for path in self.files for row in _rows(path, ["user"], None)]

    def of(self, user: str) -> Profile | None:
        """The person's profile; None if there is none."""
        path = self.files[shard_of(user, len(self.files))]
        return next(read_profiles(path, [user]), None)

    def __iter__(self) -> Iterator[Profile]:
        """All profiles, shard by shard, with one row group in memory."""
        for path in self.files:
            yield from read_profiles(path)


def is_table(folder: Path) -> bool:
    """Whether a folder holds profiles in Parquet."""
    return folder.is_dir() and any(_NAME.fullmatch(one.name) for one in folder.glob("profiles-*.parquet"))


def _files(folder: Path) -> list[Path]:
    found = {one: _NAME.fullmatch(one.name) for one in sorted(folder.glob("profiles-*.parquet"))}
    there = [(int(match[1]), int(match[2]), path) for path, match in found.items() if match]
    if not there:
        raise DataError(f"{folder} holds no profiles: expected files named {file_name(0, 1)}")
    shards = there[0][1]
    if [(number, count) for number, count, _ in there] != [(number, shards) for number in range(shards)]:
        raise DataError(f"{folder} holds {len(there)} of {shards} files of profiles: finish the run that writes them")
    return [path for _, _, path in there]


def _row(profile: Profile) -> tuple[str, str, str, int, bytes, bytes]:
    record = orjson.loads(json_bytes(profile))
    parts = shared_parts.taken_out(record)
    shared = b"{%b}" % b",".join(b'"%b":%b' % (key.encode(), body) for key, body in sorted(parts.items()))
    history = profile.history
    return profile.user, profile.model, profile.fingerprint, len(history), orjson.dumps(record), shared


def _profile(row: Mapping[str, Any], path: Path) -> Profile:
    where = f"{path}, user '{row['user']}'"
    try:
        record, shared = orjson.loads(row["profile"]), orjson.loads(row["shared"])
        shared_parts.put_back(record, shared.__getitem__)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ProfileError(f"{where}: the profile is damaged") from None
    return parse(record, where)


def _groups(rows: Iterable[Any]) -> Iterator[list[Any]]:
    group: list[Any] = []
    for row in rows:
        group.append(row)
        if len(group) == ROWS:
            yield group
            group = []
    if group:
        yield group


def _rows(path: Path, columns: list[str], users: Collection[str] | None) -> Iterator[dict[str, Any]]:
    arrow, parquet = _arrow()
    try:
        with parquet.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                if users is not None and not _any_of(users, file.read_row_group(number, ["user"])):
                    continue
                rows = file.read_row_group(number, columns).to_pylist()
                yield from rows if users is None else (one for one in rows if one["user"] in users)
    except (arrow.ArrowException, OSError, KeyError) as error:
        raise ProfileError(f"{path} is not a file of profiles, or is damaged: {str(error).splitlines()[0]}") from None


def _any_of(users: Collection[str], table: Any) -> bool:
    return any(one in users for one in table["user"].to_pylist())


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtra("profiles in Parquet need pyarrow: pip install 'personalrm[parquet]'") from None
    return pyarrow, pyarrow.parquet
