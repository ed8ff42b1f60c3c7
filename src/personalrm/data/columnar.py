"""Read rows of Parquet files (extra ``parquet``) and Hugging Face hub data sets (extra ``hub``), in small batches.

for number, row in parquet_rows(Path("choices.parquet")): ...
for number, row in hub_rows("owner/name:train"): ...
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from personalrm.data.fields import Fields
from personalrm.errors import DataError, MissingExtra, RowError

_BATCH = 256  # 256 rows of 10 kB are 3 MB; larger batches read no faster


def parquet_rows(path: Path) -> Iterator[tuple[int, Fields | RowError]]:
    """Yield the rows of a Parquet file with their 1-based number.

    Raises:
        MissingExtra: pyarrow is not installed.
        DataError: the file is damaged.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtra(f"reading {path} needs pyarrow: pip install 'personalrm[parquet]'") from None
    return _parquet_rows(path, pyarrow)


def _parquet_rows(path: Path, pyarrow: Any) -> Iterator[tuple[int, Fields | RowError]]:
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} is damaged after row {number}: {_first_line(error)}") from error


def hub_rows(name: str) -> Iterator[tuple[int, Fields | RowError]]:
    """Stream the rows of ``owner/name[/config][:split]``; the default split is ``train`` or the only one.

    Raises:
        MissingExtra: datasets is not installed.
        DataError: an unknown data set or split, no access, or no network.
    """
    try:
        import datasets
    except ImportError:
        raise MissingExtra(f"reading hub:{name} needs datasets: pip install 'personalrm[hub]'") from None
    path, _, split = name.partition(":")
    parts = path.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise DataError(f"'hub:{name}' is not a hub data set: expected hub:owner/name or hub:owner/name:split")
    config = parts[2] if len(parts) == 3 else None
    try:
        found = datasets.load_dataset("/".join(parts[:2]), config, streaming=True)
    except Exception as error:  # the package raises whatever its transport raises
        raise DataError(f"hub:{name} cannot be opened: {_first_line(error)}") from error
    return _hub_rows(name, _split_of(name, found, split))


def _split_of(name: str, found: Any, split: str) -> Any:
    if split in found:
        return found[split]
    if not split and ("train" in found or len(found) == 1):
        return found["train" if "train" in found else next(iter(found))]
    raise DataError(f"hub:{name} has the splits {', '.join(found)}: name one, as in hub:owner/name:{next(iter(found))}")


def _hub_rows(name: str, found: Any) -> Iterator[tuple[int, Fields | RowError]]:
    number = 0
    rows = iter(found)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except Exception as error:  # as above
            raise DataError(f"hub:{name} cannot be read beyond row {number}: {_first_line(error)}") from error
        number += 1
        yield number, row


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
