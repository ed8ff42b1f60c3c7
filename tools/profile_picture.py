"""Draw docs/profile.svg: what `personalrm persona` prints for the invented user of the examples.

python tools/profile_picture.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 100


def main() -> None:
    """Fit, print as a terminal shows it, and keep the picture."""
    environment = {**os.environ, "COLUMNS": str(WIDTH)}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "personalrm", "fit", "examples/mira.jsonl", "--out", f"{folder}/mira.json"]
        printed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    console = Console(record=True, width=WIDTH, file=Path(os.devnull).open("w"), force_terminal=True)  # noqa: SIM115
    console.print(Text("$ personalrm fit examples/mira.jsonl --out mira.json", style="bold"))
    console.print(Text(printed.rstrip()))
    svg = console.export_svg(title="personalrm")
    # no font of another host: the picture must draw without a network
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    (ROOT / "docs/profile.svg").write_text(svg.replace("Fira Code", "DejaVu Sans Mono"), "utf-8")


if __name__ == "__main__":
    main()
