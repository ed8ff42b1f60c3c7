"""Progress on stderr while a command works: shown on a terminal, silent elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(verb: str) -> Iterator[Callable[[], None]]:
    """Counts answers of the model on a terminal; silent elsewhere."""
    with _status() as tell:
        answered = 0

        def one_more() -> None:
            nonlocal answered
            answered += 1
            tell(f"{verb}: {answered:,} answers")

        yield one_more


@contextmanager
def bench_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Tells how many tasks of which method are done."""
    with _status() as tell:
        yield lambda method, done, total: tell(f"{method}: {done:,} of {total:,}")


@contextmanager
def training_progress() -> Iterator[Callable[[str], None]]:
    """Shows what a training says of itself."""
    with _status() as tell:
        yield tell


@contextmanager
def _status() -> Iterator[Callable[[str], None]]:
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("starting") as status:
        yield lambda text: status.update(escape(text))
