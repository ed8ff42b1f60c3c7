"""Read rows in memory: dicts, and tables of pandas, polars, pyarrow and `datasets` (none of them is imported).

for number, row in rows_in_memory([{"prompt": "Hi", "chosen": "Hello!", "rejected": "?"}]): ...
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from personalrm.data.fields import Fields, describe
from personalrm.errors import DataError, RowError

Row = tuple[int, Fields | RowError]
_PLAIN = (str, int, float, bool, type(None), datetime, date)
_DEEPEST = 100


def is_table(given: object) -> bool:
    """Whether an object is an iterable of rows or a table of a known library."""
    if isinstance(given, str | bytes | Mapping):
        return False
    return _table_rows(given) is not None or isinstance(given, Iterable)


def rows_in_memory(given: object) -> Iterator[Row]:
    """Yield every row with its 1-based number.

    Raises:
        DataError: the object is neither an iterable of rows nor a table.
    """
    found = _table_rows(given)
    if found is None:
        if not isinstance(given, Iterable) or isinstance(given, str | bytes | Mapping):
            raise DataError(f"expected rows, a table, a file or choices, found {describe(given)}")
        found = iter(given)
    return _numbered(found)


def _numbered(found: Iterable[object]) -> Iterator[Row]:
    for number, row in enumerate(found, 1):
        if isinstance(row, Mapping):
            yield number, {str(name): _value(value) for name, value in row.items()}
        else:
            yield number, RowError("a mapping of columns to values", found=describe(row))


def _table_rows(given: Any) -> Iterable[object] | None:
    """The rows of a table of a known library; None if it is not a table."""
    kind = type(given).__module__.partition(".")[0]
    if kind == "pandas" and hasattr(given, "to_dict") and hasattr(given, "columns"):
        names = [str(name) for name in given.columns]
        return (dict(zip(names, values, strict=True)) for values in given.itertuples(index=False, name=None))
    if kind == "polars":
        table = given.collect() if hasattr(given, "collect") else given
        return table.iter_rows(named=True) if hasattr(table, "iter_rows") else None
    if kind == "pyarrow" and hasattr(given, "to_batches"):
        return (row for batch in given.to_batches(max_chunksize=256) for row in batch.to_pylist())
    if kind == "datasets" and isinstance(given, Mapping):
        raise DataError(f"expected one split, found a DatasetDict of {', '.join(map(str, given))}: pass one of them")
    return None


def _value(value: Any, depth: int = 0) -> Any:
    """Convert a value to plain Python: arrays to lists, numpy numbers to Python's, pandas' missing values to None."""
    if isinstance(value, _PLAIN) and type(value).__module__ == "builtins":
        return value
    if depth > _DEEPEST:
        return None
    if isinstance(value, Mapping):
        return {str(name): _value(one, depth + 1) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_value(one, depth + 1) for one in value]
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, Decimal):
        return float(value)
    if hasattr(value, "tolist") and type(value).__module__.partition(".")[0] == "numpy":
        return _value(value.tolist(), depth + 1)
    if hasattr(value, "role") and hasattr(value, "content"):
        return {"role": value.role, "content": value.content}
    return value
