"""The folder of a curated data set: train.jsonl, validation.jsonl and test.jsonl, labels.jsonl, and manifest.json.

    begin(folder, identity)                             # refuses the folder of another curation, and foreign files
    write(folder, parts, labels, manifest)

Each file appears under its name once it is complete, the manifest last: a folder with a manifest is complete. Until
then, a marker file identifies the curation in progress. The same data, answers and parameters give the same bytes; no
timestamps are stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from personalrm.curation.sources import digest
from personalrm.curation.thresholds import SPLITS
from personalrm.data.writing import write_choices
from personalrm.errors import DataError
from personalrm.files import read_object, replace_file, stored, to_json
from personalrm.preferences import History

MANIFEST, LABELS, MARK = "manifest.json", "labels.jsonl", ".unfinished.json"
SCHEMA = 1
IDENTITY = ("data", "inputs", "options", "models")
"""Manifest fields that must match for a folder to be rewritten, for example with answers that were missing before."""


def begin(folder: Path, identity: Mapping[str, Any]) -> None:
    """Claim the folder.

    Args:
        identity: the fields of `IDENTITY` for the manifest.

    Raises:
        DataError: the folder holds another curation, or files of these names that no curation wrote.
        StorageError: it cannot be created or written.
    """
    with stored(folder):
        folder.mkdir(parents=True, exist_ok=True)
    wanted = {name: orjson.loads(orjson.dumps(identity[name])) for name in IDENTITY}
    named = (LABELS, *(f"{name}.jsonl" for name in SPLITS))
    there = [name for name in named if (folder / name).exists()]
    known = _known(folder)
    differing = [name for name in IDENTITY if known.get(name) != wanted[name]]
    if there and not known:
        raise DataError(f"{folder} holds {there[0]}, which was not written by a curation: name another folder")
    if differing and (there or (folder / MANIFEST).exists()):
        raise DataError(f"{folder} holds another curation (its {' and '.join(differing)} differ): name another folder")
    _whole(folder / MARK, [orjson.dumps(wanted)])


def write(
    folder: Path,
    parts: Mapping[str, Iterable[History]],
    labels: Iterable[Mapping[str, Any]] | None,
    manifest: Mapping[str, Any],
) -> None:
    """Write all files; ``labels`` is None if no model was used. StorageError if it cannot be written."""
    outputs = []
    for name in SPLITS:
        path = folder / f"{name}.jsonl"
        outputs.append(_output(path, write_choices(path, (one for history in parts[name] for one in history))))
    if labels is not None:
        path = folder / LABELS
        lines = (orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in labels)
        outputs.append(_output(path, _whole(path, lines)))
    record = {"schema": SCHEMA, **manifest, "outputs": outputs}
    _whole(folder / MANIFEST, [to_json(record)])
    (folder / MARK).unlink(missing_ok=True)


def _known(folder: Path) -> dict[str, Any]:
    """The identity stored in the folder; empty if there is none."""
    for name in (MANIFEST, MARK):
        if (folder / name).exists():
            return read_object(folder / name, "manifest of a curation")
    return {}


def _whole(path: Path, blocks: Iterable[bytes]) -> int:
    """Write all blocks atomically and return their number."""
    with stored(path):
        return replace_file(path, blocks)


def _output(path: Path, rows: int) -> dict[str, Any]:
    return {"name": path.name, "rows": rows, "sha256": digest(path)}
