"""The counts of a curation as a table, beside the published ones.

console.print(table(curated))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from personalrm.curation.counting import Count
from personalrm.curation.published import PUBLISHED
from personalrm.curation.running import Curated

if TYPE_CHECKING:
    from rich.table import Table


def table(found: Curated) -> Table:
    """Return a table with a row per step and split: what is left, reasons of removal, and the published counts."""
    from rich.table import Table

    result = Table(title="what is left after each step", title_justify="left")
    for head in ("step", "users", "conversations", "pairs"):
        result.add_column(head, justify="left" if head == "step" else "right")
    result.add_column("went")
    result.add_column("published (not measured)", style="dim")
    published = PUBLISHED[found.plan.kind]
    for one in found.steps:
        went = ", ".join(f"{why} {number:,}" for why, number in one.removed.items())
        result.add_row(one.name, *_numbers(one.left), went, published.get(one.name, ""))
    result.add_section()
    for name, (whole, context, target) in found.split_counts().items():
        sides = f"context {context.pairs:,}, target {target.pairs:,}"
        # The published counts of the splits were taken after the model filters.
        result.add_row(name, *_numbers(whole), sides, published.get(name, "") if found.labels is not None else "")
    return result


def _numbers(count: Count) -> tuple[str, str, str]:
    return f"{count.users:,}", f"{count.conversations:,}", f"{count.pairs:,}"
