"""Keys of the rows of a result table: method, model and maximum number of choices to learn from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class ResultKey:
    """Key of one result row: a method on one model, learning from at most ``context_pairs`` choices (None: all)."""

    method: str
    model: str
    context_pairs: int | None = None

    @property
    def file(self) -> str:
        """File name for the rows of this key, with special characters percent-encoded."""
        limit = "" if self.context_pairs is None else f"@{self.context_pairs}"
        own = self.model not in (self.method, "traits", "traits+encoder")
        return quote(f"{self.method}{f'@{self.model}' if own else ''}{limit}", safe="+@") + ".jsonl"


def labels(entries: Iterable[ResultKey]) -> dict[ResultKey, str]:
    """A unique label for each key: the method, plus model and number of choices where needed to tell keys apart."""
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
