"""Reports of a benchmark run: terminal tables, a self-contained HTML page, and LaTeX and CSV tables.

record (bench/record.py) ─┬─ tables ────────────────────────┬─ page ─ writing: report.html and tables/
                          ├─ charts_from_record ─ drawing ─ svg ─┤
folder ─ evidence, studies ──────────────────────────────────────┘
                          └─ terminal

All content comes from the record of the run; nothing is computed from the choices here.
"""
