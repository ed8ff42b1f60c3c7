"""What a training came to, for the terminal and for programs.

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
    """A row for the model and for each baseline, on the same choices."""
    from rich.markup import escape
    from rich.table import Table

    result = Table(title="share of choices whose preferred response is predicted", title_justify="left")
    for head in ("method", "accuracy", "95 % interval", "log loss"):
        result.add_column(head, justify="left" if head == "method" else "right")
    for one in found.figures:
        result.add_row(escape(one.name), number(one.accuracy), between(one.low, one.high), number(one.log_loss))
    return result


def sentences(found: Manifest) -> list[str]:
    """What was learned from, who was predicted, and what it took."""
    first = found.figures[0]
    cut = found.cut
    lines = [
        f"{found.method}: learned from {counted(found.choices, 'choice')} of "
        f"{counted(found.people, 'person', 'people')} ({found.data.name}).",
        f"Predicted: {found.how}: {counted(first.pairs, 'choice')} of {counted(first.people, 'person', 'people')}.",
    ]
    if cut.count:
        who = "encoder" if cut.what == "texts" else "backbone"
        lines.append(f"Longer than the {who} reads, and cut: {cut.count:,} of {cut.of:,} {cut.what}.")
    took = f"Took {found.seconds:,.1f} s on {found.device}{', after an earlier run' if found.resumed else ''}."
    return [plain(one) for one in (*lines, took)]


def summary(found: Manifest, out: Path) -> dict[str, Any]:
    """The main figures as JSON values."""
    return {
        "method": found.method,
        "kind": found.kind,
        "data": found.data.name,
        "validation": None if found.validation is None else found.validation.name,
        "seed": found.seed,
        "people": found.people,
        "choices": found.choices,
        "figures": [asdict(one) for one in found.figures],
        "cut": asdict(found.cut),
        "device": found.device,
        "seconds": found.seconds,
        "out": str(out),
    }
