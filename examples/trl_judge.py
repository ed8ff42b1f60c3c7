"""TRL: select the best of several completions for one user, and preference rows with the user in the prompt."""

from __future__ import annotations

import tempfile
from pathlib import Path

from personalrm import SynthesizeMe, read_history
from personalrm.integrations.trl import PersonalJudge, preference_rows

CHOICES = Path(__file__).with_name("mira.jsonl")


def main() -> None:
    answers = ["That may well depend on a great many things, so do check!", "Nine minutes."]
    with tempfile.TemporaryDirectory() as folder:
        SynthesizeMe().fit(CHOICES).save(Path(folder) / "mira.json")
        judge = PersonalJudge(folder)
        [best] = judge.judge(["How long does pasta take?"], [answers])
    print(f"best: {answers[best]}")
    rows = list(preference_rows([read_history(CHOICES)], user_prompt="persona"))
    told = [row["prompt"][0]["content"] for row in rows if row["prompt"][0]["role"] == "system"]
    print(f"{len(rows)} rows, {len(told)} with a persona in the prompt")


if __name__ == "__main__":
    main()
