"""`personalrm report`: write the HTML page and the tables of a run, of studies, or of both.

page = write_report("out")         # out/report.html, out/tables/*.csv, out/tables/*.tex
page = await awrite_report("out")  # the same without blocking an event loop

The tables contain no run times: equal runs write equal bytes. All input is read before anything is written, and each
file is written atomically.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from personalrm.bench.record import RESULTS, read_record
from personalrm.bench.report.drawing import draw
from personalrm.bench.report.evidence import Evidence, read_evidence
from personalrm.bench.report.latex import latex
from personalrm.bench.report.page import Report, page
from personalrm.bench.report.spreadsheet import csv_text
from personalrm.bench.report.studies import read_studies
from personalrm.bench.report.table import Table
from personalrm.bench.report.tables import all_tables
from personalrm.bench.run_log import rows_as_written
from personalrm.files import replace_file, stored
from personalrm.models.child import in_child

PAGE, TABLES = "report.html", "tables"
_NUMBERED = re.compile(r"(same_pairs|study_.+)_\d+\.(csv|tex)")
"""Names of numbered tables; outdated ones from an earlier report are deleted."""


def write_report(directory: str | Path) -> Path:
    """Write ``report.html`` and ``tables/`` into the folder of a run; returns the path of the page.

    Matplotlib draws while it holds Python's lock, for 20–60 ms at a time: a program with an event loop awaits
    `awrite_report` instead of calling this in a thread.

    Raises:
        DataError: the folder has no results, or a file of the run cannot be read.
        StorageError: a file cannot be written.
    """
    folder = Path(directory)
    studies = tuple(read_studies(folder))
    alone = studies and not (folder / RESULTS).exists()
    record = None if alone else read_record(folder)
    with rows_as_written(folder / RESULTS):
        evidence = Evidence() if record is None else read_evidence(folder, record)
        text = page(Report(record, evidence, studies), draw)
        of_run = [] if record is None else all_tables(record)
    path = folder / PAGE
    with stored(folder):
        _write_tables(folder / TABLES, [*of_run, *(table for one in studies for table in one.tables)])
        replace_file(path, text.encode())
    return path


async def awrite_report(directory: str | Path) -> Path:
    """`write_report` in a process of its own: in a thread, drawing would hold up event loops for 20–60 ms at a time."""
    return await in_child(write_report, directory)


def _write_tables(folder: Path, tables: Iterable[Table]) -> None:
    """Write each table as LaTeX and CSV, and delete outdated numbered tables of an earlier report."""
    folder.mkdir(exist_ok=True)
    written = set()
    for one in tables:
        for name, text in ((f"{one.name}.csv", csv_text(one)), (f"{one.name}.tex", latex(one))):
            replace_file(folder / name, [text.encode()])
            written.add(name)
    for old in folder.iterdir():
        if _NUMBERED.fullmatch(old.name) and old.name not in written:
            old.unlink()
