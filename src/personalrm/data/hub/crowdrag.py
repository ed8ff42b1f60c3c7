"""Read CrowdRAG-25 as published: `responses.jsonl.gz` has the texts, `ratings.jsonl.gz` five workers' votes on pairs.

for row in votes(Path("responses.jsonl.gz"), Path("ratings.jsonl.gz")): ...    # rows in generic columns

A vote is ``a``, ``b`` or ``n`` (neither). The weight of a choice is one minus the authors' estimate of the probability
that the vote is spam. Source: Gienapp et al. 2025, arXiv 2504.15689.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from personalrm.data.fields import Fields, describe, number, text
from personalrm.data.files import rows
from personalrm.errors import DataError, RowError

QUALITY = "quality_overall"
_WINNER = {"a": "response_a", "b": "response_b", "n": "tie"}


def votes(responses: Path, ratings: Path) -> Iterator[Fields]:
    """Yield a row for each worker's overall vote on a pair.

    Raises:
        DataError: a file cannot be read.
        RowError: a row does not have the published format.
    """
    known = _texts(responses)
    for line, row in rows(ratings):
        try:
            yield from _of_pair(_sound(row), known)
        except RowError as error:
            raise RowError(error.expected, path=ratings, line=line, field=error.field, found=error.found) from None


def _texts(path: Path) -> Mapping[str, Fields]:
    known: dict[str, Fields] = {}
    for line, row in rows(path):
        found = _sound(row)
        for column in ("response", "query"):
            if column not in found:
                raise RowError(f"a column '{column}'", path=path, line=line, found=", ".join(list(found)[:8]))
        known[str(found["response"])] = found
    return known


def _sound(row: Fields | RowError) -> Fields:
    if isinstance(row, RowError):
        raise row
    return row


def _of_pair(row: Fields, known: Mapping[str, Fields]) -> Iterator[Fields]:
    sides = [known.get(str(row.get(column))) for column in ("response_a", "response_b")]
    workers, given = row.get("worker"), row.get(f"{QUALITY}_vote")
    spam = row.get(f"{QUALITY}_spam_probability")
    if sides[0] is None or sides[1] is None:
        raise RowError(
            "the id of a response in the other file", field="response_a", found=describe(row.get("response_a"))
        )
    if not isinstance(workers, list) or not isinstance(given, list) or len(workers) != len(given):
        raise RowError("as many votes as workers", field=f"{QUALITY}_vote", found=describe(given))
    first, second = sides[0], sides[1]
    noise = spam if isinstance(spam, list) and len(spam) == len(given) else [0.0] * len(given)
    for worker, vote, chance in zip(workers, given, noise, strict=True):
        winner = _WINNER.get(str(vote).strip().lower())
        if winner is None:
            raise RowError("a, b or n", field=f"{QUALITY}_vote", found=describe(vote))
        sure = 1.0 - number(chance, f"{QUALITY}_spam_probability")
        if sure > 0.0:
            yield {
                "user": str(worker),
                "prompt": text(first["query"], "query"),
                "group": str(row.get("query_id") or first.get("topic") or first["query"]),
                "domain": first.get("style"),
                "response_a": _response_text(first),
                "response_b": _response_text(second),
                "winner": winner,
                "weight": sure,
            }


def _response_text(row: Fields) -> str:
    """The response text without citation marks, which reveal the kind of author."""
    return text(row.get("cleaned_text") or row.get("text"), "text")


def files_in(folder: Path) -> tuple[Path, Path]:
    """The two files, each compressed or not. Raises DataError if one is missing."""
    found = []
    for name in ("responses.jsonl", "ratings.jsonl"):
        path = next((one for one in (folder / f"{name}.gz", folder / name) if one.is_file()), None)
        if path is None:
            raise DataError(f"{folder} holds no {name}.gz: fetch it from zenodo.org/records/14748980")
        found.append(path)
    return found[0], found[1]
