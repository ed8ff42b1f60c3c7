"""Write choices in the package's own format, from which they are read back unchanged.

    write_choices("choices.jsonl.gz", history)      # format and compression from the name: .jsonl, .csv, each .gz

JSONL has one object on each line, without unknown fields. CSV has all columns, with objects as JSON. A choice with a
name or text that the reader would otherwise interpret (a user called "NaN", an answer with ``<think>``) is marked
``as_written``. Files are written atomically.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import orjson

from personalrm.data.contents import ROLES, is_conversation
from personalrm.data.conversations import is_dialogue
from personalrm.data.fields import NOBODY
from personalrm.data.thinking import without_thinking
from personalrm.data.unpacking import unpacked
from personalrm.errors import DataError
from personalrm.files import json_bytes, replacing, stored
from personalrm.formatting.texts import encodable
from personalrm.preferences import Preference

COLUMNS = (
    "user",
    "id",
    "group",
    "context",
    "chosen",
    "rejected",
    "tie",
    "domain",
    "time",
    "demographics",
    "reason",
    "judges",
    "margin",
    "split",
    "stated",
    "ranking",
    "weight",
    "as_written",
)

_OBJECTS = ("context", "judges", "stated")


def write_choices(path: str | Path, choices: Iterable[Preference]) -> int:
    """Write choices in the given order; returns their number.

    Raises:
        DataError: the file name ends neither in .jsonl nor in .csv (optionally with .gz).
        StorageError: the file cannot be written; an existing file of that name is not changed.
    """
    path = Path(path)
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    zipped = suffixes[-1:] == [".gz"]
    kind = (suffixes[:-1] if zipped else suffixes)[-1:]
    if kind not in ([".jsonl"], [".csv"]):
        raise DataError(f"{path}: choices are written as .jsonl or .csv, each also with .gz")
    write = _packed if zipped else _written
    with stored(path), replacing(path) as file:
        return write(file, choices, kind == [".csv"])


def as_row(choice: Preference) -> dict[str, object]:
    """The choice as a JSON object in the package's format, without unknown fields."""
    row: dict[str, object] = {
        "user": choice.user,
        "id": choice.id,
        "group": choice.group,
        "context": [{"role": turn.role, "content": turn.content} for turn in choice.context],
        "chosen": _response(choice.chosen),
        "rejected": _response(choice.rejected),
    }
    if choice.tie:
        row["tie"] = True
    for name in ("domain", "time", "demographics", "reason", "margin", "split", "ranking"):
        value = getattr(choice, name)
        if value is not None:
            row[name] = value
    if choice.weight != 1.0:
        row["weight"] = choice.weight
    if choice.judges:
        row["judges"] = dict(choice.judges)
    if choice.stated:
        row["stated"] = dict(choice.stated)
    if _may_be_read_otherwise(choice):
        row["as_written"] = True
    return row


def _may_be_read_otherwise(choice: Preference) -> bool:
    """Whether the reader would interpret a name or text of the choice instead of keeping it unchanged."""
    names = (choice.user, choice.id, choice.group)
    responses = (choice.chosen, choice.rejected)
    last = choice.context[-1] if choice.context else None
    return (
        any(name in NOBODY or not name or name.isspace() for name in names)
        or any(without_thinking(one) != one for one in responses)
        or all(is_dialogue(one) for one in responses)
        or (last is not None and last.role == "assistant" and last.content in responses)
        or any(
            ROLES.get(turn.role) != turn.role
            or (turn.role == "assistant" and without_thinking(turn.content) != turn.content)
            for turn in choice.context
        )
    )


def _packed(file: IO[bytes], choices: Iterable[Preference], as_csv: bool) -> int:
    # mtime=0 and no file name, so that equal choices give equal bytes.
    packed = gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0)
    with io.BufferedWriter(packed, 1 << 16) as buffered:
        return _written(buffered, choices, as_csv)


def _written(stream: IO[bytes], choices: Iterable[Preference], as_csv: bool) -> int:
    if as_csv:
        return _csv(stream, choices)
    count = 0
    for choice in choices:
        count += 1
        stream.write(_encoded(choice, as_row(choice)))
    return count


def _encoded(choice: Preference, row: object) -> bytes:
    """A line of JSON. DataError if a text cannot be encoded."""
    try:
        return json_bytes(row, orjson.OPT_APPEND_NEWLINE)
    except DataError as error:
        raise DataError(f"choice '{encodable(choice.id)}': {error}") from None


def _csv(stream: IO[bytes], choices: Iterable[Preference]) -> int:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
    # All cells are quoted, because an unquoted carriage return would end the record.
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for choice in choices:
        count += 1
        row = as_row(choice)
        _encoded(choice, row)  # a text that cannot be encoded would be found by the stream, after more choices
        row["chosen"], row["rejected"] = _cell(choice.chosen), _cell(choice.rejected)
        for name in _OBJECTS:
            row[name] = orjson.dumps(row[name]).decode() if name in row else ""
        writer.writerow([row.get(name, "") for name in COLUMNS])
    text.flush()
    text.detach()
    return count


def _cell(response: str) -> str:
    """The CSV cell of a response: its text, or a JSON message if the reader would not keep the text unchanged."""
    if response and not _is_message(response):
        return response
    return orjson.dumps({"role": "assistant", "content": response}).decode()


def _response(response: str) -> object:
    """The JSON value of a response: its text, or a message if the reader would take the text for a message."""
    return {"role": "assistant", "content": response} if _is_message(response) else response


def _is_message(response: str) -> bool:
    """Whether the reader would parse this text as a message."""
    return response[:1] in ("[", "{") and is_conversation(unpacked(response))
