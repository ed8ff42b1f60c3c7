"""No text makes a function slow that reads what hosts and files send: the time grows in proportion to its length."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from growth import assert_growth

from personalrm.data.column_roles import _Finder
from personalrm.data.conversations import merged
from personalrm.data.reading import read_choices
from personalrm.data.templated import turns_of
from personalrm.errors import DataError
from personalrm.llm.malformed_http import salvaged
from personalrm.preferences import Message
from personalrm.synthesis.guard import content_words

OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def of_chunks(count: int) -> bytes:
    """A chunked response of one byte a chunk."""
    return OK + b"1\r\na\r\n" * count + b"0\r\n\r\n"


def of_interim_responses(count: int) -> bytes:
    return b"HTTP/1.1 100 Continue\r\n\r\n" * count + b"HTTP/1.1 500 No\r\n\r\n{}"


def of_openings(count: int) -> str:
    """A prompt whose instructions never end."""
    return "[INST] a " * count


def of_endings(count: int) -> str:
    """A word that has an ending after each ending is removed."""
    return "s" * count


def of_system_messages(count: int) -> tuple[Message, ...]:
    return tuple(Message("system", f"{number}") for number in range(count))


@pytest.mark.parametrize(
    ("call", "make"),
    [
        pytest.param(partial(salvaged, most=1 << 24), of_chunks, id="chunks"),
        pytest.param(partial(salvaged, most=1 << 24), of_interim_responses, id="interim responses"),
        pytest.param(turns_of, of_openings, id="open instructions"),
        pytest.param(content_words, of_endings, id="endings of a word"),
        pytest.param(lambda turns: merged(turns, turns[::-1]), of_system_messages, id="system messages"),
    ],
)
def test_the_time_grows_in_proportion(call: Callable[[Any], object], make: Callable[[int], Any]) -> None:
    assert_growth(call, make(4_000), make(32_000), most=20)


def test_what_is_read_is_the_same_for_short_responses() -> None:
    found = salvaged(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b'5;x=1\r\n{"a":\r\n2\n1}\n0\r\n\r\n', 1 << 20)
    assert found is not None
    assert (found.status, found.body) == (200, b'{"a":1}')
    assert salvaged(b"x" + OK + b"2\r\n{}\r\n", 1 << 20) is None
    cut = salvaged(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab", 1 << 20)
    assert cut is not None
    assert cut.body == b"ab"
    assert turns_of("[INST] a [INST] b [/INST] c") == (Message("user", "a  b"), Message("assistant", "c"))


def test_rows_of_an_unknown_format_cost_as_little_as_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: roles are assigned once for each set of columns, not for each row."""
    found: list[list[str]] = []
    assign = _Finder.layout
    monkeypatch.setattr(_Finder, "layout", lambda self: found.append(self._names) or assign(self))
    path = tmp_path / "rows.csv"
    path.write_text("* q\n" * 500, "utf-8")
    with pytest.raises(DataError, match="no known format"):
        list(read_choices(path))
    assert 0 < len(found) < 20
