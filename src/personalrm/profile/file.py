"""Profiles on disk: one readable JSON file, schema-versioned, written whole or not at all.

save(profile, "ada.json")
profile = load("ada.json")      # ProfileError names the field at fault
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from personalrm.errors import ProfileError, StorageError
from personalrm.files import replace_file
from personalrm.profile.records import SCHEMA, Profile

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def save(profile: Profile, path: str | Path) -> None:
    """Write the profile; an existing file is replaced only when the new one is complete. StorageError if it cannot
    be."""
    target = Path(path)
    text = orjson.dumps(profile, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    try:
        if target.exists() and not target.is_file():  # a pipe or a device: nothing to replace
            target.write_bytes(text)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, text)
    except OSError as error:
        raise StorageError(f"the profile {target} cannot be written: {error.strerror or error}") from None


def load(path: str | Path) -> Profile:
    """Read a profile. ProfileError if there is none, it is damaged, or a newer version wrote it."""
    source = Path(path)
    try:
        record = orjson.loads(source.read_bytes())
    except OSError as error:
        raise ProfileError(f"the profile {source} cannot be read: {error.strerror or error}") from None
    except orjson.JSONDecodeError as error:
        raise ProfileError(f"{source}: expected a profile in JSON, found text that is none ({error})") from None
    return parse(record, source)


def parse(record: Any, source: str | Path) -> Profile:
    """A profile from its JSON value; ``source`` is where it came from, for errors. ProfileError as `load`."""
    if not isinstance(record, dict) or not isinstance(record.get("schema"), int) or record["schema"] < 1:
        raise ProfileError(f"{source}: expected a personalrm profile (an object with a number in 'schema')")
    if record["schema"] > SCHEMA:
        raise ProfileError(
            f"{source} was written by a newer personalrm (schema {record['schema']}; this version reads up to "
            f"{SCHEMA}): update personalrm to open it"
        )
    from pydantic import ValidationError

    try:
        profile = _adapter().validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ProfileError(f"{source}, field '{field}': {first['msg'].lower()}") from None
    known = {one.id for one in profile.history}
    for shown in profile.demonstrations:
        if shown.choice not in known:
            raise ProfileError(f"{source}, field 'demonstrations': the history holds no choice '{shown.choice}'")
    return profile


@cache
def _adapter() -> TypeAdapter[Profile]:
    """Made once: it takes longer than reading a profile. Importing it takes 0.1 s that only loading needs."""
    from pydantic import TypeAdapter

    return TypeAdapter(Profile)
