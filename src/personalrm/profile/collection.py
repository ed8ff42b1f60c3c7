"""Profiles of several users: a mapping from user to a profile or its file, a folder of ``USER.json``, or of Parquet.

profiles = ProfileCollection("profiles/")
profiles.users                 # ["ada", "bob"]
profiles.of("ada")             # Profile, read once; None for a user without a profile
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from personalrm.errors import DataError
from personalrm.profile.file import load
from personalrm.profile.records import Profile
from personalrm.profile.table import ProfileTable, is_table

Source = Profile | str | Path
Profiles = Mapping[str, Profile | str | Path] | str | Path


class ProfileCollection:
    """Profiles by user; each file is read on first use.

    Args:
        profiles: a mapping from user to a profile or the path of its file, a folder of ``USER.json``, or one of the
            Parquet files that ``personalrm cluster fit`` writes.

    Raises:
        DataError: the folder does not exist, or it is something else.
    """

    def __init__(self, profiles: Profiles) -> None:
        if not isinstance(profiles, Mapping | str | Path):
            raise DataError(
                "profiles: expected a mapping from user to a profile or its file, or a folder of USER.json, "
                f"found {type(profiles).__name__}"
            )
        folder = None if isinstance(profiles, Mapping) else Path(profiles)
        self._table = ProfileTable(folder) if folder is not None and is_table(folder) else None
        self._sources = {} if self._table is not None else _sources(profiles)
        self._read: dict[str, Profile] = {}

    @property
    def users(self) -> list[str]:
        """The users with a profile."""
        return list(self._sources) if self._table is None else self._table.users

    def of(self, user: str | None) -> Profile | None:
        """The user's profile; None for a user without one.

        Raises:
            DataError: the mapping holds a value that is not a profile or a path.
            ProfileError: the file cannot be read or is damaged.
        """
        if user is None:
            return None
        if user not in self._read:
            found = self._find(user)
            if found is None:
                return None
            self._read[user] = found
        return self._read[user]

    def _find(self, user: str) -> Profile | None:
        if self._table is not None:
            return self._table.of(user)
        return _profile(self._sources[user], user) if user in self._sources else None


def _sources(profiles: Profiles) -> dict[str, Source]:
    if isinstance(profiles, Mapping):
        return dict(profiles)
    folder = Path(profiles)
    if folder.is_file():
        raise DataError(f"expected a folder of profiles named USER.json, found a file: give {{USER: '{folder}'}}")
    if not folder.is_dir():
        raise DataError(f"expected a folder of profiles named USER.json, found no folder at {folder}")
    return {path.stem: path for path in sorted(folder.glob("*.json"))}


def _profile(source: Source, user: str) -> Profile:
    if isinstance(source, Profile):
        return source
    if isinstance(source, str | Path):
        return load(source)
    raise DataError(f"user '{user}': expected a Profile or the path of its file, found {type(source).__name__}")
