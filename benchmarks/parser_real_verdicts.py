"""Parser results for 8,808 raw verdicts of six models (llmbar_cot.jsonl.gz), compared with the recorded winner.

    python benchmarks/parser_real_verdicts.py [FILE]

The recorded winner was found with one pattern per model, searched for side (a) first. Rows alternate between the two
orders of presentation, so the recorded winner is "1" for Output (a) on even rows and for Output (b) on odd ones. Where
parser and record disagree, the column `record misread` counts the rows in which the pattern matched something other
than the last "Output (x) is better" of the text: for PaLM2, any line that starts with "Output (a)".
"""

from __future__ import annotations

import gzip
import json
import re
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

from common import real_data
from personalrm.llm.answers import parse_choice, why_unparsed

PRAISE = re.compile(r"Output \(([ab])\) is better")


def main(path: Path) -> None:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    counts: dict[str, Counter[str]] = {}
    reasons: Counter[str] = Counter()
    for number, row in enumerate(rows):
        choice = parse_choice(row["completion"])
        if choice is None:
            reasons[why_unparsed(row["completion"])] += 1
        for name in (row["model"], "all"):
            counts.setdefault(name, Counter()).update(_outcome(number, row, choice))
    print(f"{'model':14}{'recorded':>10}{'read':>8}{'coverage':>10}{'agree':>8}{'agreement':>11}{'record misread':>16}"
          f"{'not recorded':>14}{'of them read':>14}")  # fmt: skip
    for name in sorted(counts, key=lambda one: (one == "all", one)):
        c = counts[name]
        print(f"{name:14}{c['recorded']:10}{c['read']:8}{c['read'] / c['recorded']:10.4f}{c['agree']:8}"
              f"{c['agree'] / c['read']:11.4f}{c['misread']:16}{c['null']:14}{c['null read']:14}")  # fmt: skip
    print("unread:", ", ".join(f"{reason} {count}" for reason, count in reasons.most_common()))
    _speed([row["completion"] for row in rows])


def _outcome(number: int, row: dict[str, str | None], choice: str | None) -> list[str]:
    if row["winner"] is None:
        return ["null"] + ["null read"] * (choice is not None)
    outcome = ["recorded"]
    if choice is not None:
        winner = "ab"[(int(row["winner"]) - 1) ^ (number % 2)]
        praised = PRAISE.findall(str(row["completion"]))
        outcome += ["read", "agree" if choice == winner else "disagree"]
        outcome += ["misread"] * (choice != winner and bool(praised) and praised[-1] == choice)
    return outcome


def _speed(texts: list[str]) -> None:
    for low, high in ((1, 120), (400, 600), (1350, 1650)):
        chosen = [text for text in texts if low <= len(text) <= high]
        taken = []
        for text in chosen:
            start = time.perf_counter()
            parse_choice(text)
            taken.append((time.perf_counter() - start) * 1e6)
        print(f"{low}–{high} characters: median {statistics.median(taken):.0f} µs over {len(chosen)} answers")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else real_data() / "llmbar_cot.jsonl.gz")
