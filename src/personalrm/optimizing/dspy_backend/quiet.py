"""DSPy, GEPA and Optuna without logs, progress bars, caches or a history of requests."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import Any

import dspy
from tqdm import tqdm  # type: ignore[import-untyped]

LOUD = ("dspy", "gepa", "optuna", "LiteLLM")


@contextmanager
def quiet() -> Iterator[None]:
    """Until the block ends; everything is restored after it."""
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings(
            "ignore", message=r"Implementing custom LMs through BaseLM", category=DeprecationWarning
        )
        stack.enter_context(_silent(LOUD))
        stack.enter_context(_without_bars())
        stack.enter_context(dspy.context(disable_history=True, track_usage=False))
        yield


@contextmanager
def _silent(names: tuple[str, ...]) -> Iterator[None]:
    before = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def _without_bars() -> Iterator[None]:
    """Neither DSPy nor GEPA has an option for all of its progress bars."""
    original = tqdm.__init__

    def init(self: Any, *args: Any, **options: Any) -> None:
        original(self, *args, **{**options, "disable": True})

    tqdm.__init__ = init
    try:
        yield
    finally:
        tqdm.__init__ = original
