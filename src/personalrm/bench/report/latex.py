"""Format a table as LaTeX (needs the packages booktabs and textcomp); text from data is escaped.

latex(table)              # "\\\\begin{table}…"
escaped("50 % of A_1")    # "50 \\\\% of A\\\\_1"
"""

from __future__ import annotations

from personalrm.bench.report.table import Column, Table, words
from personalrm.formatting.texts import plain

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\char34}",  # babel shorthands use the plain character
    "`": r"\textasciigrave{}",
    "[": "{[}",  # after the end of a row LaTeX would parse it as an optional length
    "]": "{]}",
    "*": "{*}",
    "–": "--",
    "—": "---",
    "−": "$-$",
    "…": r"\ldots{}",
    "·": r"\textperiodcentered{}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "“": "``",
    "”": "''",
    "’": "'",
}


def latex(table: Table) -> str:
    """A LaTeX table float with caption and label, without run times."""
    shown = table.untimed()
    heads = " & ".join(escaped(one.head) for one in shown.columns)
    body = [" & ".join(_cell(*both) for both in zip(shown.columns, row, strict=True)) for row in shown.rows]
    caption = escaped(f"{shown.title}. {shown.note}".strip() if shown.note else f"{shown.title}.")
    lines = [
        "% needs \\usepackage{booktabs,textcomp}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{caption}}}",
        f"\\label{{tab:{shown.name}}}",
        f"\\begin{{tabular}}{{{''.join('l' if one.form == 'text' else 'r' for one in shown.columns)}}}",
        "\\toprule",
        f"{heads} \\\\",
        "\\midrule",
        *(f"{line} \\\\" for line in body),
        "\\bottomrule",
        "\\end{tabular}",
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Escape all characters of a text that are special in LaTeX."""
    return "".join(_SPECIAL.get(one, one) for one in plain(text))


def _cell(column: Column, value: object) -> str:
    shown = escaped(words(column, value))  # type: ignore[arg-type]
    if column.form in ("signed", "shift"):
        return shown.replace("-0.", "$-$0.").replace("+0.", "$+$0.")
    return shown
