"""The root of the repository; the folder of real people's data is given by the fixture `real_data`."""

from __future__ import annotations

from pathlib import Path

HELPERS = Path(__file__).resolve().parent
ROOT = HELPERS.parents[1]
SOURCE = ROOT / "src"
MIRA = ROOT / "examples" / "mira.jsonl"
LATER = ROOT / "examples" / "mira_later.jsonl"
