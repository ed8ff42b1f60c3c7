"""Profile files: indented JSON with a schema version, written atomically, readable by the owner only.

save(profile, "ada.json")
profile = load("ada.json")      # ProfileError names the invalid field
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from personalrm.errors import ProfileError, StorageError
from personalrm.files import making, replace_file, stored, to_json, write_through
from personalrm.preferences import ME, History
from personalrm.profile.migrations import migrated
from personalrm.profile.records import (
    SCHEMA,
    EngineState,
    FusedState,
    JudgeState,
    Profile,
    ServedState,
    TrainedState,
    TraitsState,
)
from personalrm.profile.small_numbers import calibrated
from personalrm.regular_files import content_of

if TYPE_CHECKING:
    from pydantic import TypeAdapter

LARGEST = 256 << 20
"""Maximum size in bytes; a larger file is rejected without reading it."""
_STATES: dict[str, type[EngineState]] = {
    "judge": JudgeState,
    "traits": TraitsState,
    "trained": TrainedState,
    "served": ServedState,
    "fused": FusedState,
}


def save(profile: Profile, path: str | Path, *, force: bool = False) -> None:
    """Write a profile atomically; an existing file is replaced only when the new one is complete.

    Args:
        profile: the profile to write.
        path: the file; its folder is created if absent.
        force: also replace the profile of another person.

    Raises:
        StorageError: the file cannot be written, or must not be replaced (see `check_replaceable`).
    """
    target = Path(path)
    check_replaceable(target, profile.history, force=force)
    text = to_json(profile)
    with stored(target):
        if target.exists() and not target.is_file():  # a pipe or a device cannot be replaced
            write_through(target, text)
            return
        with making(target.parent):
            replace_file(target, text, private=True)


def check_replaceable(path: Path, history: History | None = None, *, force: bool = False) -> None:
    """Raise StorageError if ``path`` is a folder, a file that is not a profile, or the profile of another person.

    Args:
        path: the file to be written.
        history: the history of the person whose profile is to be written; None skips the check of the person.
        force: also replace the profile of another person.
    """
    if path.is_dir():
        raise StorageError(f"the profile {path} cannot be written: it is a directory; name a file")
    if not path.is_file() or path.stat().st_size == 0:
        return
    try:
        record = _record(path) if path.stat().st_size <= LARGEST else None
    except (OSError, orjson.JSONDecodeError):
        record = None
    if record is None or not (_is_profile(record) and "history" in record):
        raise StorageError(f"{path} is not a profile and is not replaced: name another file")
    if history is None or force:
        return
    other, choices = record.get("user"), _ids(record)
    same = other == history.user and (
        other != ME or not choices.isdisjoint(one.id for one in (*history, *history.thumbs))
    )
    if not same:
        raise StorageError(
            f"{path} holds the profile of another person ('{other}'; the new profile is of '{history.user}'): name "
            "another file, or replace it with --force"
        )


def load(path: str | Path) -> Profile:
    """Read a profile. Raises ProfileError if the file is missing, damaged, or written by a newer version."""
    source = Path(path)
    try:
        record = _record(source)
    except OSError as error:
        raise ProfileError(f"the profile {source} cannot be read: {error.strerror or error}") from None
    except orjson.JSONDecodeError as error:
        raise ProfileError(f"{source}: expected a profile in JSON, found text that is not JSON ({error})") from None
    return parse(record, source)


def parse(record: Any, source: str | Path) -> Profile:
    """A profile from its JSON value; ``source`` names its origin in error messages. Raises as `load`."""
    if not _is_profile(record):
        raise ProfileError(f"{source}: expected a personalrm profile (an object with a number in 'schema')")
    if record["schema"] > SCHEMA:
        raise ProfileError(
            f"{source} was written by a newer personalrm (schema {record['schema']}; this version reads up to "
            f"{SCHEMA}): update personalrm to open it"
        )
    old = record["schema"] < SCHEMA
    try:
        record = migrated(record)
    except KeyError as error:
        raise ProfileError(f"{source}, field {error}: field required") from None
    except (TypeError, AttributeError, ValueError):
        raise ProfileError(f"{source}: expected a profile of schema {record['schema']}, found another kind") from None
    profile: Profile = _validated({**record, "engine": _engine(record, source)}, Profile, source)
    for field, choice in _cited(profile):
        raise ProfileError(f"{source}, field '{field}': the history holds no choice '{choice}'")
    return calibrated(profile, old=old)


def _record(path: Path) -> Any:
    return orjson.loads(content_of(path, pipe=True))


def _is_profile(record: Any) -> bool:
    return isinstance(record, dict) and isinstance(record.get("schema"), int) and record["schema"] >= 1


def _ids(record: Any) -> set[str]:
    """Ids of the choices in a profile record, which may be invalid."""
    history = record.get("history")
    held = history if isinstance(history, dict) else {}
    given = [held.get(name) for name in ("choices", "thumbs")]
    return {str(one.get("id")) for some in given if isinstance(some, list) for one in some if isinstance(one, dict)}


def _engine(record: Any, source: str | Path) -> EngineState:
    state = record.get("engine")
    kind = state.get("kind") if isinstance(state, dict) else None
    if kind not in _STATES:
        raise ProfileError(f"{source}, field 'engine.kind': expected one of {', '.join(_STATES)}, found {kind!r}")
    found: EngineState = _validated(state, _STATES[kind], source, "engine.")
    return found


def _validated(record: Any, kind: Any, source: str | Path, within: str = "") -> Any:
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        field = within + ".".join(str(part) for part in first["loc"])
        raise ProfileError(f"{source}, field '{field}': {first['msg'].lower()}") from None
    except TypeError as error:  # a Preference without a response
        raise ProfileError(f"{source}: {error}") from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Cached: building it takes longer than reading a profile. Imported here because pydantic takes 0.1 s to import."""
    from pydantic import TypeAdapter

    return TypeAdapter[Any](kind)


def _cited(profile: Profile) -> Iterator[tuple[str, str]]:
    """Fields that refer to a choice missing from the history, with the id."""
    known = {one.id for one in profile.history}
    claims = profile.persona.claims if profile.persona is not None else ()
    cited = {
        "demonstrations": [one.choice for one in profile.demonstrations],
        "persona.claims": [one for claim in claims for one in (*claim.supporting, *claim.opposing)],
        "engine.reasonings": [one.choice for one in profile.reasonings],
    }
    return ((field, one) for field, ids in cited.items() for one in ids if one not in known)
