"""What puts several people's words into one prompt is refused to Python callers as well, before anything is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from personalrm.bench.studies import altered, causal, stated
from personalrm.bench.studies.lab import StudyContext
from personalrm.errors import PrivacyRefused
from personalrm.llm.connect import EndpointOptions
from personalrm.optimizing.driving import drive
from personalrm.optimizing.optimize import OptimizationConfig, optimize
from personalrm.preferences import History
from personalrm.privacy import is_private
from personalrm.profile.options import Options

NOBODY: Any = None
"""Whoever were asked would fail."""


def unread() -> Iterator[History]:
    raise AssertionError("the people were read")


async def run_study(study: Any, private: bool) -> None:
    await study(StudyContext(unread, ("traits",), Path("none"), private=private))


async def run_match(private: bool) -> None:
    await stated.match(NOBODY, "likes tea", "I like tea", "I like coffee", Options(), private)


async def run_optimize(private: bool) -> None:
    optimize("none.jsonl", OptimizationConfig("gepa", private=private), "m", None, EndpointOptions(), NOBODY, NOBODY)


async def run_drive(private: bool) -> None:
    drive("gepa", NOBODY, NOBODY, 1, 0, private=private)


async def run_swapped(private: bool) -> None:
    altered.swapped([], private)


CALLS: dict[str, Callable[[bool], Any]] = {
    "study causal": lambda private: run_study(causal.study, private),
    "study stated": lambda private: run_study(stated.study, private),
    "match": run_match,
    "swapped": run_swapped,
    "optimize": run_optimize,
    "drive": run_drive,
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("how", ["argument", "environment"])
async def test_it_is_refused_before_anything_is_read(name: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "environment":
        monkeypatch.setenv("PERSONALRM_PRIVATE", "1")
    with pytest.raises(PrivacyRefused, match="PERSONALRM_PRIVATE"):
        await CALLS[name](how == "argument")


def test_reflections_of_gepa_are_refused_where_their_prompt_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dspy")
    from personalrm.optimizing.dspy_backend.gepa import Proposer

    monkeypatch.setenv("PERSONALRM_PRIVATE", "1")
    with pytest.raises(PrivacyRefused):
        Proposer(NOBODY)({"persona": "Write."}, {}, ["persona"])


@pytest.mark.parametrize(
    ("value", "private"), [("", False), ("0", False), ("False", False), ("off", False), ("1", True), ("please", True)]
)
def test_the_environment_is_read_as_the_command_line_reads_it(
    value: str, private: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONALRM_PRIVATE", value)
    assert is_private() is private
    assert is_private(private=True)


def test_a_context_is_not_private_by_itself() -> None:
    assert not replace(StudyContext(unread, ("traits",), Path("none"))).private
