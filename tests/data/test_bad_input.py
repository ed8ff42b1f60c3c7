"""Every bad file and row: one clear sentence, and the sound rows are kept."""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path

import pytest
from each import each
from facts import naming, tells

from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices, read_history
from personalrm.errors import DataError, RowError
from personalrm.preferences import Preference

OK = {"user": "ada", "prompt": "Hi", "chosen": "yes", "rejected": "no"}
LINE = json.dumps(OK).encode() + b"\n"


def read(path: Path, content: bytes) -> tuple[list[Preference], Problems]:
    path.write_bytes(content)
    problems = Problems()
    return list(read_choices(path, problems=problems)), problems


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(read_choices(path))
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(path), "FILE")


def test_a_missing_file_is_noticed_at_the_call(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=naming("nowhere.jsonl")):
        read_choices(tmp_path / "nowhere.jsonl")
    with pytest.raises(DataError, match=naming("nowhere.csv")):
        read_history(tmp_path / "nowhere.csv", "ada")


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=naming(tmp_path, "directory")):
        read_choices(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINE)
    path.chmod(0)
    with pytest.raises(DataError, match=naming(path, "Permission denied")):
        read_choices(path)


@each("name", ["a.jsonl", "a.csv", "a", "a.json"])
@each("content", [b"", b"\n \r\n\n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_an_empty_file(tmp_path: Path, name: str, content: bytes) -> None:
    assert refused(tmp_path / name, content) == "FILE is empty: it has no choices"


def test_a_header_alone_is_empty(tmp_path: Path) -> None:
    assert refused(tmp_path / "a.csv", b"prompt,chosen,rejected\n") == "FILE is empty: it has no choices"


@each(("name", "content"), [("a.csv", b"text,mark\nx,3\ny,4\n"), ("a.jsonl", b'{"text": 1, "mark": 2}\n' * 5)])
def test_wrong_columns_name_those_found_and_those_known(tmp_path: Path, name: str, content: bytes) -> None:
    words = refused(tmp_path / name, content)
    assert tells(words, "FILE", "text, mark", "chosen + rejected")
    assert "responses [{content, score}]" in words
    with pytest.raises(RowError, match=naming("line", "text, mark")):
        list(read_choices(tmp_path / name, strict=True))


def test_no_usable_row(tmp_path: Path) -> None:
    words = refused(tmp_path / "a.jsonl", json.dumps({**OK, "rejected": "yes"}).encode())
    assert words == (
        "FILE: none of the rows can be used: line 1, field 'rejected': expected two different responses, "
        "found the same text as the chosen response"
    )


@each(
    ("content", "expected", "found"),
    [
        (
            b"{broken\n",
            "a JSON object",
            "invalid JSON at character 2 (Expecting property name enclosed in double quotes)",
        ),
        (LINE[:-20] + b"\n", "a JSON object", "invalid JSON at character 49 (Expecting ',' delimiter)"),
        (b"[1, 2]\n", "a JSON object", "a list of 2"),
        (b"null\n", "a JSON object", "null"),
        (b'"text"\n', "a JSON object", "'text'"),
        (b'{"user": "\xff\xfe"}\n', "UTF-8 text", "the byte 0xff at byte 11 of the line"),
        (
            b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}\n",
            "JSON nested at most 100 deep (--limit depth=…)",
            "deeper nesting",
        ),
        (b'{"a": ' + b"9" * 10_000 + b"}\n", "a JSON object", "JSON nested too deeply or a number too long"),
    ],
)
def test_lines_that_are_no_rows(tmp_path: Path, content: bytes, expected: str, found: str) -> None:
    choices, problems = read(tmp_path / "a.jsonl", LINE + content)
    (error,) = problems.first
    assert (len(choices), error.line, error.expected, error.found) == (1, 2, expected, found)


@each(
    ("value", "found"),
    [
        ("null", "null"),
        ("NaN", "NaN"),
        ("12", "the number 12"),
        ("true", "true"),
        ("[]", "nothing"),
        ("{}", "null"),
        ('"half \\ud83d"', "the lone surrogate U+D83D at character 5"),
    ],
)
def test_values_of_the_wrong_kind(tmp_path: Path, value: str, found: str) -> None:
    bad = b'{"prompt": "Hi", "chosen": ' + value.encode() + b', "rejected": "no"}\n'
    choices, problems = read(tmp_path / "a.jsonl", LINE + bad)
    (error,) = problems.first
    assert (len(choices), error.line, error.found) == (1, 2, found)
    assert (error.field or "").startswith("chosen")


def test_nan_and_null_in_other_columns_harm_nothing(tmp_path: Path) -> None:
    row = json.dumps({**OK, "extra": float("nan"), "time": None, "domain": float("nan"), "id": None, "judges": None})
    (choice,), problems = read(tmp_path / "a.jsonl", row.encode())
    assert (choice.time, choice.domain, problems.skipped) == (None, None, 0)


def test_byte_order_mark_windows_lines_and_blank_lines(tmp_path: Path) -> None:
    other = json.dumps({**OK, "prompt": "Bye", "chosen": None}).encode()
    choices, problems = read(tmp_path / "a.jsonl", b"\xef\xbb\xbf" + LINE[:-1] + b"\r\n\r\n   \n" + other)
    assert (len(choices), problems.rows, problems.first[0].line) == (1, 2, 4)
    table = b"\xef\xbb\xbfprompt,chosen,rejected\r\nHi,yes,no\r\n\r\nBye,,no\r\n"
    choices, problems = read(tmp_path / "a.csv", table)
    assert (choices[0].context[0].content, problems.rows, problems.first[0].line) == ("Hi", 2, 4)


def test_bad_csv_records(tmp_path: Path) -> None:
    table = (
        b'prompt,chosen,rejected\n"two\nlines",yes,no\n'
        b"short,yes\nlong,yes,no,more\nbytes,\xe9t\xe9,no\n"
        b'odd,"yes"!,no\nsound,yes,no\nopen,"yes,no\nlost,yes,no\n'
    )
    choices, problems = read(tmp_path / "a.csv", table)
    assert [choice.context[0].content for choice in choices] == ["two\nlines", "sound", "lost"]
    assert [(error.line, error.found) for error in problems.first] == [
        (4, "2"),
        (5, "4"),
        (6, "the byte 0xe9 at character 0"),
        (7, "a quote inside a quoted cell (double it)"),
        (9, "a quote that is never closed"),
    ]


def test_a_column_named_twice(tmp_path: Path) -> None:
    words = refused(tmp_path / "a.csv", b"prompt,chosen,chosen\nHi,yes,no\n")
    assert words == "FILE: the header has column 'chosen' twice"


def test_a_context_that_is_broken_json(tmp_path: Path) -> None:
    table = b'context,chosen,rejected\n"[{""role"": ""user"", ""content"": ""Hi",yes,no\nHi,yes,no\n'
    choices, problems = read(tmp_path / "a.csv", table)
    assert len(choices) == 1
    assert problems.summary().startswith("1 of 2 rows skipped: line 2, field 'context': expected JSON, found ")


def test_gzip_by_content_whatever_the_name(tmp_path: Path) -> None:
    assert len(read(tmp_path / "a.jsonl", gzip.compress(LINE))[0]) == 1
    assert len(read(tmp_path / "a.jsonl.gz", LINE)[0]) == 1
    assert len(read(tmp_path / "plain", gzip.compress(b"prompt,chosen,rejected\nHi,yes,no\n"))[0]) == 1


def test_truncated_and_damaged_gzip(tmp_path: Path) -> None:
    rows = b"".join(json.dumps({**OK, "id": n, "chosen": os.urandom(300).hex()}).encode() + b"\n" for n in range(2000))
    packed = gzip.compress(rows)
    assert refused(tmp_path / "a.jsonl.gz", packed[:30]).startswith("FILE is cut off: ")
    assert refused(tmp_path / "b.jsonl.gz", packed[:-8] + b"12345678").startswith("FILE is damaged")
    hole = packed[:400_000] + bytes(2000) + packed[402_000:]
    assert re.search(r"FILE is damaged.*line \d+", refused(tmp_path / "c.jsonl.gz", hole))
    path = tmp_path / "d.jsonl.gz"
    path.write_bytes(packed[:-200_000])
    got = []
    with pytest.raises(DataError, match=r"d\.jsonl\.gz.*line \d{3,}"):
        got.extend(read_choices(path))
    choices = read_choices(path)
    assert next(choices).id == "0"  # what lies before the cut is still given


@each(
    ("content", "what"),
    [
        (b"PK\x03\x04rest", "a zip archive"),
        (b"PAR1rest of it", "damaged after row 0"),
    ],
)
def test_other_kinds_of_file(tmp_path: Path, content: bytes, what: str) -> None:
    assert f"FILE is {what}" in refused(tmp_path / "a.csv", content)


def test_a_broken_json_array_gives_what_is_sound(tmp_path: Path) -> None:
    other = json.dumps({**OK, "prompt": "Bye"}).encode()
    broken = b'{"user": "ada", "prompt": broken}'
    choices, problems = read(tmp_path / "a.json", b"[" + LINE + b"," + broken + b", 7, null,\n" + other + b",")
    assert [choice.context[0].content for choice in choices] == ["Hi", "Bye"]
    assert [(error.line, error.found) for error in problems.first] == [
        (2, "invalid JSON at character 27 (Expecting value)"),
        (3, "'7'"),
        (4, "'null'"),
        (6, "the end of the file before it"),
    ]


def test_very_long_and_very_mixed_responses(tmp_path: Path) -> None:
    long = "Ωμέγα 👩‍👩‍👧 عربي 漢字 \u0000" * 10_000
    row = json.dumps({**OK, "chosen": long, "prompt": "🤖"}, ensure_ascii=False).encode()
    (choice,), _ = read(tmp_path / "a.jsonl", row)
    assert choice.chosen == long
    table = f'prompt,chosen,rejected\n🤖,"{long}",no\n'.encode()
    (choice,), _ = read(tmp_path / "a.csv", table)
    assert choice.chosen == long
    assert len(choice.chosen) > 200_000


@each("user", ["", None, float("nan"), "NaN", "null", " "])
def test_a_missing_user_is_nobody_in_particular(tmp_path: Path, user: object) -> None:
    choices, problems = read(tmp_path / "a.jsonl", LINE + json.dumps({**OK, "user": user}).encode())
    assert [choice.user for choice in choices] == ["ada", "me"]
    assert problems.skipped == 0


@each(
    ("name", "content"),
    [
        ("a.csv", b"what\xff,chosen\xff,b\nsome words,yes,no\n"),
        ("b.csv", b"prompt,chosen,rejected\nHi,\xff\xfe,no\n"),
        ("a.jsonl", b'{"\\ud800": "some words", "chosen": 3}\n'),
    ],
)
def test_what_is_no_text_is_written_out_in_messages(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    problems = Problems()
    with pytest.raises(DataError) as caught:
        list(read_choices(path, problems=problems))
    for said in (str(caught.value), *problems.remarks()):
        said.encode()
