"""Progress on stderr while a command works: shown on a terminal, silent elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from personalrm.cli.forecast import Forecast, in_words


@contextmanager
def progress(verb: str, planned: int | None = None) -> Iterator[Callable[[], None]]:
    """Counts answers of the model on a terminal, and says once, anywhere, that the ``planned`` ones will take long."""
    forecast = Forecast(verb, planned)
    with _status() as tell:

        def one_more() -> None:
            tell(forecast.answered())
            warning = forecast.warning()
            if warning is not None:
                typer.echo(warning, err=True)

        yield one_more


@contextmanager
def bench_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show the number of completed tasks of each method."""
    with _status() as tell:
        yield lambda method, done, total: tell(f"{method}: {done:,} of {total:,}")


@contextmanager
def cluster_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show the number of completed parts of a stage, and the estimated time left."""
    stage, began, first = "", 0.0, 0
    with _status() as tell:

        def part(name: str, done: int, total: int) -> None:
            nonlocal stage, began, first
            if name != stage:
                stage, began, first = name, time.monotonic(), done
            more = done - first
            left = f", {in_words((total - done) * (time.monotonic() - began) / more)} left" if more else ""
            tell(f"{name}: {done:,} of {total:,}{left}")

        yield part


@contextmanager
def training_progress() -> Iterator[Callable[[str], None]]:
    """Show the progress messages of a training run."""
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
