"""Records of CSV files: lines that come in blocks, and lines behind a quote that is never closed."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from pathlib import Path

import pytest

from personalrm.data import tables
from personalrm.data.limits import DEFAULT
from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices
from personalrm.errors import RowError


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_that_come_in_blocks_make_the_records_that_single_lines_make(
    ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cells of many lines, quotes left open and quotes within cells, drawn at random."""

    def records(text: str, block: int, many: int) -> list[tuple[int, list[str] | str | None]]:
        monkeypatch.setattr(tables, "_BLOCK", block)
        monkeypatch.setattr(tables, "_MANY", many)
        stream = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8", newline="")
        found = tables._Records(stream, Path("a.csv"), replace(DEFAULT, row=400))
        return [(line, one.found if isinstance(one, RowError) else one) for line, one in found]

    draw = random.Random(1)
    for _ in range(150):
        rows = ["a,b"]
        for _ in range(draw.randrange(1, 12)):
            lines = [draw.choice(["x", "", "y,z", '""', 'é""é', "x" * 30]) for _ in range(draw.randrange(1, 14))]
            cell = ends.join(lines)
            rows.append(draw.choice(["x,y", f'"{cell}",z', f'"{cell}', 'a,"b" c', lines[0]]))
        text = ends.join(rows) + draw.choice(["", ends])
        assert records(text, draw.choice([1, 7, 50]), draw.choice([1, 3])) == records(text, 50, 10_000)


def test_lines_behind_a_quote_left_open_are_counted(tmp_path: Path) -> None:
    path, problems = tmp_path / "a.csv", Problems()
    row = "ada,Hi,Hello!,?\n"
    path.write_text(f'user,prompt,chosen,rejected\n{row}ada,"open,b,c\n' + "x,y,z\n" * 30_000 + "bob,Hi,Hello!,?\n")
    assert [one.user for one in read_choices(path, problems=problems)] == ["ada", "bob"]
    assert (problems.rows, problems.skipped) == (30_003, 30_001)
    assert [error.line for error in problems.first] == list(range(3, 23))
    assert "line 22" in str(problems.first[-1])
