"""Files that are too large, too deep or too odd: what exceeds a limit is skipped with its number, the rest is read."""

from __future__ import annotations

import random
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import orjson
import pytest

from personalrm.data import json_rows
from personalrm.data.conversations import without_answer
from personalrm.data.limits import Limits
from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices
from personalrm.data.writing import write_choices
from personalrm.errors import DataError, RowError
from personalrm.preferences import Message, Preference

LINE = b'{"prompt":"Hi","chosen":"yes","rejected":"no"}\n'
HEADER = b"user,prompt,chosen,rejected\n"
SMALL = Limits.parse("row=100KB,depth=20,columns=50")


def read(path: Path, content: bytes, limits: Limits = SMALL) -> tuple[list[Preference], Problems]:
    path.write_bytes(content)
    problems = Problems()
    return list(read_choices(path, problems=problems, limits=limits)), problems


@pytest.mark.parametrize(
    "cell", ['{{""name"": ""x""}}', "{{}}", "{[]: 1}", "{}", "[", "{" * 5000, "[" * 1000 + "]" * 1000]
)
def test_a_cell_that_looks_like_data_and_is_none_is_text(tmp_path: Path, cell: str) -> None:
    content = HEADER + f'ada,"{cell}","{cell}",x\nada,Hi,yes,no\n'.encode()
    found, problems = read(tmp_path / "a.csv", content)
    text = cell.replace('""', '"')
    assert [(one.context[0].content, one.chosen, one.rejected) for one in found] == [
        (text, text, "x"),
        ("Hi", "yes", "no"),
    ]
    assert not problems.skipped
    for name in ("b.csv", "b.jsonl"):
        write_choices(tmp_path / name, found)
        assert list(read_choices(tmp_path / name, strict=True)) == found


@pytest.mark.parametrize("cell", ["{[]: 1}", "{{}}", "{'x': 0x" + "f" * 5000 + "}", '{""x"": ' + "9" * 5000 + "}"])
def test_a_cell_that_must_be_data_and_is_none_costs_its_row(tmp_path: Path, cell: str) -> None:
    content = f'user,chosen,rejected,judges\nada,a,b,"{cell}"\nada,c,d,\n'.encode()
    found, problems = read(tmp_path / "a.csv", content)
    assert [one.chosen for one in found] == ["c"]
    assert (problems.skipped, problems.first[0].line, problems.first[0].field) == (1, 2, "judges")


DEEP = b'{"prompt":' + b"[" * 1000 + b"]" * 1000 + b',"chosen":"a","rejected":"b"}\n'
WIDE = b"{" + b",".join(b'"c%d":1' % at for at in range(60)) + b"}\n"
LONG = b'{"prompt":"' + b"x" * 200_000 + b'","chosen":"a","rejected":"b"}\n'


@pytest.mark.parametrize(
    ("row", "limit"), [(DEEP, "--limit depth=…"), (WIDE, "--limit columns=…"), (LONG, "--limit row=…")]
)
@pytest.mark.parametrize("array", [False, True])
def test_a_row_beyond_a_limit_is_skipped_and_says_which(tmp_path: Path, row: bytes, limit: str, array: bool) -> None:
    rows = [LINE, row, LINE.replace(b"Hi", b"Bye")]
    content = b"[" + b",".join(rows) + b"]" if array else b"".join(rows)
    found, problems = read(tmp_path / f"a.json{'' if array else 'l'}", content)
    assert ([one.context[0].content for one in found], problems.skipped) == (["Hi", "Bye"], 1)
    assert limit in problems.summary()


def test_a_limit_that_is_raised_reads_the_row(tmp_path: Path) -> None:
    found, problems = read(tmp_path / "a.jsonl", LINE + LONG, Limits.parse("row=1MB"))
    assert (len(found), problems.skipped) == (2, 0)


def test_a_header_beyond_a_limit_is_refused(tmp_path: Path) -> None:
    names = b",".join(b"c%d" % at for at in range(200_000))
    with pytest.raises(DataError, match=r"at most 20,000 columns .*200,000"):
        read(tmp_path / "a.csv", names + b"\n" + names + b"\n", Limits())


@pytest.mark.parametrize("wrong", ["rows=5", "row=0", "row=x", "row", "depth=-1", "row=5TB"])
def test_a_limit_that_is_none(wrong: str) -> None:
    with pytest.raises(DataError, match="--limit: expected NAME=NUMBER"):
        Limits.parse(wrong)


MEASURED = """
import resource, sys
from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
problems = Problems()
count = sum(1 for _ in read_choices(sys.argv[1], problems=problems))
print(count, problems.skipped, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv"])
def test_memory_stays_flat_in_a_line_without_an_end(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    block = b"x" * (1 << 20)
    with path.open("wb") as file:
        file.write({"jsonl": LINE, "json": b"[" + LINE + b",", "csv": HEADER + b"ada,Hi,yes,no\n"}[kind])
        file.write(b'ada,"' if kind == "csv" else b'{"prompt":"')
        for _ in range(200):
            file.write(block)
        file.write(b'",a,b\n' if kind == "csv" else b'","chosen":"a","rejected":"b"}\n')
        file.write({"jsonl": LINE.replace(b"Hi", b"Bye"), "json": b"]", "csv": b"ada,Bye,yes,no\n"}[kind])
    done = subprocess.run([sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True)
    count, skipped, megabytes = map(int, done.stdout.split())
    assert (count, skipped) == (1 if kind == "json" else 2, 1)
    assert megabytes < 120


@pytest.mark.parametrize("block", [1, 7, 64])
def test_the_row_behind_one_that_is_too_long_begins_where_it_ends(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Escaped quotes and brackets inside the long row's texts end nothing, wherever a block of the file ends."""
    monkeypatch.setattr(json_rows, "_BLOCK", block)
    rng, marks = random.Random(block), '\\"[]{}ab,: '
    for _ in range(40):
        long = "".join(rng.choices(marks, k=140))
        short = ["".join(rng.choices(marks, k=8)) for _ in range(2)]
        data = orjson.dumps([{"t": short[0]}, {"t": long, "l": [long]}, {"t": short[1]}])
        before, too_long, after = json_rows._Values(b"", BytesIO(data), Limits(row=60)).elements()
        assert isinstance(too_long, RowError)
        assert [orjson.loads(one)["t"] for one in (before, after) if isinstance(one, bytes)] == short


def test_a_text_of_escaped_quotes_that_never_ends_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--limit row=") as refused:
        read(tmp_path / "open.json", b'[{"chosen": "' + b'\\"' * 200_000)
    assert str(refused.value).count("--limit") == 1


def test_many_answers_at_the_end_take_time_in_proportion() -> None:
    """Cut from the end one by one they took 3 s for 40,000 and 75 s for 200,000."""
    turns = tuple(Message("assistant", "yes") for _ in range(300_000))
    assert without_answer((Message("user", "Hi"), *turns), ("yes", "no")) == (Message("user", "Hi"),)
