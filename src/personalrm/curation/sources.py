"""The files of a curation: a downloaded folder, one file, or a hub data set.

sources("prism", "prism/", None)                                # Sources(("prism/conversations.jsonl.gz",), …)
sources("prism", "hub:HannahRoseKirk/prism-alignment", None)    # its configs "conversations" and "survey"
sources("arena", "hub:lmsys/chatbot_arena_conversations", None)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from personalrm.data.files import HUB
from personalrm.errors import DataError
from personalrm.regular_files import reading

Kind = Literal["prism", "arena"]
_ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Sources:
    """The files, or hub sets, of the choices and (PRISM) of the survey."""

    choices: tuple[str, ...]
    survey: str | None = None

    def files(self) -> tuple[str, ...]:
        """All files."""
        return (*self.choices, *([self.survey] if self.survey else []))


def sources(kind: Kind, raw: str, survey: str | None) -> Sources:
    """Return the files of the data set. DataError if a folder does not hold it, or if Arena is given a survey."""
    if kind == "arena":
        if survey:
            raise DataError("--survey belongs to PRISM: Chatbot Arena has no survey")
        return Sources(_tables(Path(raw)) if _is_folder(raw) else (raw,))
    if raw.startswith(HUB):
        return _on_hub(raw, survey)
    if not _is_folder(raw):
        return Sources((raw,), survey)
    return Sources((_found(Path(raw), "conversations"),), survey or _beside(Path(raw), "survey"))


def sha256(path: str) -> str | None:
    """Return 64 hex digits of the file; None for a hub set, which is not a local file."""
    if path.startswith(HUB):
        return None
    return digest(path)


def digest(path: str | Path) -> str:
    """Return 64 hex digits of a file. DataError if it cannot be read."""
    state = hashlib.sha256()
    try:
        with reading(Path(path)) as file:
            while block := file.read(_BLOCK):
                state.update(block)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}: check the path") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    return state.hexdigest()


def _is_folder(raw: str) -> bool:
    return not raw.startswith(HUB) and Path(raw).is_dir()


def _on_hub(raw: str, survey: str | None) -> Sources:
    """A name without config means the configs of the published set."""
    if raw.removeprefix(HUB).partition(":")[0].count("/") == 1:
        return Sources((f"{raw}/conversations",), survey or f"{raw}/survey")
    return Sources((raw,), survey)


def _beside(folder: Path, name: str) -> str | None:
    return next((str(folder / f"{name}{end}") for end in _ENDINGS if (folder / f"{name}{end}").is_file()), None)


def _found(folder: Path, name: str) -> str:
    found = _beside(folder, name)
    if found is None:
        raise DataError(f"{folder} holds no {name}.jsonl (or {name}.jsonl.gz): is this the folder of PRISM?")
    return found


def _tables(folder: Path) -> tuple[str, ...]:
    """The data files of a folder and its ``data`` folder, as laid out on the hub."""
    listed: Iterable[Path] = [*folder.iterdir(), *(folder / "data").glob("*")]
    found = sorted(str(path) for path in listed if path.is_file() and path.name.endswith(_ENDINGS))
    if not found:
        raise DataError(f"{folder} holds no .parquet or .jsonl file: is this the folder of Chatbot Arena?")
    return tuple(found)
