"""Reports of a benchmark: a table in the terminal, one page that needs no network, and LaTeX and CSV tables.

record (bench/record.py) ─┬─ tables ─┬─ page (markup, page.css)
                          ├─ pictures ─ drawing ─ svg ─┤   writing: report.html and tables/
folder ─ evidence, studies ─────────────────────────────┘
                          └─ terminal

Everything is made from the record that a run leaves; nothing is measured here.
"""
