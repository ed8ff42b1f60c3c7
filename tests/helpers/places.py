"""Where the repository's own files lie; where real people's data lies is the business of the fixture `real_data`."""

from __future__ import annotations

from pathlib import Path

HELPERS = Path(__file__).resolve().parent
ROOT = HELPERS.parents[1]
SOURCE = ROOT / "src"
MIRA = ROOT / "examples" / "mira.jsonl"
LATER = ROOT / "examples" / "mira_later.jsonl"
