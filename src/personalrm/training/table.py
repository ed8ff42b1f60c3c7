"""Results of a training, for the terminal and as JSON.

console.print(table(manifest))
summary(manifest, out)                               # JSON values
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from personalrm.formatting.numbers import between, number
from personalrm.formatting.texts import counted, plain
from personalrm.training.manifest import Manifest

if TYPE_CHECKING:
    from rich.table import Table


def table(found: Manifest) -> Table:
    """One row for the model and one for each baseline, on the same choices."""
    from rich.markup import escape
    from rich.table import Table

    result = Table(title="accuracy and log loss on held-out choices", title_justify="left")
    for head in ("method", "accuracy", "95 % interval", "log loss"):
        result.add_column(head, justify="left" if head == "method" else "right")
    for one in found.metrics:
        result.add_row(escape(one.name), number(one.accuracy), between(one.low, one.high), number(one.log_loss))
    return result


def sentences(found: Manifest) -> list[str]:
    """Training data, evaluation data, truncation and duration, one sentence each."""
    first = found.metrics[0]
    cut = found.truncated
    lines = [
        f"{found.method}: trained on {counted(found.choices, 'choice')} of "
        f"{counted(found.people, 'person', 'people')} ({found.data.name}).",
        f"Evaluated on: {found.evaluated_on}: {counted(first.pairs, 'choice')} of "
        f"{counted(first.people, 'person', 'people')}.",
    ]
    if cut.count:
        who = "encoder" if cut.what == "texts" else "backbone"
        lines.append(f"Truncated to the {who}'s limit: {cut.count:,} of {cut.of:,} {cut.what}.")
    took = f"Took {found.seconds:,.1f} s on {found.device}{', resumed from an earlier run' if found.resumed else ''}."
    return [plain(one) for one in (*lines, took)]


def summary(found: Manifest, out: Path) -> dict[str, Any]:
    """The main results as JSON values."""
    return {
        "method": found.method,
        "kind": found.kind,
        "data": found.data.name,
        "validation": None if found.validation is None else found.validation.name,
        "seed": found.seed,
        "people": found.people,
        "choices": found.choices,
        "metrics": [asdict(one) for one in found.metrics],
        "truncated": asdict(found.truncated),
        "device": found.device,
        "seconds": found.seconds,
        "out": str(out),
    }
