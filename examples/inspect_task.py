"""inspect_ai: does a model answer the way mira likes? Fixed answers replace the model, so that no key is needed.

With a model: inspect eval personalrm/preferences --model … -T choices=mira_later.jsonl -T profiles=FOLDER
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from inspect_ai import eval as inspect_eval
from inspect_ai.model import ModelOutput, ModelUsage, get_model

from personalrm import SynthesizeMe
from personalrm.integrations.inspect_ai import preferences

HERE = Path(__file__).parent


def answers(text: str, count: int) -> list[ModelOutput]:
    made = []
    for _ in range(count):
        one = ModelOutput.from_content("mock", text)
        one.usage = ModelUsage(input_tokens=8, output_tokens=3, total_tokens=11)
        made.append(one)
    return made


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        SynthesizeMe().fit(HERE / "mira.jsonl").save(Path(folder) / "mira.json")
        task = preferences(str(HERE / "mira_later.jsonl"), folder, personal=False)
        for text in ("Nine minutes.", "That may well depend on a great many things, so do check!"):
            model = get_model("mockllm/model", custom_outputs=answers(text, len(task.dataset)))
            [log] = inspect_eval(task, model=model, display="none", log_dir=folder)
            value = log.results.scores[0].metrics["mean"].value if log.results else float("nan")
            print(f"{value:.2f} of the answers she chose then are beaten by: {text}")


if __name__ == "__main__":
    main()
