"""The lines of a result table: which method, on which model, with how many choices to learn from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class ResultKey:
    """One line of the result table: a method, on one model, with at most so many choices to learn from (None: all)."""

    method: str
    model: str
    context_pairs: int | None = None

    @property
    def file(self) -> str:
        """A file name that stands for it."""
        limit = "" if self.context_pairs is None else f"@{self.context_pairs}"
        own = self.model not in (self.method, "traits", "traits+encoder")
        return quote(f"{self.method}{f'@{self.model}' if own else ''}{limit}", safe="+@") + ".jsonl"


def labels(entries: Iterable[ResultKey]) -> dict[ResultKey, str]:
    """What each line is called where all stand together: its method, and what else tells it from the others."""
    held = list(entries)
    models: dict[str, set[str]] = {}
    for one in held:
        models.setdefault(one.method, set()).add(one.model)
    return {one: _label(one, len(models[one.method]) > 1) for one in held}


def _label(entry: ResultKey, with_model: bool) -> str:
    parts = [entry.method]
    if with_model:
        parts.append(entry.model)
    if entry.context_pairs is not None:
        parts.append(f"{entry.context_pairs} choice{'s' * (entry.context_pairs != 1)}")
    return " · ".join(parts)
