"""Numbers as people read them: a sign only where there is a difference."""

from __future__ import annotations

import re

import places

from personalrm.formatting.numbers import between, number, signed


def test_what_rounds_to_zero_has_no_minus() -> None:
    assert [signed(one) for one in (-0.0004, -0.0, 0.0004, -0.0006)] == ["+0.000", "+0.000", "+0.000", "-0.001"]
    assert (signed(-0.04, 1), signed(-0.06, 1), signed(12.345, 2)) == ("+0.0", "-0.1", "+12.35")
    assert (number(-0.0004), number(None), number(-1.0)) == ("0.000", "–", "-1.000")
    assert between(-0.0004, 0.25, signed=True) == "+0.000 to +0.250"
    assert (between(-0.0004, 0.25), between(None, 0.25)) == ("0.000–0.250", "–")


def test_signed_numbers_are_written_in_one_place() -> None:
    own = re.compile(r":[^{}\"'z]?\+[^{}\"'z]*[efg%]\}|%\+")
    found = [
        f"{path.name}: {line.strip()}"
        for path in sorted((places.SOURCE / "personalrm").rglob("*"))
        if path.suffix in (".py", ".html")
        for line in path.read_text("utf-8").splitlines()
        if own.search(line)
    ]
    assert found == []
