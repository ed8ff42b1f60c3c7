"""The patterns of the service's fields, which pydantic compiles: no text makes them slow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated, Any, get_args

import pytest
from growth import assert_growth
from pydantic import StringConstraints, TypeAdapter, ValidationError

from personalrm.service import fields


def _patterns(kind: Any) -> Iterator[str]:
    """The patterns in the metadata of a type and of its parts."""
    for part in get_args(kind):
        for one in (part, *getattr(part, "metadata", ())):
            if isinstance(pattern := getattr(one, "pattern", None), str):
                yield pattern
        yield from _patterns(part)


PATTERNS = sorted({pattern for kind in vars(fields).values() for pattern in _patterns(kind)})


def test_the_patterns_are_found() -> None:
    assert PATTERNS


@pytest.mark.parametrize("unit", ["a", " ", "a ", "é ", "\t"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_linear_in_a_long_text(pattern: str, unit: str) -> None:
    validator = TypeAdapter[Any](Annotated[str, StringConstraints(pattern=pattern)])

    def validate(text: str) -> None:
        with contextlib.suppress(ValidationError):
            validator.validate_python(text)

    assert_growth(validate, "a" + unit * 10_000 + "/", "a" + unit * 80_000 + "/", 20.0)
