"""`personalrm report`: the page and the tables of a finished run, of studies, or of both, beside their results.

page = write_report("out")         # out/report.html, out/tables/*.csv, out/tables/*.tex

The tables hold nothing that tells time: equal runs write equal bytes. Whatever cannot be read stops before anything is
written; each file is written whole or not at all.
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

PAGE, TABLES = "report.html", "tables"
_NUMBERED = re.compile(r"(same_pairs|study_.+)_\d+\.(csv|tex)")
"""Tables of which a later report may have fewer."""


def write_report(directory: str | Path) -> Path:
    """Write ``report.html`` and ``tables/`` beside the results of a run; gives the path of the page.

    Raises:
        DataError: there are no results there, or a file of the run cannot be read.
        StorageError: something cannot be written.
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


def _write_tables(folder: Path, tables: Iterable[Table]) -> None:
    """Each as LaTeX and CSV; numbered ones of an earlier report that are no longer made go."""
    folder.mkdir(exist_ok=True)
    written = set()
    for one in tables:
        for name, text in ((f"{one.name}.csv", csv_text(one)), (f"{one.name}.tex", latex(one))):
            replace_file(folder / name, [text.encode()])
            written.add(name)
    for old in folder.iterdir():
        if _NUMBERED.fullmatch(old.name) and old.name not in written:
            old.unlink()
